"""The fake over HTTP: what goes wrong on the wire, and the server as a process of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from apiserver.client import Api
from apiserver.faults import BROKEN, LOST_AFTER, LOST_BEFORE, THROTTLED, Cut, Gone, Silent, watches
from apiserver.kubeconfig import use_kubeconfig
from apiserver.running import running
from cluster_objects import config_map
from tracedmodel_operator.errors import Unavailable
from tracedmodel_operator.kinds import CONFIG_MAP

FAKES = Path(__file__).parents[1] / "fakes"


@pytest.fixture
def server():
    with running() as found:
        yield found


@pytest.fixture
def api(server, tmp_path, monkeypatch):
    """The operator's view of the server, faults and all."""
    use_kubeconfig(monkeypatch, server.kubeconfig(tmp_path / "kubeconfig"))
    found = Api("search")
    yield found
    found.close()


def call(url, method="GET", body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def test_a_connection_that_breaks_before_the_answer_is_no_answer(api, server):
    server.faults.next(LOST_AFTER)
    with pytest.raises(Unavailable, match="no answer from the API server"):
        api.create(CONFIG_MAP, config_map("a"))
    server.faults.next(LOST_BEFORE)
    with pytest.raises(Unavailable):
        api.create(CONFIG_MAP, config_map("b"))
    assert api.names(CONFIG_MAP) == ["a"]


def test_a_refusal_comes_with_its_status_and_its_header(api, server):
    server.faults.next(THROTTLED)
    answer = api.ask("GET", api.path(CONFIG_MAP))
    assert (answer.status, answer.retry_after) == (429, "1")
    server.faults.next(BROKEN)
    assert api.ask("GET", api.path(CONFIG_MAP)).status == 500


def test_what_is_no_json_is_refused(server):
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request("POST", CONFIG_MAP.path("search"), b"{")
    assert connection.getresponse().status == 400
    connection.close()


def test_an_open_watch_hears_of_what_another_thread_does(server):
    server.cluster.create(CONFIG_MAP, config_map("first", namespace="search"))
    url = f"{server.url}{CONFIG_MAP.path('search')}?watch=true&timeoutSeconds=10"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert json.loads(answer.readline())["object"]["metadata"]["name"] == "first"
        server.cluster.delete(CONFIG_MAP, "search", "first")
        assert json.loads(answer.readline())["type"] == "DELETED"


def test_a_watch_can_be_cut_after_some_events(api, server):
    for name in ("a", "b", "c"):
        api.create(CONFIG_MAP, config_map(name))
    server.faults.next(Cut(2), when=watches)
    with pytest.raises(aiohttp.ClientPayloadError):
        api.watch(CONFIG_MAP, 3)


def test_a_watch_can_say_410_after_some_events(api, server):
    for name in ("a", "b"):
        api.create(CONFIG_MAP, config_map(name))
    server.faults.next(Gone(1), when=watches)
    events = api.watch(CONFIG_MAP, 9)
    assert [event["type"] for event in events] == ["ADDED", "ERROR"]
    assert events[1]["object"]["code"] == 410


def test_a_silent_watch_tells_nothing_until_the_server_goes(server):
    server.cluster.create(CONFIG_MAP, config_map(namespace="search"))
    server.faults.next(Silent(), when=watches)
    url = f"{server.url}{CONFIG_MAP.path('search')}?watch=true&timeoutSeconds=1"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200
        server.end_watches()
        assert answer.read() == b""


def test_a_process_of_its_own_is_controlled_over_http(tmp_path, monkeypatch):
    kubeconfig = tmp_path / "kubeconfig"
    command = [sys.executable, "-m", "apiserver", "--kubeconfig", str(kubeconfig)]
    command += ["--namespace", "search", "--controllers", "0.05", "--log", "100"]
    environment = {**os.environ, "PYTHONPATH": str(FAKES)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        url = process.stdout.readline().strip()
        use_kubeconfig(monkeypatch, kubeconfig)
        api = Api("search")
        call(f"{url}/_fake/faults", "POST", {"fault": "broken", "to": "configmaps", "times": 1})
        assert api.ask("GET", api.path(CONFIG_MAP)).status == 500
        api.create(CONFIG_MAP, config_map())
        counters = json.loads(call(f"{url}/_fake/counters"))
        assert counters["objects"]["configmaps"] == 1
        assert counters["faults"] == 1
        assert counters["requests"] == {"POST /api/v1/namespaces/search/configmaps": 1}
        api.close()
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
