"""Whole exports while the store, or the disk, fails: a transient exit code, and never a manifest without its blobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from exports import a_request, run
from faulty import cut_down, cut_up, hang_up, stall, status
from tracedmodel_api import objects
from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import REASONS, Class, Failure
from tracedmodel_api.store import Store

BUCKETS = (Bucket(2, 16), Bucket(1, 8))
UNREACHABLE, FULL = (REASONS[name].exit_code for name in ("StoreUnreachable", "OutOfSpace"))


@pytest.fixture
def ask(model, behind, request):
    url = f"{behind.url}/{request.node.name}"
    return a_request(model(), url, "TextClassification", *BUCKETS)


def published(request):
    """Return the number of published graphs; each must be whole."""
    store = Store(request.store_url)
    graphs = [store.graph(fingerprint) for fingerprint in store.fingerprints()]
    assert [store.lacking(graph) for graph in graphs] == [[]] * len(graphs)
    return len(graphs)


def test_an_export_gets_over_every_fault_that_passes(ask, faults):
    for number, fault in enumerate((status(500), status(503, "SlowDown"), hang_up, cut_up)):
        faults.add(fault, "PUT", "blobs/", times=2, after=number)
        faults.add(fault, "PUT", "graphs/", times=1)
    for fault in (status(500), status(503, "SlowDown"), hang_up):
        faults.add(fault, "GET", times=1)
        faults.add(fault, "HEAD", times=1)
    report, _ = run(ask)
    assert len(faults.applied) == 4 * 3 + 3 * 2
    assert len(report.rows) == published(ask) == 2
    faults.add(cut_down, "GET", "blobs/", times=3)
    again, told = run(ask)
    assert len(faults.applied) == 4 * 3 + 3 * 2 + 3
    assert (again.rows, told.traced()) == (report.rows, [])


@pytest.mark.parametrize("number", range(11))
def test_a_store_that_goes_at_any_write_leaves_whole_graphs_alone(ask, faults, number):
    """Seven blobs and a manifest, then three and a manifest; from one of them on, nothing is taken any more."""
    faults.add(status(503, "SlowDown"), "PUT", times=-1, after=number)
    with pytest.raises(Failure) as caught:
        run(ask)
    assert caught.value.reason.name == "StoreUnreachable"
    faults.clear()
    assert published(ask) == (number >= 7)
    report, told = run(ask)
    assert (len(report.rows), len(told.traced())) == (2, 1 if number >= 7 else 2)
    assert published(ask) == 2


def test_an_export_gets_over_a_store_that_does_not_answer_at_once(ask, faults, monkeypatch):
    monkeypatch.setattr(objects, "_TIMEOUT", objects.timedelta(milliseconds=300))
    for method, path in (("HEAD", "blobs/"), ("PUT", "blobs/"), ("GET", "graphs/")):
        faults.add(stall, method, path, times=1)
    report, _ = run(ask)
    assert len(faults.applied) == 3
    assert len(report.rows) == published(ask) == 2


def test_a_publication_that_is_never_answered_is_transient(ask, faults, monkeypatch):
    """Nobody may repeat it without a look: it may have happened."""
    monkeypatch.setattr(objects, "_TIMEOUT", objects.timedelta(milliseconds=300))
    faults.add(stall, "PUT", "graphs/", times=1)
    with pytest.raises(Failure) as caught:
        run(ask)
    assert caught.value.reason.name == "StoreUnreachable"
    report, _ = run(ask)
    assert len(report.rows) == published(ask) == 2


@pytest.mark.parametrize("number", [0, 6, 7, 9])
def test_a_quota_that_is_used_up_is_transient_and_leaves_whole_graphs_alone(ask, faults, number):
    faults.add(status(403, "QuotaExceeded"), "PUT", times=-1, after=number)
    with pytest.raises(Failure, match="QuotaExceeded") as caught:
        run(ask)
    assert caught.value.reason.failure_class is Class.TRANSIENT
    faults.clear()
    assert published(ask) == (number >= 7)


def test_a_cached_export_of_a_store_that_cuts_every_blob_is_transient(ask, faults):
    run(ask)
    faults.add(cut_down, "GET", "blobs/", times=-1)
    with pytest.raises(Failure) as caught:
        run(ask)
    assert caught.value.reason.name == "StoreUnreachable"


def test_an_export_asks_for_no_list(ask, faults):
    """Lists are the last to tell the truth."""
    run(ask)
    run(ask)
    assert [path for _, path in faults.asked if "list-type" in path] == []


def may_mount():
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


SMALL_DISK = """
mount -t tmpfs -o size=$SIZE tmpfs "$DISK" && mkdir "$DISK/tmp"
"$PYTHON" -m tracedmodel_api export
echo "exit $?"
"$PYTHON" -m tracedmodel_api artifacts verify --store "$STORE"
echo "verified $?"
"""


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="this machine lets nobody mount a small disk")
@pytest.mark.parametrize(
    ("size", "what", "code"),
    [
        ("8k", "store", UNREACHABLE),
        ("120k", "store", UNREACHABLE),
        ("300k", "store", UNREACHABLE),
        ("40k", "tmp", FULL),
        ("200k", "tmp", FULL),
    ],
)
def test_a_full_disk_is_transient_and_holds_no_half_graph(model, tmp_path, size, what, code):
    disk = tmp_path / "disk"
    disk.mkdir()
    store = (disk if what == "store" else tmp_path) / "store"
    request = a_request(model(), store, "TextClassification", *BUCKETS)
    variables = {
        "SIZE": size,
        "DISK": str(disk),
        "PYTHON": sys.executable,
        "STORE": request.store_url,
        "TRACEDMODEL_REQUEST": json.dumps(request.as_json()),
        "TMPDIR": str(disk / "tmp") if what == "tmp" else str(tmp_path),
    }
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", SMALL_DISK],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"exit {code}\n" in done.stdout, done.stderr
    assert "verified 0\n" in done.stdout
    assert "o space" in done.stderr or "No space" in done.stderr
