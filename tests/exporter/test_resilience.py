"""Exports that are killed and started again, and exports that run at the same time."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

import export_driver
from exports import a_request
from s3_server import make_bucket, use_server
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Report
from tracedmodel_exporter.progress import STEPS

pytestmark = [pytest.mark.slow, pytest.mark.transformers]

BUCKETS = (Bucket(2, 16), Bucket(1, 8))
MORE = (*BUCKETS, Bucket(1, 12), Bucket(2, 8))
_NUMBERS = itertools.count()


@pytest.fixture(params=["folder", "s3"])
def store_url(request, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    if request.param == "folder":
        return f"file://{tmp_path}/store"
    endpoint = request.getfixturevalue("s3_endpoint")
    use_server(monkeypatch, endpoint)
    bucket = f"resilience-{next(_NUMBERS)}"
    make_bucket(endpoint, bucket)
    return f"s3://{bucket}/traced"


def drive(action, model, argument):
    """Run the driver; return its results."""
    folder = str(Path(export_driver.__file__).parent)
    command = [
        sys.executable,
        f"{folder}/export_driver.py",
        action,
        json.dumps(argument),
        str(model),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask(model, url, buckets=BUCKETS, **changes):
    return a_request(model, url, "TextClassification", *buckets, **changes).as_json()


def rows(result):
    return Report.parse(json.dumps(result["report"])).rows


def test_an_export_killed_at_any_moment_is_finished_by_the_next(model, store_url):
    *killed, whole = drive("kill", model(), ask(model(), store_url))
    names = [str(bucket) for bucket in BUCKETS]
    died = [result["died"] for result in killed]
    # Blobs of both, manifests' blobs, manifests, the pin; the steps of a bucket; resolve, lookup, import, fetch, load.
    assert sum(name.startswith("write blobs/sha256/") for name in died) == 9
    assert sum(name.startswith("create graphs/") for name in died) == 2
    assert sum(name.startswith("write pins/") for name in died) == 1
    assert [name for name in died if name.startswith("2x16")] == [f"2x16 {step}" for step in STEPS]
    assert len(died) == 9 + 2 + 1 + 2 * len(STEPS) + 5
    assert whole["traced"] == names
    for result in killed:
        created = died[: died.index(result["died"]) + 1]
        finished = names[: sum(name.startswith("create") for name in created)]
        assert list(result["before"]) == sorted(finished, key=list(result["after"]).index)
        assert result["traced"] == [name for name in names if name not in finished]
        assert result["report"].get("cached", 0) == len(finished)
        assert (result["code"], result["report"]["files"]) == (0, whole["report"]["files"])
        assert_complete(result, whole)


def assert_complete(result, whole):
    """The report names what is published, which is what an export that nobody disturbs publishes."""
    assert {row.digest for row in rows(result)} == {
        graph["graph"] for graph in result["after"].values()
    }
    for name, graph in result["after"].items():
        assert graph["facts"] == whole["after"][name]["facts"]
        # What was finished before the kill is still the same to the byte.
        assert result["before"].get(name, graph) == graph
        assert graph["lacking"] == []


def assert_whole(after, buckets):
    assert set(after) == {str(bucket) for bucket in buckets}
    assert [graph["lacking"] for graph in after.values()] == [[]] * len(buckets)


def test_exports_of_the_same_graphs_at_the_same_time_report_the_same(model, store_url):
    request = ask(model(), store_url)
    *results, last = drive("together", model(), [(request, None)] * 3)
    assert [result["code"] for result in results] == [0, 0, 0]
    # Each has its own year in what it would publish: equal digests are one winner's.
    assert len({rows(result) for result in results}) == 1
    assert len({json.dumps(result["report"]["files"]) for result in results}) == 1
    assert all(result["traced"][0] == "2x16" for result in results)
    assert_whole(last["after"], BUCKETS)


def test_shares_of_one_export_at_the_same_time_make_one_artifact(model, store_url):
    request = ask(model(), store_url, MORE, parallelism=2)
    first, second, last = drive("together", model(), [(request, 0), (request, 1)])
    assert (first["code"], second["code"]) == (0, 0)
    assert not {row.bucket for row in rows(first)} & {row.bucket for row in rows(second)}
    assert {row.bucket for row in (*rows(first), *rows(second))} == set(MORE)
    for fact in ("files", "revision", "parameters"):
        assert first["report"][fact] == second["report"][fact]
    assert_whole(last["after"], MORE)


def test_pods_of_a_share_that_run_twice_report_the_same(model, store_url):
    request = ask(model(), store_url, MORE, parallelism=2)
    *results, last = drive(
        "together", model(), [(request, 0), (request, 1), (request, 0), (request, 1)]
    )
    assert [result["code"] for result in results] == [0, 0, 0, 0]
    assert rows(results[0]) == rows(results[2])
    assert rows(results[1]) == rows(results[3])
    assert_whole(last["after"], MORE)
