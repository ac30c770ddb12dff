"""Whatever the network, the API server and the processes do, two operators never lead at once."""

import asyncio
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lease_world import GOOD, LOST, NEVER_ARRIVES, Fate, Operators, always, failing


@pytest.fixture
def operators():
    world = Operators()
    yield world
    world.world.close()


@pytest.mark.parametrize(
    "fate", [failing(500), failing(403), NEVER_ARRIVES, LOST, failing(500, carried_out=True)]
)
def test_a_holder_that_cannot_renew_ends_ten_seconds_after_its_last_renewal_was_sent(
    operators, fate
):
    holder = operators.held()
    operators.pass_time(2)
    last = operators.now - 0.5
    holder.fates = always(fate)
    operators.pass_time(60)
    assert holder.lost == [
        "the Lease system/tracedmodel-operator could not be renewed for 10 s",
    ]
    assert holder.lost_at == last + 10


def test_the_time_of_a_slow_renewal_counts_from_its_start(operators):
    holder = operators.held()
    holder.fates = itertools.chain([Fate(there=4.0)], always(NEVER_ARRIVES))
    sent = operators.now + 1.5
    operators.pass_time(60)
    assert holder.lost_at == sent + 10


def test_a_holder_whose_answer_was_lost_finds_itself_in_the_lease_and_goes_on(operators):
    holder = operators.held()
    holder.fates = iter([LOST])
    operators.pass_time(60)
    assert operators.leaders() == ["a"]
    assert operators.server.spec["leaseTransitions"] == 0


def test_an_operator_whose_acquisition_was_answered_by_nobody_finds_itself_in_the_lease(operators):
    operator = operators.start("a", fates=[GOOD, LOST])
    operators.pass_time(20)
    assert operators.leaders() == ["a"]
    assert operators.server.spec["leaseTransitions"] == 0
    assert operator.acquired_at < operators.now


def test_a_holder_that_is_replaced_by_hand_ends_at_once(operators):
    holder = operators.held()
    item = json.loads(json.dumps(operators.server.item))
    item["spec"]["holderIdentity"] = "somebody"
    operators.server.store(item)
    operators.pass_time(2)
    assert holder.lost == ["the Lease system/tracedmodel-operator is held by somebody"]


def test_a_holder_makes_a_lease_anew_that_was_deleted(operators):
    operators.held()
    operators.server.item = None
    operators.pass_time(2)
    assert operators.server.spec["holderIdentity"] == "a"
    assert operators.leaders() == ["a"]


def test_a_standby_respects_the_holder_of_a_lease_that_was_deleted(operators):
    holder = operators.held()
    standby = operators.start("b")
    operators.pass_time(5)
    holder.fates = always(NEVER_ARRIVES)
    operators.server.item = None
    deleted = operators.now
    operators.pass_time(60)
    assert standby.acquired_at > deleted + 11
    assert holder.lost_at < standby.acquired_at


def test_a_holder_that_stood_still_leads_no_more_when_it_wakes(operators):
    holder = operators.held()
    standby = operators.start("b")
    operators.pass_time(5)
    operators.freeze(holder, 60)
    woke = operators.now + 60
    operators.pass_time(120)
    assert standby.lease.is_leader
    assert holder.lost_at == woke
    assert "could not be renewed" in holder.lost[0]


def test_an_operator_that_stands_still_right_before_it_would_lead_does_not_lead(operators):
    operator = operators.start("a")
    create = operator.lease._kube.create

    async def slowly(*arguments):
        answer = await create(*arguments)
        operators.world.clock.now += 12
        return answer

    operator.lease._kube.create = slowly
    operators.pass_time(1)
    assert operators.server.spec["holderIdentity"] == "a"
    assert not operator.lease.is_leader
    operators.pass_time(20)
    assert operator.lease.is_leader
    assert operator.lost == []


def test_an_operator_that_lost_the_lease_and_lives_on_does_not_take_it_again(operators):
    holder = operators.held()
    told = []
    holder.lease._lost = told.append
    holder.fates = itertools.chain([NEVER_ARRIVES] * 2, always(GOOD))
    operators.pass_time(60)
    assert told == ["the Lease system/tracedmodel-operator could not be renewed for 10 s"]
    assert operators.leaders() == []


def test_a_callback_that_fails_is_not_called_again(operators):
    holder = operators.held()
    told = []

    def failing_callback(sentence):
        told.append(sentence)
        raise RuntimeError(sentence)

    holder.lease._lost = failing_callback
    item = json.loads(json.dumps(operators.server.item))
    item["spec"]["holderIdentity"] = "somebody"
    operators.server.store(item)
    operators.pass_time(60)
    assert told == ["the Lease system/tracedmodel-operator is held by somebody"]


def test_an_unforeseen_fault_while_renewing_ends_the_process(operators):
    holder = operators.held()

    async def broken(*_):
        raise ZeroDivisionError

    holder.lease._kube.replace = broken
    operators.pass_time(2)
    assert holder.lost == [
        "renewing the Lease system/tracedmodel-operator failed: ZeroDivisionError()"
    ]


DELAYS = st.sampled_from([0.0, 0.0, 0.01, 0.7, 3.0, 6.0, 14.0, 40.0])
FATES = st.one_of(
    st.builds(Fate, there=DELAYS, back=DELAYS),
    st.builds(
        Fate,
        there=DELAYS,
        back=DELAYS,
        carried_out=st.booleans(),
        status=st.sampled_from([409, 429, 500, 504]),
    ),
    st.sampled_from([GOOD, LOST, NEVER_ARRIVES]),
)
TIMES = st.floats(0, 100, allow_nan=False)
STANDSTILLS = st.lists(st.tuples(st.integers(0, 1), TIMES, st.floats(0.1, 60)), max_size=4)
ENDS = st.lists(st.tuples(st.integers(0, 1), TIMES, st.booleans()), max_size=2)


@settings(max_examples=100, deadline=None)
@given(
    fates=st.tuples(st.lists(FATES, max_size=25), st.lists(FATES, max_size=25)),
    standstills=STANDSTILLS,
    ends=ENDS,
)
def test_never_do_two_operators_lead_and_in_the_end_one_does(fates, standstills, ends):
    operators = Operators()
    try:
        pair = [operators.start(name, own) for name, own in zip("ab", fates, strict=True)]
        for which, when, seconds in standstills:
            operators.later(when, operators.freeze, pair[which], seconds)
        for which, when, politely in ends:
            operators.later(when, end, operators, pair[which], politely)
        operators.pass_time(250)
        operators.start("c")
        operators.pass_time(60)
        assert len(operators.leaders()) == 1
        for operator in operators.all:
            assert len(operator.lost) <= 1
            assert operator.lost == [] or operator.acquired_at < operator.lost_at
    finally:
        operators.world.close()


def end(operators, operator, politely):
    if not politely:
        operators.kill(operator)
        return

    async def leave():
        operator.acquiring.cancel()
        await asyncio.wait([operator.acquiring])
        await operator.lease.release()

    operators.on(operator, leave())
