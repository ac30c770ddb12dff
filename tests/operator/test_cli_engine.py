"""Which engine is taken to scale, by what a cluster shows."""

import pytest

from diffs import NO_KEDA, NOT_TOLD, diff, left_behind_by_keda
from resources import SETTINGS, resource
from screens import by_keda_that_works
from states import autoscaled, edited, ready, to_be_scaled_to_zero_without_keda
from tracedmodel_operator.cli.deciders import decide
from tracedmodel_operator.cli.engine import UNSEEN, Sight, with_engine
from tracedmodel_operator.observe import Observation

BY_LOAD = {"serving": {"autoscaling": {"minReplicas": 2, "maxReplicas": 9}}}
FROM_ZERO = {"serving": {"autoscaling": {"minReplicas": 0, "maxReplicas": 9}}}
KEDA = SETTINGS.with_(autoscaling="KEDA")


def keda(world, settings=SETTINGS, sight=UNSEEN, wanted=None):
    """Tell whether KEDA is taken to scale, and what is assumed."""
    asked = wanted or resource(BY_LOAD)
    found, assumed = with_engine(world.resource, asked, world.observe(), settings, sight)
    return found.keda, bool(assumed)


def seen(*worlds, **more):
    return Sight.of([item for world in worlds for item in world.objects.values()], **more)


def test_where_nothing_tells_it_is_the_default_and_that_is_said():
    assert keda(ready()) == (False, True)


def test_without_autoscaling_nothing_has_to_be_assumed():
    assert keda(ready(), wanted=resource()) == (False, False)


def test_a_cluster_without_scaled_objects_cannot_use_keda():
    assert keda(ready(), KEDA, NO_KEDA) == (False, False)


def test_who_says_which_it_is_is_believed():
    assert keda(ready(), KEDA) == (True, False)
    assert keda(by_keda_that_works(), SETTINGS.with_(autoscaling="HPA")) == (False, False)


def test_the_autoscaler_of_a_resource_tells_what_made_it():
    assert keda(by_keda_that_works()) == (True, False)
    assert keda(autoscaled()) == (False, False)


def test_else_those_of_others_in_the_namespace_tell():
    assert keda(ready(), sight=seen(by_keda_that_works())) == (True, False)
    assert keda(ready(), sight=seen(autoscaled())) == (False, False)


def test_a_namespace_that_is_between_two_engines_tells_nothing():
    assert keda(ready(), sight=seen(by_keda_that_works(), autoscaled())) == (False, True)


def test_what_keda_made_tells_even_where_its_objects_may_not_be_read():
    world = by_keda_that_works()
    del world.objects["ScaledObject", "minilm"]
    assert keda(world) == (True, False)


def test_an_operator_that_waits_for_a_scaled_object_to_be_deleted_does_not_use_keda():
    assert keda(left_behind_by_keda()) == (False, False)


def test_an_operator_that_says_what_it_lacks_tells_its_engine():
    assert keda(to_be_scaled_to_zero_without_keda()) == (False, False)
    world = ready()
    world.settings = KEDA
    assert keda(edited(world, FROM_ZERO)) == (True, False)


@pytest.mark.parametrize("kind", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_autoscalers_that_others_made_tell_nothing(kind):
    mine = {"kind": kind, "metadata": {"name": "mine"}, "spec": {}}
    assert Sight.of([mine]) == Sight(others=frozenset({(kind, "mine")}))


def test_an_autoscaler_that_lost_its_owner_tells_nothing():
    world = autoscaled()
    del world.objects["HorizontalPodAutoscaler", "minilm"]["metadata"]["ownerReferences"]
    assert seen(world).engines == frozenset()


def test_a_query_of_demand_is_assumed_where_nothing_shows_one():
    told = diff(by_keda_that_works(), FROM_ZERO, NOT_TOLD)
    assert "stalled:" not in told
    assert "assumed:      the operator has a demand_query; without one it is Stalled" in told


def test_a_query_of_demand_is_known_where_another_resource_starts_from_zero():
    other = by_keda_that_works()
    other.objects["ScaledObject", "minilm"]["spec"]["minReplicaCount"] = 0
    told = diff(by_keda_that_works(), FROM_ZERO, NOT_TOLD, seen(other))
    assert "stalled:" not in told
    assert "assumed:" not in told


def test_an_operator_that_says_it_has_no_query_of_demand_is_believed():
    world = ready()
    world.settings = KEDA
    told = diff(
        edited(world, FROM_ZERO), {"serving": {"autoscaling": {"maxReplicas": 12}}}, NOT_TOLD
    )
    assert (
        "stalled:      ScaleToZeroUnavailable: nothing would tell KEDA that somebody asks" in told
    )
    assert "assumed:" not in told


def test_without_a_deployment_nothing_is_scaled_while_another_autoscaler_has_to_go():
    world = left_behind_by_keda()
    live = {key: item for key, item in world.observe().live.items() if key[0] != "ScaledObject"}
    found = decide(resource(BY_LOAD), Observation(world.now, live=live), SETTINGS)
    assert found.waits.endswith("has to be gone first: delete the ScaledObject minilm")
    assert (found.now, found.then, found.is_scaled()) == (None, 0, False)


def test_autoscalers_that_are_leaving_are_not_told_to_be_deleted():
    world = by_keda_that_works()
    leaving = {"deletionTimestamp": "2026-01-02T03:04:05Z"}
    world.objects["ScaledObject", "minilm"]["metadata"] |= leaving
    told = diff(world, {"serving": {"replicas": 7, "autoscaling": None}}, NOT_TOLD)
    assert "deletes:" not in told
    assert "scale:        from 1 to 7 replicas\n" in told
