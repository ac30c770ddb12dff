"""From a manifest to answers on emulated NeuronCores: exported where there is no device, proved where there is one."""

import json

import pytest

import inf1
import neuron_pod
import serving
import tiny_marian
import tiny_models
from tracedmodel_api.manifest import CompilerSettings, Limits
from tracedmodel_api.report import REASONS, Report

TEXTS = ["Snow falls on Oslo.", "The staff was kind.", "Where is the river bank near London?"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.build(tmp_path_factory.mktemp("model"), "bert", "TextClassification")


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inf1")
    return inf1.export(folder, model, "TextClassification", (1, 16), (4, 32))


@pytest.fixture
def device(tmp_path):
    return neuron_pod.make_device(tmp_path / "device", 4)


def on(device, **variables):
    """Return the environment of a server's pod."""
    return neuron_pod.environment(device, **variables)


def test_an_export_records_what_only_a_device_can_prove(exported):
    assert exported.code == 0, exported.said
    assert [(row.error, row.agreement, row.p50) for row in exported.report.rows] == [
        (None,) * 3
    ] * 2
    for graph in exported.graphs():
        assert (graph.proof, graph.benchmark) == (None, None)
        assert graph.compiled_percent >= 80
        assert graph.compiler == CompilerSettings(pipeline_cores=1, args=())
        assert graph.versions["torch-neuron"].endswith("+emulated")
        (module,) = graph.modules
        assert module.weights is None
    assert "aten::embedding" in exported.said


def test_a_second_export_finds_everything_published(exported, model):
    again = inf1.export(exported.index_file.parent, model, "TextClassification", (1, 16), (4, 32))
    assert (again.code, again.report.cached) == (0, 2)
    assert again.report.rows == exported.report.rows


def test_a_compiler_that_fails_ends_the_export_with_its_reason(model, tmp_path):
    ended = inf1.export(tmp_path, model, "TextClassification", (1, 16), compiler_oom="1")
    assert ended.code == REASONS["CompilerOutOfMemory"].exit_code
    assert ended.report.reason == "CompilerOutOfMemory"
    assert ended.report.rows == ()


def test_every_core_proves_every_graph_and_answers(exported, device, tmp_path):
    with serving.serving(exported, tmp_path, pod=on(device), neuron_cores=4) as served:
        proof = served.client.get("/proof").json()
        assert proof["target"] == "Inf1"
        assert proof["versions"]["torch-neuron"].endswith("+emulated")
        for bucket in proof["buckets"]:
            assert [worker["worker"] for worker in bucket["workers"]] == [0, 1, 2, 3]
            assert 0 < bucket["maxAbsoluteError"] < 0.2
        answers = served.predict(*TEXTS).json()["predictions"]
        assert len(answers) == len(TEXTS)
        assert served.terminate() == 0


def test_graphs_that_one_core_cannot_hold_are_spread_over_the_cores(exported, device, tmp_path):
    large = exported.claiming(900_000_000, tmp_path)
    with serving.serving(large, tmp_path, pod=on(device), neuron_cores=4) as served:
        workers = {
            bucket["batchSize"]: [worker["worker"] for worker in bucket["workers"]]
            for bucket in served.client.get("/proof").json()["buckets"]
        }
        assert workers == {1: [0, 2], 4: [1, 3]}
        for _ in range(3):
            assert len(served.predict(*TEXTS).json()["predictions"]) == len(TEXTS)


def ended(artifact, folder, pod, **settings):
    code, report = serving.ended(artifact, folder, pod=pod, **settings)
    parsed = Report.parse(report)
    assert code == REASONS[parsed.reason].exit_code
    return parsed.reason, parsed.message


def test_graphs_that_do_not_fit_on_the_cores_are_told_with_figures(exported, device, tmp_path):
    large = exported.claiming(900_000_000, tmp_path)
    reason, message = ended(large, tmp_path, on(device), neuron_cores=1)
    assert reason == "DeviceMemoryFull"
    assert "2 graphs of 900 million weights need 2 NeuronCores" in message


def test_a_node_without_a_device_is_told(exported, tmp_path):
    assert ended(exported, tmp_path, neuron_pod.environment())[0] == "DeviceNotFound"


def test_cores_that_another_server_holds_are_told(exported, device, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with serving.serving(exported, first, pod=on(device), neuron_cores=4):
        reason, message = ended(exported, second, on(device), neuron_cores=4)
    assert reason == "CoresNotAvailable"
    assert "NeuronCore(s) not available" in message


def test_cores_that_are_no_neighbours_are_told(exported, device, tmp_path):
    pod = on(device, NEURON_RT_VISIBLE_CORES="0,2")
    assert ended(exported, tmp_path, pod, neuron_cores=2)[0] == "CoresNotContiguous"


@pytest.mark.parametrize(("how", "reason"), [("nan", "NotFinite"), ("noise", "ProofFailed")])
def test_a_core_that_computes_wrongly_takes_no_traffic(exported, tmp_path, how, reason):
    device = neuron_pod.make_device(tmp_path / "device", 4, broken={2: how})
    found, message = ended(exported, tmp_path, on(device), neuron_cores=4)
    assert (found, message.startswith("bucket ")) == (reason, True)


def test_a_device_that_is_full_is_told(exported, tmp_path):
    device = neuron_pod.make_device(tmp_path / "device", 1, memory=1000)
    reason, message = ended(exported, tmp_path, on(device))
    assert reason == "DeviceMemoryFull"
    assert "Allocation Failure" in message


def test_a_pipeline_is_one_worker_on_its_cores(model, device, tmp_path):
    settings = CompilerSettings(pipeline_cores=2, args=())
    made = inf1.export(tmp_path, model, "TextClassification", (1, 16), compiler=settings)
    with serving.serving(made, tmp_path, pod=on(device), neuron_cores=4) as served:
        (bucket,) = served.client.get("/proof").json()["buckets"]
        assert len(bucket["workers"]) == 2
    reason, message = ended(made, tmp_path, on(device), neuron_cores=1)
    assert (reason, message) == (
        "DeviceMemoryFull",
        "a graph spans 2 NeuronCores, the replica has 1",
    )


@pytest.mark.parametrize("family", ["distilbert", "roberta"])
def test_other_families_are_proved_on_the_device_too(family, device, tmp_path):
    model = tiny_models.build(tmp_path / "model", family, "FeatureExtraction")
    tiny_models.pool(model)
    made = inf1.export(tmp_path, model, "FeatureExtraction", (2, 16))
    with serving.serving(made, tmp_path, pod=on(device)) as served:
        (bucket,) = served.client.get("/proof").json()["buckets"]
        assert bucket["agreement"] >= 0.9
        assert json.loads(served.predict(TEXTS[0]).text)["predictions"]


def test_translations_are_searched_for_on_the_device(device, tmp_path):
    tiny_marian.save(tmp_path / "model", sharp=0.5, end=0.0)
    wide = Limits(absolute=0.3, relative=0.05, min_agreement=0.3)
    made = inf1.export(
        tmp_path, tmp_path / "model", "Translation", (2, 16, 12, 3), limits=wide, least=60
    )
    assert made.code == 0, made.said
    (graph,) = made.graphs()
    assert [module.name for module in graph.modules] == ["encoder", "decoder"]
    assert all(module.weights is None for module in graph.modules)
    with serving.serving(made, tmp_path, pod=on(device), neuron_cores=4) as served:
        (bucket,) = served.client.get("/proof").json()["buckets"]
        assert len(bucket["workers"]) == 4
        first, second = served.predict("the house is small", "the house").json()["predictions"]
        assert first
        assert second
        (alone,) = served.predict("the house").json()["predictions"]
        assert alone == second
