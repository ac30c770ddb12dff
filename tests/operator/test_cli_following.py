"""Logs that are followed: pods that come later, streams that end, and how it stops."""

import asyncio
import io
import signal

import pytest
from rich.console import Console

from apiserver.faults import BROKEN, FORBIDDEN, LOST_BEFORE, Answer, Slow, to
from apiserver.outcomes import End, Runs, ends, exports
from apiserver.running import running
from operated import Operated
from people import Person
from tracedmodel_operator.cli import logs
from tracedmodel_operator.cli.cluster import Cluster
from tracedmodel_operator.cli.following import Follower
from tracedmodel_operator.cli.podlog import Lines, PodLog
from tracedmodel_operator.errors import Refused
from tracedmodel_operator.kinds import TRACED_MODEL
from tracedmodel_operator.kube import ClientTransport
from tracedmodel_operator.names import EXPORT, SERVING

BOTH = (EXPORT, SERVING)


@pytest.fixture
def person(tmp_path):
    operated = Operated()
    operated.controllers.jobs = lambda _: Runs()
    operated.apply()
    with running(operated.cluster) as server:
        yield Person(operated, server, tmp_path)


def followed(person, turns, parts=BOTH, query=None):
    """Follow with a cluster on which something happens while one pauses, until it ends; return the lines."""
    shown, acts = io.StringIO(), iter(turns)

    async def connected():
        transport = await ClientTransport.of(str(person.kubeconfig), None)

        async def pause(_):
            if follower._tasks:
                await asyncio.wait(follower._tasks)
            act = next(acts, None)
            if act is None:
                raise asyncio.CancelledError
            await asyncio.to_thread(act)

        cluster, lines = Cluster(transport, "search"), Lines(Console(file=shown, width=200))
        follower = Follower(cluster, lines, query or {}, pause)
        try:
            await follower.follow("minilm", parts)
        except asyncio.CancelledError:
            shown.write("stopped\n")
        finally:
            await transport.close()

    asyncio.run(connected())
    return shown.getvalue().splitlines()


def asked(person):
    return [(r.path.split("/")[-2], r.query) for r in person.server.front.asked]


def test_pods_that_start_later_are_taken_up_with_all_that_they_wrote(person):
    operated = person.operated
    operated.settle()
    person.says("export", "traces\nfails\n")
    first = person.pod("export")

    def another_attempt():
        operated.controllers.jobs = lambda _: ends(End.failed("StoreUnreachable"))
        operated.settle()
        operated.controllers.jobs = exports
        operated.persist()
        person.says("export", "traces again\nsaves\n", number=1)
        person.says("serving", "proves\nserves\n")

    said = followed(person, [another_attempt, lambda: None], query={"tailLines": "1"})
    second, server = person.pod("export", 1), person.pod("serving")
    lines = {pod: [s for s in said if s.startswith(pod)] for pod in (first, second, server)}
    assert lines == {
        first: [f"{first}: fails"],
        second: [f"{second}: traces again", f"{second}: saves"],
        server: [f"{server}: proves", f"{server}: serves"],
    }
    assert asked(person)[0] == (
        first,
        {"follow": "true", "timestamps": "true", "tailLines": "1"},
    )


def test_a_stream_that_ends_before_its_pod_is_taken_up_where_it_ended(person):
    person.operated.settle()
    person.says("export", "one\ntwo\n")
    pod = person.pod("export")

    def cut():
        # The client tries once more on its own where the connection was an old one.
        person.server.faults.next(LOST_BEFORE, times=2, when=lambda r: r.path.endswith("/log"))

    def goes_on():
        person.says("export", "one\ntwo\nthree\n")

    said = followed(person, [cut, goes_on])
    assert said[:2] == [f"{pod}: one", f"{pod}: two"]
    assert said[2].startswith(f"{pod}: no answer from the API server")
    assert said[3:] == [f"{pod}: three", "stopped"]
    assert asked(person)[-1][1]["sinceTime"] == "2026-01-02T03:04:05.400000000Z"


def test_a_pod_that_ended_is_read_once_more_and_then_never(person):
    person.operated.controllers.jobs = lambda _: ends(End.failed("NotFinite"))
    person.operated.settle()
    person.says("export", "fails\n")
    assert followed(person, [lambda: None] * 3) == [f"{person.pod('export')}: fails", "stopped"]
    assert len(person.server.front.asked) == 1


def test_a_pod_that_ended_without_a_word_says_so(person):
    person.operated.controllers.jobs = lambda _: ends(End.failed("NotFinite"))
    person.operated.settle()
    person.says("export", "")
    assert followed(person, []) == [
        f"{person.pod('export')}: wrote nothing: it is Failed",
        "stopped",
    ]


def test_a_pod_that_waits_says_so_once_and_is_followed_when_it_runs(person):
    person.operated.settle()
    person.says("export", "begins\n")
    pod = person.pod("export")
    waits = Answer(400, "BadRequest", "is waiting to start: ContainerCreating")
    person.server.faults.next(waits, times=2, when=lambda r: r.path.endswith("/log"))
    assert followed(person, [lambda: None] * 2) == [
        f"{pod}: no log: is waiting to start: ContainerCreating",
        f"{pod}: begins",
        "stopped",
    ]


def test_before_the_first_pod_one_waits_for_it(person, capsys):
    def comes():
        person.operated.settle()
        person.says("export", "begins\n")

    said = followed(person, [lambda: None, comes, lambda: None], parts=(EXPORT,))
    assert said == [f"{person.pod('export')}: begins", "stopped"]
    assert capsys.readouterr().err == "minilm has no export pod yet\n"


def test_an_api_server_that_does_not_answer_is_asked_again(person, capsys):
    person.operated.settle()
    person.says("export", "begins\n")
    person.server.faults.next(BROKEN, when=to("pods", "GET"))
    assert followed(person, [lambda: None])[0].endswith(": begins")
    assert "etcdserver: request timed out; asking again" in capsys.readouterr().err


def test_it_ends_with_the_resource(person, capsys):
    person.operated.settle()
    person.says("export", "begins\n")

    def deleted():
        person.operated.cluster.delete(TRACED_MODEL, "search", "minilm")
        person.operated.settle()

    assert followed(person, [deleted])[-1].endswith(": begins")
    assert capsys.readouterr().err == "minilm was deleted\n"


def test_a_log_that_may_not_be_read_ends_it(person):
    person.operated.settle()
    person.server.faults.always(FORBIDDEN, when=lambda r: r.path.endswith("/log"))
    with pytest.raises(Refused, match="forbidden: injected"):
        followed(person, [lambda: None])


@pytest.fixture
def interruptible():
    """A process that a shell starts in the background ignores SIGINT, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_it_without_a_traceback(person, monkeypatch, capsys):
    person.operated.settle()
    person.says("export", "begins\n")

    class Interrupted(Follower):
        def __init__(self, *arguments):
            super().__init__(*arguments, pause=self.interrupt)

        async def interrupt(self, _):
            await asyncio.wait(self._tasks)
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()

    monkeypatch.setattr(logs, "Follower", Interrupted)
    assert person.calls("logs", "minilm", "--follow") == 130
    told = capsys.readouterr()
    assert told.out == f"{person.pod('export')}: begins\n"
    assert told.err == ""


def test_the_command_ends_well_with_the_resource(person, monkeypatch, capsys):
    class Deleting(Follower):
        def __init__(self, *arguments):
            super().__init__(*arguments, pause=self.delete)

        async def delete(self, _):
            person.operated.cluster.delete(TRACED_MODEL, "search", "minilm")

    monkeypatch.setattr(logs, "Follower", Deleting)
    assert person.calls("logs", "minilm", "--follow") == 0
    assert capsys.readouterr().err == (
        "minilm has no export or serving pod yet\nminilm was deleted\n"
    )


def test_streams_that_go_on_are_ended_with_the_command(person):
    person.operated.settle()
    person.says("export", "begins\n")
    slow = Slow(3600)
    person.server.faults.always(slow, when=lambda r: r.path.endswith("/log"))
    ended = []

    async def connected():
        transport = await ClientTransport.of(str(person.kubeconfig), None)

        async def pause(_):
            ended.extend(follower._tasks)
            raise KeyError

        lines = Lines(Console(file=io.StringIO()))
        follower = Follower(Cluster(transport, "search"), lines, {}, pause)
        try:
            await follower.follow("minilm", BOTH)
        finally:
            await transport.close()

    with pytest.raises(KeyError):
        asyncio.run(connected())
    assert [task.cancelled() for task in ended] == [True]


def test_it_looks_for_more_pods_every_five_seconds(person, monkeypatch):
    pauses = []

    class Stopped(Follower):
        def __init__(self, *arguments):
            super().__init__(*arguments, pause=self.stop)

        async def stop(self, seconds):
            pauses.append(seconds)
            raise KeyboardInterrupt

    monkeypatch.setattr(logs, "Follower", Stopped)
    assert person.calls("logs", "minilm", "--follow") == 130
    assert pauses == [5.0]


class Told:
    """A cluster with one log, told line by line."""

    def __init__(self, *answers):
        self._answers = iter(answers)

    async def log(self, _pod, **_query):
        for line in next(self._answers):
            yield line


def test_what_a_kubelet_says_of_its_own_accord_is_a_line_without_a_time():
    lost = "unable to retrieve container logs for containerd://1"
    timed = "2026-01-02T03:04:05.5+01:00 one"
    log = PodLog(Told([lost], [lost, timed], [timed, "2026-01-02T03:04:06Z "]), "a")

    async def read():
        return [line async for line in log.new()]

    assert [asyncio.run(read()) for _ in range(3)] == [[lost], ["one"], [""]]
