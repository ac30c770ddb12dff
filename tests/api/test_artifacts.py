import json

import obstore
import pytest

from builders import a_blob, a_graph, a_published_graph
from tracedmodel_api.cli import main
from tracedmodel_api.report import REASONS

CORRUPT, MISSING, INVALID = (
    REASONS[name].exit_code for name in ("BlobCorrupt", "BlobMissing", "ManifestInvalid")
)


@pytest.fixture
def artifacts(store_url, capsys):
    """Return a function that runs ``tracedmodel artifacts``: the exit code, the lines of output and of errors."""

    def run(verb, *prefixes):
        code = main(["artifacts", verb, "--store", store_url, *prefixes])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err.splitlines()

    return run


def overwrite(store, path, data):
    store.objects.write(path, data)


def blob_path(text):
    return f"blobs/sha256/{a_blob(text).digest}"


@pytest.mark.usefixtures("store")
def test_an_empty_store_lists_its_heads_alone(artifacts):
    code, lines, _ = artifacts("list")
    assert code == 0
    assert [line.split()[0] for line in lines] == ["FINGERPRINT"]


@pytest.mark.parametrize("verb", ["list", "verify"])
def test_a_folder_that_is_not_there_is_told_so_and_not_made(tmp_path, capsys, verb):
    code = main(["artifacts", verb, "--store", f"file://{tmp_path}/nothing"])
    assert code == REASONS["StoreUnreachable"].exit_code
    assert "/nothing: cannot open it: there is no such folder\n" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_lists_one_line_a_graph(store, artifacts):
    graph = a_published_graph(store)
    code, lines, _ = artifacts("list")
    own = len("graph of graph") + len("golden of graph")
    assert code == 0
    assert lines[1].split() == [
        graph.fingerprint[:12], "FeatureExtraction", "CPU", "Float32", "1x128", str(own), "1.0e-06", "1.50", "c9745ed1d9f2",
    ]  # fmt: skip


def test_lists_a_dash_for_what_was_not_measured(store, artifacts):
    a_published_graph(store, proof=None, benchmark=None)
    _, lines, _ = artifacts("list")
    assert lines[1].split()[6:8] == ["-", "-"]


def test_columns_stand_below_each_other(store, artifacts):
    a_published_graph(store, "one", task="TokenClassification")
    a_published_graph(store, "two", bucket={"batchSize": 1, "sequenceLength": 8})
    _, lines, _ = artifacts("list")
    assert (
        len(
            {
                line.index(value)
                for line, value in zip(lines, ("REVISION", "c9745", "c9745"), strict=True)
            }
        )
        == 1
    )


def test_shows_manifests_as_json(store, artifacts):
    graph = a_published_graph(store)
    code, lines, _ = artifacts("show", graph.fingerprint)
    assert code == 0
    assert json.loads("\n".join(lines)) == graph.as_json()


def test_chooses_by_the_beginning_of_fingerprints(store, artifacts):
    graphs = {name: a_published_graph(store, name) for name in ("one", "two", "three")}
    prefixes = [graphs[name].fingerprint[:8] for name in ("one", "two")]
    _, lines, _ = artifacts("list", *prefixes)
    assert sorted(line[:8] for line in lines[1:]) == sorted(prefixes)
    assert artifacts("verify", prefixes[0])[1] == ["1 graphs, 6 blobs, 0 faults"]


@pytest.mark.parametrize("verb", ["list", "show", "verify"])
def test_a_prefix_of_nothing_is_told(store, artifacts, verb):
    graph = a_published_graph(store)
    code, lines, errors = artifacts(verb, graph.fingerprint[:4], "zzz", "yyy")
    assert (code, lines) == (MISSING, [])
    assert errors[0].startswith("BlobMissing: store ")
    assert errors[0].endswith("has no graph zzz, yyy")


def test_an_intact_store_has_no_faults_and_shared_blobs_are_read_once(store, artifacts):
    a_published_graph(store, "one")
    a_published_graph(store, "two")
    assert artifacts("verify") == (0, ["2 graphs, 9 blobs, 0 faults"], [])


def test_every_fault_is_told_and_the_first_gives_the_exit_code(store, artifacts):
    graphs = {name: a_published_graph(store, name) for name in ("one", "two", "three")}
    overwrite(store, blob_path("graph of one"), b"altered")
    obstore.delete(store.objects._backing, blob_path("golden of two"))
    overwrite(store, f"graphs/{graphs['three'].fingerprint}.json", b"garbage")
    code, lines, errors = artifacts("verify")
    faults = {"one": "BlobCorrupt", "two": "BlobMissing", "three": "ManifestInvalid"}
    expected = [
        (graphs[name].fingerprint[:12], faults[name])
        for name in sorted(graphs, key=lambda name: graphs[name].fingerprint)
    ]
    assert [tuple(line.split(": ")[:2]) for line in errors] == expected
    assert lines[0].endswith("blobs, 3 faults")
    assert code == REASONS[expected[0][1]].exit_code


def test_a_blob_that_two_graphs_share_is_a_fault_of_both(store, artifacts):
    a_published_graph(store, "one")
    a_published_graph(store, "two")
    overwrite(store, blob_path("weights"), b"altered")
    code, lines, errors = artifacts("verify")
    assert (code, lines[0], len(errors)) == (CORRUPT, "2 graphs, 9 blobs, 2 faults", 2)


def test_a_manifest_that_was_changed_after_it_was_published_is_a_fault(store, artifacts):
    graph = a_published_graph(store)
    changed = a_graph(parameters=1)
    overwrite(store, f"graphs/{graph.fingerprint}.json", changed.to_bytes())
    code, _, errors = artifacts("verify")
    assert code == INVALID
    assert f"graphs/{graph.fingerprint}.json and blobs/sha256/" in errors[0]
    assert changed.identity() in errors[0]


def test_a_broken_manifest_does_not_hide_the_graphs_after_it(store, artifacts):
    a_published_graph(store)
    overwrite(store, f"graphs/{'0' * 64}.json", b"{}")
    code, lines, errors = artifacts("list")
    assert code == INVALID
    assert len(lines) == 2
    assert "ManifestInvalid" in errors[0]


def test_a_broken_manifest_cannot_be_shown(store, artifacts):
    graph = a_published_graph(store)
    overwrite(store, f"graphs/{graph.fingerprint}.json", b"garbage")
    code, lines, errors = artifacts("show", graph.fingerprint)
    assert (code, lines) == (INVALID, [])
    assert errors[1] == REASONS["ManifestInvalid"].remedy


@pytest.mark.parametrize("verb", ["list", "show", "verify"])
def test_a_graph_that_goes_while_it_is_read_is_left_out(store, artifacts, verb, monkeypatch):
    graph = a_published_graph(store)
    monkeypatch.setattr("tracedmodel_api.store.Store.graph", lambda *_: None)
    code, lines, errors = artifacts(verb, graph.fingerprint)
    assert (code, errors) == (0, [])
    assert graph.fingerprint[:12] not in "".join(lines)


@pytest.mark.parametrize(
    "words", [["artifacts"], ["artifacts", "list"], ["artifacts", "show", "--store", "file:///x"]]
)
def test_a_call_without_verb_store_or_fingerprint_is_wrong(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "required" in capsys.readouterr().err
