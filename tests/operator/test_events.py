import asyncio
import re
from datetime import datetime, timedelta, timezone

import pytest

from tracedmodel_operator.events import Recorder
from tracedmodel_operator.happenings import Happening, Regarding, Severity
from tracedmodel_operator.kinds import EVENT
from tracedmodel_operator.kube import Kube, Response
from virtual_time import in_virtual_time, now

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


class Clock:
    now = START

    def __call__(self):
        return self.now

    def passes(self, **time):
        self.now += timedelta(**time)


class EventServer:
    """Events of an API server: created, merged into, and gone when a test says so."""

    def __init__(self):
        self.items = {}
        self.requests = []
        self.trouble = None
        self.silent = False

    async def __call__(self, request):
        self.requests.append(request.method)
        if self.silent:
            await asyncio.Event().wait()
        if isinstance(self.trouble, Exception):
            raise self.trouble
        if self.trouble:
            return self.trouble
        if request.method == "POST":
            name = request.body["metadata"]["name"]
            assert request.path == EVENT.path(request.body["metadata"]["namespace"])
            self.items[name] = request.body
            return Response(201, request.body)
        name = request.path.rpartition("/")[2]
        if name not in self.items:
            return Response(404, {"message": "not found"})
        self.items[name] |= request.body
        return Response(200, self.items[name])


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server():
    return EventServer()


@pytest.fixture
def recorder(server, clock):
    return Recorder(Kube(server), "operator-7", clock, remembered=50)


def happening(message="no answer", reason="BackingOff", uid="u-1", kind=Severity.WARNING):
    return Happening(Regarding("search", "minilm", uid), kind, reason, message)


@in_virtual_time
async def test_an_event_says_what_happened_to_whom_when_and_who_tells(recorder, server):
    await recorder.record(happening())
    (event,) = server.items.values()
    name = event["metadata"].pop("name")
    assert re.fullmatch(r"minilm\.[0-9a-f]{16}", name)
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "search"},
        "involvedObject": {
            "apiVersion": "tracedmodel.dev/v1alpha1",
            "kind": "TracedModel",
            "namespace": "search",
            "name": "minilm",
            "uid": "u-1",
        },
        "type": "Warning",
        "reason": "BackingOff",
        "message": "no answer",
        "source": {"component": "tracedmodel-operator"},
        "reportingComponent": "tracedmodel-operator",
        "reportingInstance": "operator-7",
        "firstTimestamp": "2026-01-02T03:04:05Z",
        "lastTimestamp": "2026-01-02T03:04:05Z",
        "count": 1,
    }


@in_virtual_time
async def test_the_same_event_within_an_hour_is_counted_up(recorder, server, clock):
    for _ in range(3):
        await recorder.record(happening())
        clock.passes(minutes=59)
    (event,) = server.items.values()
    assert server.requests == ["POST", "PATCH", "PATCH"]
    assert event["count"] == 3
    assert event["firstTimestamp"] == "2026-01-02T03:04:05Z"
    assert event["lastTimestamp"] == "2026-01-02T05:02:05Z"


@in_virtual_time
async def test_the_same_event_after_an_hour_is_another(recorder, server, clock):
    await recorder.record(happening())
    clock.passes(hours=1)
    await recorder.record(happening())
    assert [event["count"] for event in server.items.values()] == [1, 1]


@pytest.mark.parametrize(
    "other", [happening(message="x"), happening(reason="X"), happening(uid="u-2")]
)
@in_virtual_time
async def test_another_message_reason_or_object_is_another_event(recorder, server, other):
    await recorder.record(happening())
    await recorder.record(other)
    assert len(server.items) == 2


@in_virtual_time
async def test_an_event_that_is_gone_is_made_anew(recorder, server):
    await recorder.record(happening())
    server.items.clear()
    await recorder.record(happening())
    await recorder.record(happening())
    (event,) = server.items.values()
    assert event["count"] == 2
    assert server.requests == ["POST", "PATCH", "POST", "PATCH"]


@in_virtual_time
async def test_an_object_that_keeps_happening_is_told_25_times_and_then_every_five_minutes(
    recorder, server, clock
):
    for number in range(40):
        await recorder.record(happening(f"flap {number}"))
    assert len(server.items) == 25
    clock.passes(minutes=4, seconds=59)
    await recorder.record(happening("too early"))
    assert len(server.items) == 25
    clock.passes(seconds=1)
    await recorder.record(happening("again"))
    await recorder.record(happening("once more"))
    assert len(server.items) == 26


@in_virtual_time
async def test_a_quiet_day_allows_no_more_than_25_at_once(recorder, server, clock):
    await recorder.record(happening("first"))
    clock.passes(days=1)
    for number in range(40):
        await recorder.record(happening(f"flap {number}"))
    assert len(server.items) == 1 + 25


@in_virtual_time
async def test_a_clock_that_is_set_back_costs_nobody_an_event(recorder, server, clock):
    await recorder.record(happening("first"))
    clock.passes(days=-1)
    await recorder.record(happening("second"))
    assert len(server.items) == 2


@in_virtual_time
async def test_one_object_takes_no_events_from_another(recorder, server):
    for number in range(40):
        await recorder.record(happening(f"flap {number}"))
    await recorder.record(happening(uid="u-2"))
    assert len(server.items) == 26


@in_virtual_time
async def test_chatter_takes_no_warnings_away(recorder, server):
    for number in range(40):
        await recorder.record(happening(f"{number} replicas up", kind=Severity.NORMAL))
    await recorder.record(happening("no node takes the pod"))
    assert list(server.items.values())[-1]["message"] == "no node takes the pod"


@in_virtual_time
async def test_what_was_unused_for_longest_is_forgotten(recorder, server):
    await recorder.record(happening())
    for number in range(49):
        await recorder.record(happening(uid=f"other-{number}"))
    await recorder.record(happening())
    await recorder.record(happening(uid="one more"))
    server.requests.clear()
    await recorder.record(happening())
    await recorder.record(happening(uid="other-0"))
    assert server.requests == ["PATCH", "POST"]
    assert len(recorder._written._items) == len(recorder._buckets._items) == 50


@in_virtual_time
async def test_a_message_is_cut_to_what_an_event_may_hold(recorder, server):
    await recorder.record(happening("ä" * 2000))
    (event,) = server.items.values()
    assert len(event["message"].encode()) <= 1024


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (Response(403, {"message": "no right to create events"}), "no right to create events"),
        (Response(500, {"message": "etcd is down"}), "etcd is down"),
        (ZeroDivisionError("a bug"), "a bug"),
    ],
)
@in_virtual_time
async def test_an_event_that_cannot_be_written_is_logged_and_nothing_else_happens(
    recorder, server, caplog, trouble, why
):
    server.trouble = trouble
    await recorder.record(happening())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    told = f"an Event of search/minilm is lost: BackingOff: no answer ({why})"
    assert record.getMessage() == told
    server.trouble = None
    await recorder.record(happening())
    assert len(server.items) == 1


@in_virtual_time
async def test_an_event_that_nobody_answers_keeps_nobody_waiting_for_long(recorder, server, caplog):
    server.silent = True
    began = now()
    await recorder.record(happening())
    assert now() - began == 5
    assert caplog.messages == [
        "an Event of search/minilm is lost: BackingOff: no answer (no answer)"
    ]


@in_virtual_time
async def test_who_is_told_to_stop_stops_although_an_event_is_on_its_way(recorder, server):
    server.silent = True
    telling = asyncio.create_task(recorder.record(happening()))
    await asyncio.sleep(1)
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
