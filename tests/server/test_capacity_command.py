import json
import re
from pathlib import Path

import pytest
import yaml

from capacity_plans import output, parsed
from manifest_base import manifest
from tracedmodel_api.report import Failure
from tracedmodel_server.capacity import command

TRAFFIC = {
    "requestsPerSecond": 100,
    "lengths": [{"tokens": 20, "weight": 3}, {"tokens": 60, "weight": 1}],
}
BUCKETS = [{"batchSize": 1, "sequenceLength": 64}, {"batchSize": 8, "sequenceLength": 64}]
TIMES = {"1x64": 10, "8x64": {"p50": 40, "p99": 50}}
INF1 = ("--encoder", "6x384", "--buckets", "1x64,8x64")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run in a folder with traffic and times."""
    monkeypatch.chdir(tmp_path)
    files(traffic=TRAFFIC)
    Path("times.json").write_text(json.dumps(TIMES), encoding="utf-8")


def files(**documents):
    """Write documents as YAML files, by name."""
    for name, document in documents.items():
        text = document if isinstance(document, str) else yaml.safe_dump(document)
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")


def of(capsys, *words):
    """Run the command with few requests and return its JSON."""
    few = ("--traffic", "traffic.yaml", "--requests", "2000", "--json")
    return json.loads(output(capsys, *few, *words))


def refused(*words):
    with pytest.raises(Failure) as caught:
        command.run(parsed("--traffic", "traffic.yaml", "--requests", "2000", *words))
    assert caught.value.reason.name == "InvalidRequest"
    return str(caught.value)


def a_model(**changes):
    return manifest({"spec.export.buckets": BUCKETS, **changes})


def measured(buckets=BUCKETS, parameters=None):
    """Return a status with times: 12 ms for one text, 44 for eight."""
    latency = {1: 12_000, 8: 44_000}
    digests = {"digest": "d", "fingerprint": "f"}
    rows = [
        {
            **b,
            "digest": "d",
            "sizeBytes": 1,
            "latency": {"p50Microseconds": latency[b["batchSize"]]},
        }
        for b in buckets
    ]
    return {"artifact": {**digests, "buckets": rows}, "model": {"parameters": parameters}}


def p50s(plan):
    return {bucket["batchSize"]: round(bucket["p50Milliseconds"], 6) for bucket in plan["buckets"]}


def test_inf1_is_planned_for_every_instance_type_with_the_cheapest(capsys):
    plan = of(capsys, *INF1)
    names = [choice["instance"] for choice in plan["choices"]]
    assert names == ["inf1.xlarge", "inf1.2xlarge", "inf1.6xlarge", "inf1.24xlarge"]
    assert plan["cheapest"] == plan["cheapestIfSlower"]["instance"] == "inf1.xlarge"
    assert plan["computedTimes"] == 2
    first = plan["choices"][0]
    assert (first["instances"], first["workersPerReplica"], first["dollarsPerHour"]) == (
        1,
        4,
        0.228,
    )
    assert 0 < first["p50Milliseconds"] < first["p99Milliseconds"] <= 100
    assert plan["cheapestIfSlower"]["p99Milliseconds"] > first["p99Milliseconds"]


def test_a_price_changes_what_is_cheapest(capsys):
    plan = of(capsys, *INF1, "--price", "inf1.2xlarge=0.1")
    assert plan["cheapest"] == "inf1.2xlarge"


def test_a_manifest_gives_buckets_and_batching_and_its_status_the_times(capsys):
    batching = {"maxDelayMilliseconds": 7, "maxQueuedRequests": 9}
    files(model=a_model(**{"spec.serving.batching": batching}) | {"status": measured()})
    plan = of(capsys, "model.yaml")
    assert p50s(plan) == {1: 12.0, 8: 44.0}
    assert plan["cheapest"] is plan["cheapestIfSlower"] is None
    text = output(capsys, "model.yaml", "--traffic", "traffic.yaml", "--requests", "2000")
    assert "waits of at most 7 ms" in text
    assert "--price replica=DOLLARS" in text


def test_given_times_go_before_the_status_and_given_buckets_before_the_manifest(capsys):
    files(model=a_model() | {"status": measured()}, other={"1x64": 5})
    assert p50s(of(capsys, "model.yaml", "--times", "times.json")) == {1: 10.0, 8: 40.0}
    assert p50s(of(capsys, "model.yaml", "--buckets", "1x64")) == {1: 12.0}


def test_without_a_manifest_the_buckets_are_those_of_the_times(capsys):
    plan = of(capsys, "--times", "times.json", "--target", "CPU", "--price", "replica=0.1")
    assert p50s(plan) == {1: 10.0, 8: 40.0}
    assert (plan["cheapest"], plan["choices"][0]["workersPerReplica"]) == ("replica", 1)
    two = of(capsys, "--times", "times.json", "--target", "CPU", "--workers", "2")
    assert two["choices"][0]["workersPerReplica"] == 2


def test_measured_times_of_inf1_go_before_computed_ones(capsys):
    files(model=a_model(**{"spec.target": "Inf1"}) | {"status": measured(BUCKETS[:1])})
    plan = of(capsys, "model.yaml", "--encoder", "6x384")
    assert p50s(plan)[1] == 12.0
    assert plan["computedTimes"] == 1


@pytest.mark.parametrize(
    ("serving", "option", "workers"),
    [({}, (), 1), ({"neuronCores": 4}, (), 4), ({"neuronCores": 4}, ("--neuron-cores", "1"), 1)],
)
def test_a_replica_has_the_cores_that_the_manifest_says(capsys, serving, option, workers):
    files(model=a_model(**{"spec.target": "Inf1", "spec.serving": serving}))
    plan = of(capsys, "model.yaml", "--encoder", "6x384", *option)
    assert plan["choices"][0]["workersPerReplica"] == workers


def test_other_kinds_in_the_file_are_left_alone(capsys):
    both = yaml.safe_dump_all([{"kind": "Secret"}, a_model() | {"status": measured()}])
    files(model=both)
    assert p50s(of(capsys, "model.yaml")) == {1: 12.0, 8: 44.0}


def test_delay_queue_host_and_balancing_are_what_the_options_say(capsys):
    plain = of(capsys, *INF1)["choices"][0]
    slow = of(capsys, *INF1, "--host-milliseconds", "3")["choices"][0]
    assert slow["p50Milliseconds"] > plain["p50Milliseconds"] + 2.5
    waiting = of(capsys, *INF1, "--max-delay", "30")["choices"][0]
    assert waiting["p99Milliseconds"] > plain["p99Milliseconds"] + 5
    assert of(capsys, *INF1, "--max-queued", "1")["choices"][0]["instances"] >= 1
    least = of(capsys, *INF1, "--neuron-cores", "1", "--balancing", "least-loaded")["choices"][0]
    random = of(capsys, *INF1, "--neuron-cores", "1")["choices"][0]
    assert least["p99Milliseconds"] < random["p99Milliseconds"]


def test_the_table_says_what_was_asked_and_what_to_buy(capsys):
    text = output(capsys, "--traffic", "traffic.yaml", "--requests", "2000", *INF1)
    assert "100 requests/s, 1 text each, of 20 to 60 tokens, 30.0 on average" in text
    assert "1x64 8x64; times 2 of 2 computed" in text
    assert re.search(r"^inf1\.xlarge +1 +1 +4 .* ± .*%.* 0\.228 ", text, re.MULTILINE)
    assert re.search(r"Cheapest: 1 x inf1.xlarge, that is 1 replica of 4 workers: \$0\.228", text)
    assert "If all times are 20% longer: 1 x inf1.xlarge" in text


def test_a_day_is_planned_for_its_busiest_hour(capsys):
    hours = [20] * 13 + [200] + [20] * 10
    files(
        traffic={
            "requestsPerSecondByHour": hours,
            "textsPerRequest": 2,
            "lengths": TRAFFIC["lengths"],
        }
    )
    words = ("--requests", "2000", "--neuron-cores", "1")
    text = output(capsys, "--traffic", "traffic.yaml", *words, *INF1)
    assert "200 requests/s at the busiest hour (13:00), 27.5 on average, 2 texts each" in text
    assert "replicas of 1 worker: $" in text


def test_a_target_that_only_holds_while_times_are_as_computed_is_told(capsys):
    plan = of(capsys, *INF1)
    lone = plan["buckets"][0]["p99Milliseconds"]
    words = ("--most-instances", "8", "--p99-milliseconds", f"{lone * 1.1:.2f}")
    text = output(capsys, "--traffic", "traffic.yaml", *INF1, *words, "--requests", "2000")
    assert "If all times are 20% longer: no number of instances is enough." in text


@pytest.mark.parametrize(
    ("parameters", "encoder", "said"),
    [
        (110_000_000, "12x768", None),
        (None, "24x1024", "a worker holds about 3 of the 4 buckets, so each has a part of them"),
        (500_000_000, "12x768", "holds about 2 of"),
    ],
)
def test_more_buckets_than_a_core_has_memory_for_are_told(capsys, parameters, encoder, said):
    lengths = [{"batchSize": size, "sequenceLength": n} for size in (1, 8) for n in (32, 64)]
    status = measured([], parameters) if parameters else {}
    spec = {"spec.export.buckets": lengths, "spec.target": "Inf1", "spec.serving.neuronCores": 4}
    files(model=manifest(spec) | {"status": status})
    words = ("model.yaml", "--traffic", "traffic.yaml", "--requests", "2000", "--encoder", encoder)
    text = output(capsys, *words)
    assert (said in text) if said else ("Memory" not in text)


def test_cores_that_hold_a_part_of_the_buckets_are_slower_than_cores_that_hold_all(capsys):
    def p99(parameters):
        spec = {"spec.target": "Inf1", "spec.serving.neuronCores": 4}
        files(model=a_model(**spec) | {"status": measured(parameters=parameters)})
        plan = of(capsys, "model.yaml", "--p99-milliseconds", "200")
        return plan["mostBucketsOfWorker"], plan["choices"][0]["p99Milliseconds"]

    (all_of_them, quick), (one, slow) = p99(10**6), p99(10**9)
    assert (all_of_them, one) == (1000, 1)
    assert slow > quick


def test_where_nobody_knows_the_weights_every_core_is_taken_to_hold_all(capsys):
    files(model=a_model(**{"spec.target": "Inf1"}) | {"status": measured()})
    assert of(capsys, "model.yaml")["mostBucketsOfWorker"] is None


def test_buckets_that_no_replica_holds_are_refused_with_figures():
    spec = {"spec.target": "Inf1", "spec.serving.neuronCores": 1}
    files(model=a_model(**spec) | {"status": measured(parameters=10**9)})
    assert "2 graphs of 1000 million weights need 2 NeuronCores" in refused("model.yaml")


def piped(cores):
    serving, compiler = {"neuronCores": 16}, {"pipelineCores": cores}
    spec = {"spec.target": "Inf1", "spec.serving": serving, "spec.export.compiler": compiler}
    files(model=a_model(**spec) | {"status": measured(parameters=10**8)})


def test_a_pipeline_of_cores_is_one_worker(capsys):
    piped(4)
    plan = of(capsys, "model.yaml")
    assert [(one["instance"], one["workersPerReplica"]) for one in plan["choices"]] == [
        ("inf1.6xlarge", 4),
        ("inf1.24xlarge", 4),
    ]
    assert plan["mostBucketsOfWorker"] == 40


def test_of_pipelines_no_times_are_computed_and_none_is_longer_than_a_replica():
    piped(16)
    assert "give --times FILE for pipelines" in refused("model.yaml", "--encoder", "6x384")
    message = refused("model.yaml", "--neuron-cores", "4")
    assert message == "--neuron-cores 4: the manifest's graphs span 16"


def test_buckets_are_suggested_ready_to_be_pasted(capsys):
    words = ("--traffic", "traffic.yaml", "--suggest-buckets", "4")
    text = output(capsys, *words, "--buckets", "1x64,8x64")
    assert "--buckets 1x24,1x64,8x24,8x64\n" in text
    assert "  - {batchSize: 8, sequenceLength: 24}\n" in text
    # 30 tokens on average, in 24 x 3/4 + 64 x 1/4 = 34 places rather than 64.
    assert "11.8% of token places; with the given buckets 53.1%" in text
    assert "Saving against the given buckets: 46.9% of token places" in text


def test_suggested_lengths_follow_the_options(capsys):
    words = ("--suggest-buckets", "2", "--batch-sizes", "4", "--multiple-of", "1")
    plan = of(capsys, *words, "--longest", "60")
    assert plan["buckets"] == [
        {"batchSize": 4, "sequenceLength": 20},
        {"batchSize": 4, "sequenceLength": 60},
    ]
    assert (plan["padding"], plan["ownPadding"], plan["saving"]) == (0.0, None, None)


def test_suggestions_for_inf1_weigh_the_computed_time(capsys):
    plan = of(capsys, *INF1, "--suggest-buckets", "4")
    assert plan["measure"] == "computed time"
    # A fixed cost of each batch makes short texts save less time than places.
    assert 0 < plan["saving"] < 0.469


def test_buckets_too_short_for_the_traffic_are_no_comparison(capsys):
    words = ("--suggest-buckets", "2", "--buckets", "1x32", "--longest", "512")
    assert of(capsys, *words)["saving"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no buckets: give a manifest"),
        (("--buckets", "1x64"), "no time is known for 1x64"),
        (("--buckets", "x"), "is no bucket"),
        (("--times", "missing.json"), "missing.json: cannot be read"),
        (("--times", "times.json", "--buckets", "1x32"), "no time is known for 1x32"),
        (
            ("--encoder", "6x384", "--target", "CPU"),
            "--encoder computes times of target Inf1 alone",
        ),
        (("missing.yaml",), "missing.yaml: cannot be read"),
        (("traffic.yaml",), "traffic.yaml: apiVersion: missing"),
        (("broken.yaml",), "broken.yaml: line 1"),
        (("none.yaml",), "none.yaml: has 0 TracedModels"),
        (("list.yaml",), "list.yaml: manifest: given a list of 1"),
        (("model.yaml", "--target", "Inf1"), "--target Inf1: the manifest's is CPU"),
        (("model.yaml", "--target", "CPU"), "no time is known for 1x64, 8x64"),
        ((*INF1, "--p99-milliseconds", "1"), "p99 cannot be 1 ms"),
        ((*INF1, "--price", "x"), "--price 'x'"),
        (("--suggest-buckets", "1"), "every length needs 2 buckets"),
        (("--suggest-buckets", "2", "--buckets", "1x32"), "no bucket may be longer than 32"),
    ],
)
def test_what_cannot_be_planned_is_told_with_what_to_do(words, said):
    files(model=a_model(), broken="a: [", none="kind: Secret\n", list="- a\n")
    assert said in refused(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("--p99-milliseconds", "0"),
        ("--p99-milliseconds", "soon"),
        ("--headroom-percent", "-1"),
        ("--max-delay", "nan"),
        ("--requests", "10"),
        ("--suggest-buckets", "33"),
        ("--suggest-buckets", "x"),
        ("--batch-sizes", "1,0"),
        ("--longest", "7"),
    ],
)
def test_an_option_outside_its_bounds_is_a_wrong_call(words, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed("--traffic", "traffic.yaml", *words)
    assert caught.value.code == 2
    assert "write" in capsys.readouterr().err
