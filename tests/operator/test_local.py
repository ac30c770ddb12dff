import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracedmodel_operator.jobs import JobState
from tracedmodel_operator.local import LocalCluster
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.plan import Plan

SERVER = """
import http.server, os, pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pathlib.Path(os.environ["SEEN"]).write_text(pathlib.Path(os.environ["INDEX"]).read_text())
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def cluster():
    made = LocalCluster(quiet=True)
    yield made
    made.close()


def template(script: str, **variables: str) -> dict:
    env = {"REPORT": "/dev/termination-log", **variables}
    container = {
        "command": [sys.executable, "-c", script],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "terminationMessagePath": "/dev/termination-log",
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    spec = {"containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    return {"metadata": {"labels": {}}, "spec": spec}


def job(script: str, shares: int = 1, **variables: str) -> dict:
    mode = {"completionMode": "Indexed"} if shares > 1 else {}
    metadata = {"name": "j", "annotations": {"tracedmodel.dev/request": "r"}}
    spec = {"completions": shares, **mode, "template": template(script, **variables)}
    return {"kind": "Job", "metadata": metadata, "spec": spec}


def deployment(port: int, artifact: str, seen: Path) -> dict:
    pod = template(SERVER, PORT=str(port), INDEX="/etc/x/index.json", SEEN=str(seen))
    pod["metadata"]["annotations"] = {"tracedmodel.dev/artifact": artifact}
    pod["spec"]["volumes"].append({"name": "index", "configMap": {"name": "index"}})
    (container,) = pod["spec"]["containers"]
    container["volumeMounts"].append({"name": "index", "mountPath": "/etc/x"})
    container["ports"] = [{"containerPort": port}]
    container["readinessProbe"] = {"httpGet": {"path": "/ready"}}
    metadata = {
        "name": "d",
        "labels": {"tracedmodel.dev/model": "d"},
        "annotations": {"tracedmodel.dev/artifact": artifact},
    }
    return {"kind": "Deployment", "metadata": metadata, "spec": {"template": pod}}


def wait_for(cluster: LocalCluster, condition) -> Observation:
    deadline = time.monotonic() + 30
    while not condition(observation := cluster.observe()):
        assert time.monotonic() < deadline, observation
        time.sleep(0.02)
    return observation


def ended(observation: Observation) -> bool:
    return observation.jobs[0].state is not JobState.ACTIVE


def test_a_jobs_end_and_report_are_observed_as_in_a_cluster(cluster):
    report = json.dumps({"v": 1, "rows": [], "reason": "NotFinite", "message": "NaN"})
    script = f"import os, pathlib, sys; pathlib.Path(os.environ['REPORT']).write_text({report!r}); sys.exit(19)"
    cluster.carry_out(Plan(create=(job(script),)))
    assert cluster.observe().jobs[0].request == "r"
    found = wait_for(cluster, ended).jobs[0]
    assert found.state is JobState.FAILED
    assert (found.ends[0].reason(), found.ends[0].sentence()) == ("NotFinite", "NaN")


def test_each_share_of_an_indexed_job_knows_its_number(cluster):
    script = "import os, sys; sys.exit(100 + int(os.environ['JOB_COMPLETION_INDEX']))"
    cluster.carry_out(Plan(create=(job(script, shares=3),)))
    found = wait_for(cluster, ended).jobs[0]
    assert sorted(end.exit_code for end in found.ends) == [100, 101, 102]


def test_a_process_that_a_signal_killed_ends_as_a_kubelet_tells_it(cluster):
    cluster.carry_out(Plan(create=(job("import os; os.kill(os.getpid(), 9)"),)))
    assert wait_for(cluster, ended).jobs[0].ends[0].exit_code == 137


def test_mount_paths_become_folders_that_go_away_with_the_cluster(cluster, tmp_path):
    script = "import os; open(os.environ['OUT'], 'w').write(os.environ['PLACE'])"
    out = tmp_path / "out"
    cluster.carry_out(Plan(create=(job(script, PLACE="/scratch/hub", OUT=str(out)),)))
    wait_for(cluster, ended)
    place = Path(out.read_text())
    assert place.name == "hub"
    assert place.parent.is_dir()
    cluster.close()
    assert not place.parent.exists()


def test_a_deleted_job_is_stopped_and_forgotten(cluster, tmp_path):
    file = tmp_path / "pid"
    script = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    cluster.carry_out(Plan(create=(job(script),)))
    wait_for(cluster, lambda _: file.exists() and file.read_text())
    cluster.carry_out(Plan(delete=(("Job", "j"),)))
    assert cluster.observe().jobs == ()
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_a_deployment_is_available_once_its_probe_answers_and_is_replaced_in_order(
    cluster, free_port, tmp_path
):
    index = {
        "kind": "ConfigMap",
        "metadata": {"name": "index"},
        "data": {"index.json": "the index"},
    }
    seen = tmp_path / "seen"
    cluster.carry_out(Plan(apply=(index, deployment(free_port, "a", seen))))
    serving = wait_for(cluster, lambda o: o.serving.available).serving
    assert (serving.artifact, serving.updated) == ("a", 1)
    assert seen.read_text() == "the index"
    again = Plan(apply=(index, deployment(free_port, "a", seen)))
    cluster.carry_out(again)
    assert cluster.observe().serving.available == 1
    cluster.carry_out(Plan(apply=(index, deployment(free_port, "b", seen))))
    assert wait_for(cluster, lambda o: o.serving.available).serving.artifact == "b"


def test_a_server_that_ends_is_told_with_the_end_of_its_log(cluster, free_port, tmp_path):
    broken = deployment(free_port, "a", tmp_path / "seen")
    index = {"kind": "ConfigMap", "metadata": {"name": "index"}, "data": {}}
    cluster.carry_out(Plan(apply=(index, broken)))
    seen = wait_for(cluster, lambda o: o.serving.pods and o.serving.pods[0].end)
    end = seen.serving.pods[0].end
    assert end.exit_code == 1
    assert "FileNotFoundError" in end.sentence()


def test_what_ignores_the_request_to_stop_is_killed(cluster, tmp_path):
    file = tmp_path / "pid"
    script = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    stubborn = job(script)
    stubborn["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = -4.9
    cluster.carry_out(Plan(create=(stubborn,)))
    wait_for(cluster, lambda _: file.exists() and file.read_text())
    cluster.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), signal.SIGCONT)


def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path):
    file = tmp_path / "pid"
    inner = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    outer = (
        "import os, signal; from tracedmodel_operator.processes import _spawn;"
        f"_spawn([{sys.executable!r}, '-c', {inner!r}], {{}}, None, quiet=True);"
        f"import pathlib;\nwhile not (p := pathlib.Path({str(file)!r})).exists() or not p.read_text(): pass\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", outer], check=False)
    pid = int(file.read_text())
    deadline = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
