from dataclasses import replace

import pytest

from states import pods_not_created, queued, ready, remade, rolling
from tracedmodel_operator.observe import Serving
from tracedmodel_operator.plan import Plan
from tracedmodel_operator.slots import Slots

A, B, C, D = (("search", name) for name in "abcd")
BEGINS, QUEUED, IDLE = Plan(replaces=True), Plan(held="RolloutQueued"), Plan()


@pytest.fixture
def slots():
    return Slots()


@pytest.fixture
def settled() -> Serving:
    return ready().observe().serving


@pytest.fixture
def replacing() -> Serving:
    return remade().observe().serving


@pytest.fixture
def starting() -> Serving:
    return rolling().observe().serving


def test_a_rollout_that_begins_is_counted_by_all_others(slots, settled):
    slots.note(A, settled, BEGINS)
    assert (slots.elsewhere(A), slots.elsewhere(B)) == (0, 1)


def test_a_rollout_that_goes_on_is_counted_though_another_operator_began_it(slots, replacing):
    slots.note(A, replacing, IDLE)
    assert slots.elsewhere(B) == 1


def test_a_first_rollout_replaces_nothing_and_is_not_counted(slots, starting):
    slots.note(A, None, IDLE)
    slots.note(A, starting, IDLE)
    assert slots.elsewhere(B) == 0


def test_a_rollout_is_counted_until_its_pods_are_up(slots, settled, starting):
    slots.note(A, settled, BEGINS)
    assert slots.note(A, starting, IDLE) is None
    assert slots.elsewhere(B) == 1
    slots.note(A, settled, IDLE)
    assert slots.elsewhere(B) == 0


def test_a_rollout_past_its_deadline_is_not_counted(slots, replacing):
    slots.note(A, replacing, IDLE)
    slots.note(A, replace(replacing, deadline_exceeded=True), IDLE)
    assert slots.elsewhere(B) == 0


def test_a_rollout_that_ends_wakes_who_waits_for_longest(slots, settled):
    slots.note(A, settled, BEGINS)
    for key in (B, C):
        assert slots.note(key, settled, QUEUED) is None
    assert slots.note(A, settled, IDLE) == B
    assert slots.note(B, settled, BEGINS) is None
    assert slots.note(B, settled, IDLE) == C
    assert slots.note(C, settled, BEGINS) is None
    assert slots.note(C, settled, IDLE) is None


def test_who_waits_no_longer_is_not_woken(slots, settled):
    slots.note(A, settled, BEGINS)
    slots.note(B, settled, QUEUED)
    slots.note(B, settled, IDLE)
    assert slots.note(A, settled, IDLE) is None


def test_who_is_woken_and_needs_it_no_longer_wakes_the_next(slots, settled):
    slots.note(A, settled, BEGINS)
    slots.note(B, settled, QUEUED)
    slots.note(C, settled, QUEUED)
    assert slots.note(A, settled, IDLE) == B
    assert slots.note(B, settled, IDLE) == C
    assert slots.free(C) is None


def test_who_is_woken_too_late_waits_again(slots, settled):
    slots.note(A, settled, BEGINS)
    slots.note(B, settled, QUEUED)
    assert slots.note(A, settled, IDLE) == B
    slots.note(D, settled, BEGINS)
    assert slots.note(B, settled, QUEUED) is None
    assert slots.note(D, settled, IDLE) == B


def test_a_resource_that_is_gone_gives_up_its_slot_and_its_place(slots, settled):
    slots.note(A, settled, BEGINS)
    slots.note(B, settled, QUEUED)
    slots.note(C, settled, QUEUED)
    assert slots.free(B) is None
    assert slots.free(A) == C
    assert slots.free(A) is None


@pytest.mark.parametrize("make", [pods_not_created, lambda: ready(serving={"replicas": 0})])
def test_a_resource_is_held_only_while_it_has_something_to_lose(make):
    assert queued().plan.held == "RolloutQueued"
    world = make()
    world.rollouts_elsewhere = world.settings.max_concurrent_rollouts
    world.edit({"serving": {"resources": {"cpu": "4"}}})
    assert world.turn().held == ""
    assert world.plan.replaces
