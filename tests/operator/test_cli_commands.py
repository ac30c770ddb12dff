"""The commands, called as a person calls them, on a cluster over HTTP."""

import asyncio
import io
import itertools
import json
import runpy
from pathlib import Path

import pytest
import yaml

from apiserver.faults import BROKEN, FORBIDDEN, Answer
from apiserver.outcomes import End, Runs, Unschedulable, ends, exports
from apiserver.registry import DEFINITION
from apiserver.running import running
from operated import Operated
from people import METRICS, Person
from resources import resource
from tracedmodel_operator.cli import options, waiting
from tracedmodel_operator.cli.cluster import Cluster
from tracedmodel_operator.cli.program import main
from tracedmodel_operator.cli.waiting import wait
from tracedmodel_operator.kinds import DEPLOYMENT, TRACED_MODEL
from tracedmodel_operator.kube import ClientTransport

FOUND = "tracedmodel.dev/requested-at"


@pytest.fixture
def person(tmp_path):
    operated = Operated()
    with running(operated.cluster) as server:
        yield Person(operated, server, tmp_path)


@pytest.fixture
def ready(person):
    """A person before a resource that is as it should be."""
    person.operated.apply({"serving": {"replicas": 2}})
    person.operated.settle()
    return person


def failed(person, reason="NotFinite", message="bucket 1x32 gives NaN"):
    person.operated.controllers.jobs = lambda _: ends(End.failed(reason, message))
    person.operated.apply()
    person.operated.settle()


def writes(person):
    return [r for r in person.operated.cluster.log if r.method != "GET" and "dryRun" not in r.query]


def manifest(folder, spec=None, **metadata):
    document = resource(spec).model_dump(mode="json", by_alias=True, exclude_none=True)
    del document["status"]
    document["metadata"] = {"name": "minilm", **metadata}
    file = folder / "minilm.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(file)


def test_status_shows_the_chain_and_writes_nothing(ready, capsys):
    ready.operated.cluster.log.clear()
    assert ready.calls("status", "minilm") == 0
    out = capsys.readouterr().out
    assert "Succeeded: artifact" in out
    assert out.count("Pod/") == 3
    assert writes(ready) == []


def test_status_of_all_is_a_table(ready, capsys):
    assert ready.calls("status") == 0
    assert ready.calls("status", "-A") == 0
    first, second = capsys.readouterr().out.split("NAMESPACE")
    assert first.splitlines()[1].startswith("minilm   Ready   Succeeded")
    assert second.splitlines()[1].startswith("search      minilm")


@pytest.mark.parametrize(
    ("words", "told"), [(["minilm", "-A"], "leave -A out"), (["--wait"], "name it")]
)
def test_options_that_would_do_nothing_are_refused(person, words, told, capsys):
    assert person.calls("status", *words) == 1
    assert told in capsys.readouterr().err


def test_status_is_for_programs_too(ready, capsys):
    assert ready.calls("status", "tm/minilm", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["chain"]["kind"] == "TracedModel"
    assert ready.calls("status", "-o", "yaml") == 0
    assert yaml.safe_load(capsys.readouterr().out)["items"][0]["metadata"]["name"] == "minilm"


def test_status_of_nothing_says_so(person, capsys):
    assert person.calls("status") == 0
    assert person.calls("status", "-A") == 0
    assert capsys.readouterr().out == (
        "there is no TracedModel in namespace search\nthere is no TracedModel in any namespace\n"
    )


def test_what_may_not_be_read_is_named_and_the_rest_is_shown(ready, capsys):
    rules = [
        {"apiGroups": ["tracedmodel.dev", "apps"], "resources": ["*"], "verbs": ["get", "list"]}
    ]
    ready.operated.cluster.access.grant(rules)
    assert ready.calls("status", "minilm") == 0
    out = capsys.readouterr().out
    assert "Deployment/minilm" in out
    assert "not shown: pods: you may not do this: pods is forbidden" in out


def test_buckets_has_the_waste_that_servers_tell(ready, capsys):
    ready.says("serving", METRICS, "proxy/metrics")
    assert ready.calls("buckets", "minilm") == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("25%")
    assert ready.calls("buckets", "minilm", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["paddingShare"] == 0.25


def test_buckets_does_without_servers_that_do_not_answer(ready, capsys):
    assert ready.calls("buckets", "minilm") == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("-")


def test_before_the_first_export_there_is_nothing_to_show(person, capsys):
    failed(person)
    assert person.calls("buckets", "minilm") == 0
    assert person.calls("artifacts", "minilm") == 0
    assert capsys.readouterr().out == "minilm has no artifact: nothing was exported yet\n" * 2


def test_artifacts_shows_what_is_kept(ready, capsys):
    assert ready.calls("artifacts", "minilm") == 0
    assert "served   1x32,8x128" in capsys.readouterr().out
    assert ready.calls("artifacts", "minilm", "-o", "yaml") == 0
    assert yaml.safe_load(capsys.readouterr().out)[0]["state"] == "served"


def test_logs_have_the_pod_before_every_line(ready, capsys):
    ready.says("export", "model: load 0.20 s\n1x32: trace 0.22 s\n")
    ready.says("serving", '{"msg": "ready"}')
    assert ready.calls("logs", "minilm", "--export", "--tail", "2") == 0
    pod = ready.pod("export")
    assert capsys.readouterr().out == f"{pod}: model: load 0.20 s\n{pod}: 1x32: trace 0.22 s\n"
    assert ready.server.front.asked[-1].query == {"tailLines": "2"}


def test_logs_that_are_not_there_are_told_beside_those_that_are(ready, capsys):
    ready.says("serving", "serves", number=1)
    waits = 'container "server" in pod is waiting to start: ContainerCreating'
    ready.server.faults.next(
        Answer(400, "BadRequest", waits), when=lambda r: r.path.endswith("/log")
    )
    assert ready.calls("logs", "minilm", "--serving", "--previous") == 0
    out = capsys.readouterr().out
    assert f"{ready.pod('serving', 1)}: serves\n" in out
    assert "waiting to start: ContainerCreating" in out
    assert ready.server.front.asked[-1].query == {"previous": "true"}


def test_a_pod_that_wrote_nothing_says_what_keeps_it(person, capsys):
    person.operated.controllers.jobs = lambda _: Unschedulable("no node fits")
    person.operated.apply()
    person.operated.settle()
    person.says("export", "")
    assert person.calls("logs", "minilm") == 0
    assert capsys.readouterr().out.endswith(": wrote nothing: Unschedulable: no node fits\n")
    person.operated.controllers.jobs = lambda _: Runs()
    person.operated.settle()
    assert person.calls("logs", "minilm") == 0
    assert capsys.readouterr().out.endswith(": wrote nothing: it is Running\n")


def test_without_a_pod_there_is_no_log(person, capsys):
    person.operated.apply({"suspend": True})
    person.operated.settle()
    assert person.calls("logs", "minilm") == 1
    assert "minilm has no export or serving pod" in capsys.readouterr().err
    assert person.calls("logs", "minilm", "--serving") == 1
    assert "minilm has no serving pod" in capsys.readouterr().err


def test_a_log_that_may_not_be_read_is_an_error(ready, capsys):
    ready.server.faults.next(FORBIDDEN, when=lambda r: r.path.endswith("/log"))
    assert ready.calls("logs", "minilm") == 1
    assert "you may not do this" in capsys.readouterr().err


def test_retry_writes_the_annotation_and_nothing_else(person, capsys):
    failed(person)
    person.operated.cluster.log.clear()
    assert person.calls("retry", "minilm") == 0
    (write,) = writes(person)
    (value,) = write.body["metadata"]["annotations"].values()
    assert write.body == {"metadata": {"annotations": {FOUND: value}}}
    assert capsys.readouterr().out == (
        f"tracedmodel.tracedmodel.dev/minilm asked to try again at {value}\n"
    )
    person.operated.controllers.jobs = exports
    person.operated.deliver()
    person.operated.settle()
    assert person.calls("wait", "minilm") == 0


def test_a_retry_of_what_is_suspended_says_that_it_waits(person, capsys):
    person.operated.apply({"suspend": True})
    assert person.calls("retry", "minilm") == 0
    assert capsys.readouterr().err == "nothing happens before spec.suspend is false\n"


def test_a_retry_that_is_waited_for_does_not_take_the_last_failure_for_its_own(person, capsys):
    failed(person)
    assert person.calls("retry", "minilm", "--wait", "--timeout", "0s") == 1
    assert capsys.readouterr().err == (
        "minilm: waiting for the operator to look at it\n"
        "minilm: not Ready after 0 s; it goes on without this command\n"
    )


def test_wait_ends_with_the_exit_code_of_the_failure(person, capsys):
    failed(person)
    assert person.calls("wait", "minilm") == 19
    assert capsys.readouterr().err == "minilm: NotFinite: bucket 1x32 gives NaN\n"


def test_status_waits_and_then_shows(ready, capsys):
    assert ready.calls("status", "minilm", "--wait") == 0
    told = capsys.readouterr()
    assert told.err.startswith("minilm: Succeeded")
    assert told.out.startswith("search/minilm: ")


def waited(person, turns, seconds=600.0):
    """Wait with an operator that acts while one pauses; return the exit code and what was said."""
    said, acts = [], iter(turns)

    async def pause(_):
        await asyncio.to_thread(next(acts, lambda: None))

    async def connected():
        transport = await ClientTransport.of(str(person.kubeconfig), None)
        clock = itertools.count(0.0, 1.0)
        try:
            cluster = Cluster(transport, "search")
            return await wait(
                cluster, "minilm", seconds, say=said.append, clock=lambda: next(clock), pause=pause
            )
        finally:
            await transport.close()

    return asyncio.run(connected()), said


def test_a_wait_tells_every_change_and_what_the_export_writes(person):
    operated = person.operated
    operated.controllers.jobs = lambda _: Runs()
    operated.apply()

    def runs():
        operated.settle()
        person.says("export", "1x32: trace 0.22 s\n")

    def writes_more():
        person.says("export", "1x32: trace 0.22 s\n1x32: save 0.12 s\n")

    def ends_well():
        operated.controllers.jobs = exports
        operated.settle()

    code, said = waited(person, [runs, writes_more, ends_well])
    assert code == 0
    assert said[:4] == [
        "minilm: waiting for the operator to look at it",
        "minilm: ExportRunning: attempt 1 runs: nothing is exported yet",
        "  1x32: trace 0.22 s",
        "  1x32: save 0.12 s",
    ]
    assert said[-1].startswith("minilm: Succeeded")


def test_a_wait_reads_each_line_once(person):
    operated = person.operated
    operated.controllers.jobs = lambda _: Runs()
    operated.apply()
    operated.settle()
    lines = [f"8x128: step {number}\n" for number in range(9)]
    turns = [lambda n=n: person.says("export", "".join(lines[:n])) for n in (4, 4, 6, 9)]

    _, said = waited(person, turns, seconds=8.0)
    assert [line.strip() for line in said if line.startswith("  ")] == [
        line.strip() for line in lines
    ]
    asked = [
        request.query.get("sinceTime", "the beginning") for request in person.server.front.asked
    ]
    assert asked[:5] == [
        "the beginning",
        "2026-01-02T03:04:06.200000000Z",
        "2026-01-02T03:04:06.200000000Z",
        "2026-01-02T03:04:07.000000000Z",
        "2026-01-02T03:04:08.200000000Z",
    ]


def test_a_wait_reads_what_ended_no_more(person):
    operated = person.operated
    operated.controllers.jobs = lambda _: Runs()
    operated.apply()
    operated.settle()

    def ends_badly():
        operated.controllers.jobs = lambda _: ends(End.failed("StoreUnreachable"))
        operated.settle()
        person.says("export", "1x32: trace 0.22 s\n")

    def another_attempt():
        operated.controllers.jobs = lambda _: Runs()
        operated.persist()
        person.says("export", "1x32: trace 0.21 s\n", number=1)

    _, said = waited(person, [ends_badly, another_attempt], seconds=8.0)
    assert [line for line in said if line.startswith("  ")] == [
        "  1x32: trace 0.22 s",
        "  1x32: trace 0.21 s",
    ]
    paths = [request.path for request in person.server.front.asked]
    first, second = (f"/{person.pod('export', number)}/log" for number in (0, 1))
    assert len([path for path in paths if path.endswith(first)]) == 1
    assert len([path for path in paths if path.endswith(second)]) > 1


def test_a_wait_does_not_tell_what_exports_wrote_that_ended_before_it(ready):
    ready.says("export", "1x32: trace 0.22 s\n")
    ready.operated.controllers.jobs = lambda _: Runs()
    buckets = [{"batchSize": n, "sequenceLength": 64} for n in (1, 2)]
    ready.operated.apply({"export": {"buckets": buckets}})
    ready.operated.settle()
    ready.says("export", "2x64: trace 0.33 s\n", number=1)
    code, said = waited(ready, [], seconds=2.0)
    assert code == 1
    assert [line for line in said if "trace" in line] == ["  2x64: trace 0.33 s"]


def test_a_wait_goes_on_while_no_log_is_to_be_had(person):
    person.operated.controllers.jobs = lambda _: Runs()
    person.operated.apply()
    person.operated.settle()
    code, said = waited(person, [], seconds=2.0)
    assert code == 1
    assert said[-1] == "minilm: not Ready after 2 s; it goes on without this command"


def test_a_wait_outlasts_an_api_server_that_does_not_answer_and_ends_with_the_resource(person):
    person.operated.apply()

    def cut():
        person.server.faults.next(BROKEN)

    def deleted():
        person.operated.cluster.delete(TRACED_MODEL, "search", "minilm")

    code, said = waited(person, [cut, deleted])
    assert code == 1
    assert said[1].endswith("etcdserver: request timed out; asking again")
    assert said[-1] == "minilm: it was deleted"


def test_diff_shows_what_an_apply_would_do_and_writes_nothing(ready, tmp_path, capsys):
    file = manifest(tmp_path, {"serving": {"replicas": 2, "resources": {"cpu": "4"}}})
    ready.operated.cluster.log.clear()
    before = ready.operated.cluster.get(DEPLOYMENT, "search", "minilm")
    assert ready.calls("diff", file) == 0
    out = capsys.readouterr().out
    assert '+ spec.serving.resources: {"cpu": "4"}' in out
    assert "export:       none: artifact" in out
    assert "roll out:     at once, one more first: replaces minilm-" in out
    assert writes(ready) == []
    assert ready.operated.cluster.get(DEPLOYMENT, "search", "minilm") == before


def test_diff_of_what_is_new_is_for_programs_too(person, tmp_path, capsys):
    assert person.calls("diff", manifest(tmp_path, namespace="search"), "-o", "json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["traced"], found["fields"]) == (["1x32", "8x128"], None)
    assert person.operated.cluster.objects(TRACED_MODEL) == []


def test_diff_reads_standard_input(person, tmp_path, monkeypatch, capsys):
    text = Path(manifest(tmp_path)).read_text(encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert person.calls("diff", "-") == 0
    assert capsys.readouterr().out.startswith("search/minilm is new")


def test_diff_tells_what_admission_says(ready, tmp_path, capsys):
    message = "exceeded what the policy allows"
    ready.server.faults.next(Answer(422, "Invalid", message), when=lambda r: "dryRun" in r.query)
    assert ready.calls("diff", manifest(tmp_path)) == 1
    assert f"minilm: the API server would refuse it: {message}" in capsys.readouterr().err


def test_diff_without_the_permission_says_which(ready, tmp_path, capsys):
    ready.server.faults.next(FORBIDDEN, when=lambda r: "dryRun" in r.query)
    assert ready.calls("diff", manifest(tmp_path)) == 1
    assert "you may not do this: forbidden" in capsys.readouterr().err


def test_diff_does_not_guess_at_what_it_may_not_read(ready, tmp_path, capsys):
    ready.server.faults.next(FORBIDDEN, when=lambda r: r.path.endswith("/pods"))
    assert ready.calls("diff", manifest(tmp_path)) == 1
    assert "what follows cannot be told: pods: you may not" in capsys.readouterr().err


def test_diff_of_what_this_version_does_not_understand_says_so(ready, tmp_path, capsys):
    file = manifest(tmp_path)
    stored = ready.operated.cluster.get(TRACED_MODEL, "search", "minilm")
    newer = {**stored, "spec": {**stored["spec"], "target": "Inf9"}}
    ready.operated.cluster.database.write(TRACED_MODEL, "search/minilm", newer)
    assert ready.calls("diff", file) == 1
    told = "minilm: its spec in the cluster is not understood by this version\n"
    assert capsys.readouterr().err == told


def test_diff_needs_a_namespace_that_is_there(person, tmp_path, capsys):
    assert person.calls("diff", manifest(tmp_path, namespace="nowhere")) == 1
    assert "is there a namespace nowhere?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read"), ("kind: x", "apiVersion: missing"), ("", "has no manifest")],
)
def test_diff_refuses_what_is_no_manifest(person, tmp_path, capsys, content, told):
    file = tmp_path / "bad.yaml"
    if content is not None:
        file.write_text(content)
    assert person.calls("diff", str(file)) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "buckets", "logs", "artifacts", "wait", "retry"])
def test_a_name_that_is_not_there_is_told_with_near_ones(ready, capsys, command):
    assert ready.calls(command, "minlm") == 1
    assert capsys.readouterr().err == (
        "namespace search has no TracedModel minlm; did you mean minilm?\n"
    )


def test_a_name_of_another_namespace_is_told_with_it(ready, capsys):
    assert ready.calls("status", "minilm", namespace="default") == 1
    assert capsys.readouterr().err == (
        "namespace default has no TracedModel minilm; there is one in search: name it with -n\n"
    )


def test_a_name_like_no_other_is_told_with_what_there_is(ready, capsys):
    assert ready.calls("status", "xyz") == 1
    assert ready.calls("status", "xyz", namespace="default") == 1
    err = capsys.readouterr().err
    assert "namespace search has no TracedModel xyz; it has minilm\n" in err
    assert "it has none; -n names another namespace\n" in err


def test_a_name_is_looked_for_elsewhere_only_if_that_is_allowed(ready, capsys):
    every = "/apis/tracedmodel.dev/v1alpha1/tracedmodels"
    ready.server.faults.next(FORBIDDEN, when=lambda r: r.path == every)
    assert ready.calls("status", "minilm", namespace="default") == 1
    assert "it has none" in capsys.readouterr().err


def test_a_cluster_without_the_definition_says_what_to_apply(ready, capsys):
    ready.operated.cluster.delete(DEFINITION, None, "tracedmodels.tracedmodel.dev")
    assert ready.calls("status") == 1
    assert ready.calls("status", "minilm") == 1
    err = capsys.readouterr().err
    assert err.count("knows no TracedModels: kubectl apply --server-side -f crds/") == 2


def test_what_is_forbidden_says_what_to_ask_for(person, capsys):
    person.server.faults.next(FORBIDDEN)
    assert person.calls("status") == 1
    assert capsys.readouterr().err.startswith("you may not do this: forbidden: injected; ask an")


def test_credentials_that_are_not_accepted_say_so(person, capsys):
    person.server.faults.next(Answer(401, "Unauthorized", "Unauthorized"))
    assert person.calls("status") == 1
    assert (
        "does not accept your credentials: they are wrong or have expired"
        in capsys.readouterr().err
    )


def test_a_server_that_is_broken_is_told_in_its_own_words(person, capsys):
    person.server.faults.next(BROKEN)
    assert person.calls("status") == 1
    assert "etcdserver: request timed out" in capsys.readouterr().err


def test_no_cluster_is_told_with_its_address(person, capsys):
    person.server.stop()
    try:
        assert person.calls("status") == 1
    finally:
        person.server.start()
    assert f"{person.server.url} gives no answer from the API server" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "", "{", "[]", "contexts: []", "current-context: x"])
def test_a_kubeconfig_that_is_none_says_how_to_name_one(tmp_path, capsys, content):
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    assert main(["status", "--kubeconfig", str(file)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("no way into a cluster: ")
    assert err.endswith("name a kubeconfig with --kubeconfig or $KUBECONFIG\n")


def test_the_kubeconfig_of_the_environment_and_its_namespace_are_taken(ready, monkeypatch, capsys):
    document = json.loads(ready.kubeconfig.read_text())
    document["contexts"][0]["context"]["namespace"] = "search"
    ready.kubeconfig.write_text(json.dumps(document))
    monkeypatch.setenv("KUBECONFIG", str(ready.kubeconfig))
    assert main(["status", "minilm", "--context", "fake"]) == 0
    assert main(["status", "minilm"]) == 0
    assert main(["status", "--context", "other"]) == 1
    assert "the kubeconfig has no context other; it has fake" in capsys.readouterr().err


def test_settings_that_are_wrong_are_named(person, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TRACEDMODEL_OPERATOR_WORKERS", "many")
    assert person.calls("diff", manifest(tmp_path)) == 10
    assert "InvalidRequest: $TRACEDMODEL_OPERATOR_WORKERS" in capsys.readouterr().err


def test_a_reader_that_has_enough_ends_it_without_a_traceback(ready, tmp_path, monkeypatch):
    def full(*_):
        raise BrokenPipeError

    monkeypatch.setattr(options, "write", full)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr("sys.stdout", out)
        assert ready.calls("status", "-o", "json") == 1
        out.write("what is still to be written goes nowhere")
    assert (tmp_path / "out").read_text() == ""


def test_it_is_a_module_too(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["kubectl-tracedmodel", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("tracedmodel_operator.cli", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("kubectl-tracedmodel ")


def test_ctrl_c_is_no_traceback(ready, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(options, "write", interrupt)
    assert ready.calls("status", "-o", "json") == 130


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--timeout", "soon"],
        ["logs", "a", "--tail", "-1"],
        ["logs", "a", "--follow", "--previous"],
        ["nonsense"],
        [],
    ],
)
def test_a_wrong_call_ends_with_2_and_a_usage_as_kubectl_is_called(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: kubectl tracedmodel")


@pytest.mark.parametrize("text", ["90", "90s", "2m", "1h"])
def test_a_time_is_read_with_its_unit(text):
    assert waiting._seconds(text) in (90, 120, 3600)


def test_an_autoscaler_is_asked_for_and_shown_once(person, capsys):
    person.operated.apply({"serving": {"autoscaling": {"maxReplicas": 3}}})
    person.operated.settle()
    person.calls("status", "minilm")
    assert capsys.readouterr().out.count("HorizontalPodAutoscaler/minilm") == 1
