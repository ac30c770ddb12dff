import logging
from datetime import datetime, timedelta, timezone

import pytest

from lease_world import GOOD, NEVER_ARRIVES, Fate, Operators, always, failing
from tracedmodel_operator.errors import Unavailable
from tracedmodel_operator.kube import Request
from tracedmodel_operator.lease import _utc
from tracedmodel_operator.lease_record import Terms, claimed


@pytest.fixture
def operators():
    world = Operators()
    yield world
    world.world.close()


def test_the_first_operator_creates_the_lease_and_holds_it(operators):
    operators.held()
    item = operators.server.item
    assert (item["apiVersion"], item["kind"]) == ("coordination.k8s.io/v1", "Lease")
    assert item["metadata"]["name"] == "tracedmodel-operator"
    assert operators.server.spec == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-02T03:20:45.000000Z",
        "renewTime": "2026-01-02T03:20:45.000000Z",
        "leaseTransitions": 0,
    }


def test_a_holder_renews_every_two_seconds_with_one_request(operators):
    operators.held()
    operators.server.log.clear()
    operators.pass_time(10)
    assert operators.server.log == ["PUT"] * 5
    assert operators.server.spec["renewTime"] == "2026-01-02T03:20:55.000000Z"
    assert operators.server.spec["acquireTime"] == "2026-01-02T03:20:45.000000Z"


def test_a_standby_waits_as_long_as_the_holder_renews(operators):
    holder = operators.held()
    standby = operators.start("b")
    operators.pass_time(3600)
    assert operators.leaders() == ["a"]
    assert standby.acquired_at == float("inf")
    assert holder.lost == []


def test_a_standby_takes_over_from_a_holder_that_died(operators):
    holder = operators.held()
    standby = operators.start("b")
    operators.pass_time(10)
    operators.kill(holder)
    died = operators.now
    operators.pass_time(30)
    assert 13 < standby.acquired_at - died < 20
    assert operators.server.spec["holderIdentity"] == "b"
    assert operators.server.spec["leaseTransitions"] == 1


def test_a_standby_takes_over_at_once_from_a_holder_that_gave_the_lease_back(operators):
    holder = operators.held()
    standby = operators.start("b")
    operators.pass_time(10)
    operators.on(holder, holder.lease.release())
    began = operators.now
    operators.pass_time(5)
    assert standby.acquired_at - began < 4.4
    assert holder.lost == []


def test_a_lease_that_is_given_back_names_nobody(operators):
    holder = operators.held()
    operators.on(holder, holder.lease.release())
    operators.pass_time(60)
    assert operators.server.spec["holderIdentity"] == ""
    assert operators.server.spec["leaseDurationSeconds"] == 1
    assert not holder.lease.is_leader


def test_a_standby_gives_back_nothing(operators):
    operators.held()
    standby = operators.start("b")
    operators.pass_time(5)
    operators.on(standby, standby.lease.release())
    operators.pass_time(0)
    assert operators.server.log[-1] == "GET"
    assert operators.server.spec["holderIdentity"] == "a"


def test_giving_back_a_lease_that_is_not_there_does_nothing(operators):
    holder = operators.held()
    operators.server.item = None
    operators.on(holder, holder.lease.release())
    operators.pass_time(1)
    assert operators.server.item is None


def test_a_lease_is_given_back_although_a_late_renewal_changed_it_meanwhile(operators):
    renewal = Fate(there=0.05)
    holder = operators.held(fates=[GOOD, GOOD, renewal, GOOD, Fate(there=0.1)])
    operators.pass_time(1.51)
    operators.server.log.clear()
    operators.on(holder, holder.lease.release())
    operators.pass_time(1)
    looked, renewed, refused = ["GET"], ["PUT"], ["PUT"]
    assert operators.server.log == [*looked, *renewed, *refused, "GET", "PUT"]
    assert operators.server.spec["holderIdentity"] == ""


@pytest.mark.parametrize("fate", [failing(500), failing(409), NEVER_ARRIVES])
def test_a_lease_that_cannot_be_given_back_is_told_and_left(operators, fate, caplog):
    holder = operators.held()
    holder.fates = always(fate)
    operators.on(holder, holder.lease.release())
    operators.pass_time(10)
    assert "the Lease system/tracedmodel-operator is not given back" in caplog.text
    assert operators.server.spec["holderIdentity"] == "a"
    assert holder.lost == []


def test_times_are_written_in_utc_wherever_the_operator_runs():
    moment = datetime(2026, 7, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    spec = claimed({}, "a", Terms(), moment)["spec"]
    assert spec["renewTime"] == spec["acquireTime"] == "2026-06-30T23:30:00.000000Z"
    assert _utc().utcoffset() == timedelta(0)


def test_two_operators_that_start_together_are_one_leader(operators):
    for identity in "ab":
        operators.start(identity)
    operators.pass_time(60)
    assert len(operators.leaders()) == 1


def test_a_lease_without_words_is_free(operators):
    empty = {"namespace": "system", "name": "tracedmodel-operator", "labels": {"kept": "yes"}}
    operators.server.store({"metadata": empty})
    operators.held()
    assert operators.server.item["metadata"]["labels"] == {"kept": "yes"}
    assert operators.server.spec["leaseTransitions"] == 0


def test_a_holder_with_a_longer_lease_is_respected_for_as_long(operators):
    metadata = {"namespace": "system", "name": "tracedmodel-operator"}
    spec = {"holderIdentity": "old", "leaseDurationSeconds": 60, "leaseTransitions": 4}
    operators.server.store({"metadata": metadata, "spec": spec})
    began = operators.now
    operator = operators.start("a")
    operators.pass_time(90)
    assert 60 <= operator.acquired_at - began < 65
    assert operators.server.spec["leaseTransitions"] == 5


@pytest.mark.parametrize("drift", [-86400.0, 86400.0])
def test_clocks_that_are_wrong_by_a_day_change_nothing(operators, drift):
    holder = operators.held()
    operators.start("b", drift=drift)
    operators.pass_time(600)
    assert operators.leaders() == ["a"]
    operators.kill(holder)
    operators.pass_time(20)
    assert operators.leaders() == ["b"]


def write(operators, operator):
    return operators.on(operator, operator.fenced(Request("PUT", "/x", {}, {"metadata": {}})))


def test_an_operator_that_does_not_lead_may_read_and_not_write(operators):
    operators.held()
    standby = operators.start("b")
    written = write(operators, standby)
    read = operators.on(standby, standby.fenced(Request("GET", "/x")))
    operators.pass_time(1)
    assert isinstance(written.exception(), Unavailable)
    assert str(written.exception()) == "this operator does not hold the Lease"
    assert read.result().status == 200


def test_an_operator_that_leads_may_write(operators):
    holder = operators.held()
    written = write(operators, holder)
    operators.pass_time(1)
    assert written.result().status == 409


def test_what_stays_the_same_is_logged_once(operators, caplog):
    caplog.set_level(logging.INFO)
    operators.held()
    operators.start("b")
    operators.pass_time(600)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "a holds the Lease system/tracedmodel-operator",
        "the Lease system/tracedmodel-operator is held by a",
    ]


def test_what_keeps_an_operator_from_the_lease_is_logged_once(operators, caplog):
    operators.start("a", fates=always(failing(403)))
    operators.pass_time(60)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["the Lease system/tracedmodel-operator: as told"]


def test_silence_is_logged_as_such(operators, caplog):
    operators.start("a", fates=always(NEVER_ARRIVES))
    operators.pass_time(60)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ["the Lease system/tracedmodel-operator: no answer in time"]


@pytest.mark.parametrize("terms", [(15, 15, 2), (15, 2, 2), (15, 10, 0), (15, 10, 9)])
def test_terms_that_would_let_two_lead_or_none_are_refused(terms):
    with pytest.raises(ValueError, match="must outlast"):
        Terms(*terms)
