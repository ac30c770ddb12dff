"""docs/autoscaling.md says what the code says."""

import re
from pathlib import Path

import yaml

from rendered import PINNED, SCALED, deployment, replica
from resources import report, resource, row
from tracedmodel_api import conditions
from tracedmodel_api.buckets import Bucket
from tracedmodel_operator import remarks
from tracedmodel_operator.names import labels
from tracedmodel_operator.render import durations
from tracedmodel_operator.render.scaled_object import _WORK
from tracedmodel_operator.settings import ScalingSettings, Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "autoscaling.md").read_text(encoding="utf-8")
SERVER_METRICS = set(
    re.findall(r"`(tracedmodel_[a-z_]+)` \|", (ROOT / "docs" / "metrics.md").read_text("utf-8"))
)


def documents():
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_rule_of_the_adapter_gives_the_metric_that_is_asked_for():
    (rule,) = documents()[1]["rules"]
    assert rule["name"]["as"] == ScalingSettings().load_metric
    assert rule["resources"]["overrides"].keys() == {"namespace", "pod"}
    asked = set(re.findall(r"tracedmodel_[a-z_]+", rule["seriesQuery"] + rule["metricsQuery"]))
    assert asked == {"tracedmodel_work_seconds_total", "tracedmodel_workers"}
    assert asked <= SERVER_METRICS
    assert rule["metricsQuery"].count("<<.LabelMatchers>>") == 2
    assert rule["metricsQuery"].count("<<.GroupBy>>") == 2


def test_keda_asks_for_metrics_that_servers_have():
    assert set(re.findall(r"tracedmodel_[a-z_]+", _WORK)) <= SERVER_METRICS


def test_the_monitor_chooses_the_serving_pods_and_their_port():
    monitor = documents()[2]["spec"]
    template = deployment(SCALED)["spec"]["template"]
    wanted = monitor["selector"]["matchLabels"].items()
    assert wanted <= template["metadata"]["labels"].items()
    assert not wanted <= labels(resource(), "export").items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    ports = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    assert endpoint["port"] in ports


def test_the_defaults_are_those_of_the_code():
    own = ScalingSettings()
    rows = dict(re.findall(r"^\| (`[^|]*_[^|]*`) \| ([\d, ]+) \|", PAGE, re.MULTILINE))
    told = {
        name: int(value)
        for names, values in rows.items()
        for name, value in zip(re.findall(r"\w+", names), values.split(","), strict=True)
    }
    assert told == {name: getattr(own, name) for name in told}
    assert {name for name in ScalingSettings.model_fields if name[:2] in ("up", "do")} == set(told)
    assert f"`cooldown_seconds` ({own.cooldown_seconds})" in PAGE
    assert f"a scrape and a poll of KEDA ({own.poll_seconds} s each" in PAGE


def test_a_replica_that_goes_has_the_time_that_the_page_says():
    own = Settings.model_fields
    text = PAGE.partition("\n## Fewer replicas")[2].partition("\n## ")[0].replace("\n", " ")
    assert f"accepting for {own['drain_seconds'].default} s (`settings.drainSeconds`)" in text
    assert f"it has {own['grace_seconds'].default} s (`settings.graceSeconds`)" in text
    assert f"both and {durations._LEAVING_SECONDS} s more" in text
    assert f"never longer than {durations._LONGEST_END} s" in text


def test_a_replica_that_goes_gets_that_time():
    slow = report(rows=(row(Bucket(1, 32)), row(Bucket(8, 128), p50=1_000_000)))
    few, many = (
        replica({"serving": {"batching": {"maxQueuedRequests": queued}}}, made=slow)
        for queued in (1, 4096)
    )
    least = PINNED.drain_seconds + PINNED.grace_seconds + durations._LEAVING_SECONDS
    assert durations.end_seconds(few) == least
    assert durations.end_seconds(many) == durations._LONGEST_END


def test_the_reasons_are_ones_that_there_are():
    own = {remarks.LOAD_UNKNOWN, remarks.REPLICAS_IGNORED}
    known = {value for name, value in vars(conditions).items() if name.isupper()} | own
    named = set(re.findall(r"(?:reason|Event) ([A-Z]\w+)", PAGE))
    assert named <= known
    assert own <= named
