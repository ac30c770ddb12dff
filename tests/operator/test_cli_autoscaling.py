"""What the commands find out and tell of autoscaling, on a cluster over HTTP, by whoever may read what."""

import json

import pytest
import yaml

from apiserver.faults import FORBIDDEN, to
from apiserver.running import running
from diffs import SEVEN
from operated import KEY, Operated
from people import Person
from resources import SETTINGS
from scaled_lives import KEDA
from tracedmodel_operator.kinds import AUTOSCALER, DEPLOYMENT, SCALED_OBJECT, TRACED_MODEL
from tracedmodel_operator.kube import Request

BY_LOAD = {"serving": {"replicas": 1, "autoscaling": {"minReplicas": 2, "maxReplicas": 6}}}
FROM_ZERO = {"serving": {"replicas": 1, "autoscaling": {"minReplicas": 0, "maxReplicas": 6}}}


@pytest.fixture
def people(tmp_path):
    """Return a maker of people before clusters whose operator has the settings."""
    servers = []

    def make(settings=SETTINGS, spec=None):
        operated = Operated(settings)
        operated.apply(spec)
        operated.persist()
        server = running(operated.cluster)
        servers.append(server)
        return Person(operated, server.__enter__(), tmp_path)

    yield make
    for server in servers:
        server.__exit__(None, None, None)


def manifest(person, folder, spec):
    """Write what is there, applied by kubectl, with another spec."""
    item = person.operated.cluster.get(TRACED_MODEL, *KEY)
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(item)}
    person.operated.apply(annotations=applied)
    asked = {**item["spec"]["serving"], **spec["serving"]}
    serving = {name: value for name, value in asked.items() if value is not None}
    document = {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "metadata": {"name": KEY[1]},
        "spec": {**item["spec"], "serving": serving},
    }
    file = folder / "minilm.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(file)


def foretold(person, folder, spec, capsys):
    assert person.calls("diff", manifest(person, folder, spec), "-o", "json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    return found


def scalers(operated):
    return {
        f"{kind.name}/{item['metadata']['name']}"
        for kind in (AUTOSCALER, SCALED_OBJECT)
        for item in operated.cluster.objects(kind)
        if not item["metadata"]["name"].startswith("keda-hpa")
    }


@pytest.mark.parametrize("settings", [SETTINGS, KEDA], ids=["HPA", "KEDA"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"serving": {"replicas": 1}}, BY_LOAD),
        ({"serving": {"replicas": 4}}, BY_LOAD),
        (BY_LOAD, SEVEN),
        (BY_LOAD, {"serving": {"autoscaling": {"minReplicas": 3, "maxReplicas": 9}}}),
        (BY_LOAD, FROM_ZERO),
        ({"serving": {"replicas": 1}}, {"serving": {"replicas": 3}}),
    ],
    ids=["few-to-load", "many-to-load", "load-to-number", "load-to-load", "to-zero", "numbers"],
)
def test_what_is_foretold_is_what_the_operator_then_does(  # noqa: PLR0917  # fixtures
    people, tmp_path, capsys, settings, before, after
):
    person = people(settings, before)
    if not settings.keda:
        person.operated.cluster.missing_groups.add("keda.sh")
    elif before is not BY_LOAD:
        # Nothing there tells the engine: another resource does.
        person.operated.apply(BY_LOAD, name="ner")
        person.operated.persist()
    operated = person.operated
    was = scalers(operated)
    replicas = operated.cluster.get(DEPLOYMENT, *KEY)["spec"]["replicas"]
    found = foretold(person, tmp_path, after, capsys)
    operated.apply({"serving": {"autoscaling": None, **after["serving"]}})
    operated.persist()
    assert {*found["created"]} == scalers(operated) - was
    assert {k for k in found["deleted"] if "keda-hpa" not in k} == was - scalers(operated)
    now = operated.cluster.get(DEPLOYMENT, *KEY)["spec"]["replicas"]
    assert (found["replicas"] or [replicas, replicas])[1] == now
    stalled = operated.conditions().get("Stalled")
    assert (found["problem"] or "").partition(":")[0] == (stalled or "")


def test_status_shows_a_scaled_object_with_the_autoscaler_that_is_made_of_it(people, capsys):
    person = people(KEDA, BY_LOAD)
    assert person.calls("status", "minilm") == 0
    out = capsys.readouterr().out
    first = out.index("─ScaledObject/minilm")
    assert first < out.index("  └─HorizontalPodAutoscaler/keda-hpa-minilm")
    assert "NotSeen" in out[first:].splitlines()[0]
    assert "not shown" not in out


def test_a_cluster_without_keda_has_none_and_that_is_no_fault(people, tmp_path, capsys):
    person = people()
    person.operated.cluster.missing_groups.add("keda.sh")
    assert person.calls("status", "minilm") == 0
    assert "not shown" not in capsys.readouterr().out
    found = foretold(person, tmp_path, BY_LOAD, capsys)
    assert (found["autoscaler"], found["assumed"]) == ("HorizontalPodAutoscaler/minilm", [])


def test_who_may_not_read_a_kind_that_is_not_there_is_told_nothing_of_it(people, tmp_path, capsys):
    person = people()
    person.operated.cluster.missing_groups.add("keda.sh")
    person.server.faults.always(FORBIDDEN, when=to("scaledobjects"))
    assert person.calls("status", "minilm") == 0
    assert "not shown" not in capsys.readouterr().out
    found = foretold(person, tmp_path, BY_LOAD, capsys)
    assert (found["assumed"], found["notRead"]) == ([], None)


def test_scaled_objects_that_may_not_be_read_are_named_and_the_rest_is_told(
    people, tmp_path, capsys
):
    person = people()
    person.server.faults.always(FORBIDDEN, when=to("scaledobjects"))
    assert person.calls("status", "minilm") == 0
    assert "not shown: scaledobjects: you may not do this" in capsys.readouterr().out
    file = manifest(person, tmp_path, BY_LOAD)
    assert person.calls("diff", file) == 0
    out = capsys.readouterr().out
    assert "creates:      HorizontalPodAutoscaler/minilm\n" in out
    assert "assumed:      HorizontalPodAutoscalers scale, as by default" in out
    assert "not read:     scaledobjects: you may not do this" in out


def test_what_keda_made_tells_the_engine_to_who_may_not_read_scaled_objects(
    people, tmp_path, capsys
):
    person = people(KEDA, BY_LOAD)
    person.server.faults.always(FORBIDDEN, when=to("scaledobjects"))
    found = foretold(person, tmp_path, SEVEN, capsys)
    assert found["deleted"] == ["HorizontalPodAutoscaler/keda-hpa-minilm", "ScaledObject/minilm"]
    assert found["replicas"] == [2, 7]
    assert person.calls("status", "minilm") == 0
    assert "─HorizontalPodAutoscaler/keda-hpa-minilm" in capsys.readouterr().out


def test_who_may_not_even_ask_for_kinds_is_told_what_is_not_read(people, capsys):
    person = people()

    def keda(request: Request) -> bool:
        return request.path.startswith("/apis/keda.sh")

    person.server.faults.always(FORBIDDEN, when=keda)
    assert person.calls("status", "minilm") == 0
    assert "not shown: scaledobjects: " in capsys.readouterr().out


def own(person, name):
    """Have a person make an autoscaler of their own."""
    target = {"apiVersion": "tracedmodel.dev/v1alpha1", "kind": "TracedModel", "name": "minilm"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
    metadata = {"name": name, "namespace": "search"}
    person.operated.cluster.create(AUTOSCALER, {"metadata": metadata, "spec": spec})


def test_an_autoscaler_of_ones_own_is_shown_and_is_not_the_operators_to_delete(
    people, tmp_path, capsys
):
    person = people()
    own(person, "minilm")
    assert person.calls("status", "minilm") == 0
    assert "HorizontalPodAutoscaler/minilm" in capsys.readouterr().out
    found = foretold(person, tmp_path, {"serving": {"replicas": 2}}, capsys)
    assert (found["deleted"], found["replicas"]) == ([], [1, 2])


def test_an_autoscaler_of_ones_own_in_the_way_is_a_conflict(people, tmp_path, capsys):
    person = people()
    own(person, "minilm")
    assert person.calls("diff", manifest(person, tmp_path, BY_LOAD)) == 0
    told = "NameConflict: HorizontalPodAutoscaler minilm is someone else's; rename it"
    out = capsys.readouterr().out
    assert f"stalled:      {told}" in out
    assert "creates:" not in out
    person.operated.apply(BY_LOAD)
    person.operated.settle()
    assert person.operated.conditions()["Stalled"] == "NameConflict"


def test_a_scaled_object_of_ones_own_is_shown_too(people, capsys):
    person = people()
    spec = {"scaleTargetRef": {"name": "minilm"}, "triggers": []}
    metadata = {"name": "mine", "namespace": "search"}
    person.operated.cluster.create(SCALED_OBJECT, {"metadata": metadata, "spec": spec})
    assert person.calls("status", "minilm") == 0
    assert "ScaledObject/mine" in capsys.readouterr().out
