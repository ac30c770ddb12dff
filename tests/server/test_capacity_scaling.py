import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from capacity_plans import output, parsed
from manifest_base import manifest
from tracedmodel_api.report import Failure
from tracedmodel_server.capacity import command
from tracedmodel_server.capacity.drawing import PALE_RED

SVG = "{http://www.w3.org/2000/svg}"
FRAME_WIDTH = 688
HOURS = [40.0] * 8 + [500.0] * 8 + [40.0] * 8
BUCKETS = [{"batchSize": 1, "sequenceLength": 64}, {"batchSize": 8, "sequenceLength": 64}]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run in a folder with a day's traffic, times, and a manifest that scales."""
    monkeypatch.chdir(tmp_path)
    day = {"requestsPerSecondByHour": HOURS, "lengths": [{"tokens": 20, "weight": 1}]}
    Path("traffic.yaml").write_text(yaml.safe_dump(day))
    Path("times.json").write_text(json.dumps({"1x64": 10, "8x64": 40}))
    scaling = {"minReplicas": 2, "maxReplicas": 7, "targetUtilizationPercent": 60}
    scaled = {"spec.export.buckets": BUCKETS, "spec.serving.autoscaling": scaling}
    Path("scaled.yaml").write_text(yaml.safe_dump(manifest(scaled)))


def words(*more, target="Inf1"):
    few = ("--traffic", "traffic.yaml", "--times", "times.json", "--requests", "1000")
    return (*few, "--autoscale", "--target", target, *more)


def days(capsys, *more, target="Inf1"):
    return json.loads(output(capsys, *words(*more, "--json", target=target)))["autoscaling"]


def test_a_fleet_that_scales_costs_less_than_one_that_does_not(capsys):
    told = days(capsys, "--neuron-cores", "1")
    assert told["autoscaled"]["replicaHours"] < told["fixed"]["replicaHours"]
    assert told["autoscaled"]["dollars"] < told["fixed"]["dollars"]
    assert told["measure"] == "work"
    assert told["policy"]["least"] == 1
    assert told["policy"]["most"] == 2 * told["fixed"]["mostReplicas"]


def test_the_manifest_says_how_to_scale_and_arguments_go_before(capsys):
    told = days(capsys, "scaled.yaml", target="CPU")
    assert (told["policy"]["least"], told["policy"]["most"], told["policy"]["target"]) == (
        2,
        7,
        0.6,
    )
    assert told["measure"] == "busy"
    more = ("--min-replicas", "1", "--max-replicas", "9", "--target-percent", "80")
    told = days(capsys, "scaled.yaml", *more, "--scale-by", "work", target="CPU")
    assert (told["policy"]["least"], told["policy"]["most"], told["policy"]["target"]) == (
        1,
        9,
        0.8,
    )
    assert told["measure"] == "work"


def test_the_delays_are_those_that_were_given(capsys):
    told = days(capsys, "--node-seconds", "900", "--replica-seconds", "30")
    assert told["delays"] == {"node": 900, "replica": 30}


def test_people_get_a_table_below_the_plan(capsys):
    text = output(capsys, *words())
    assert text.startswith("Traffic: ")
    assert re.search(
        r"^A day: 1 to \d+ replicas at 70% work, 240 s until a node", text, re.MULTILINE
    )
    assert re.search(r"^fixed .*\nautoscaled ", text, re.MULTILINE)


def test_a_price_that_is_not_known_is_not_made_up(capsys):
    assert re.search(r"^fixed +\d+ +[\d.]+ +- ", output(capsys, *words(target="CPU")), re.MULTILINE)


def test_the_same_seed_gives_the_same_days(capsys):
    assert days(capsys) == days(capsys)


def drawn(capsys, *more):
    output(capsys, *words("--plot", "day.svg", *more))
    return [text.text for text in ET.fromstring(Path("day.svg").read_text()).iter(f"{SVG}text")]


def test_the_plot_says_what_scaling_saves_and_has_every_line(capsys):
    told = drawn(capsys, "--neuron-cores", "1")
    hours = days(capsys, "--neuron-cores", "1")["autoscaled"]["replicaHours"]
    assert f": {hours:.1f} replica hours in a day; " in told[0]
    assert {"asked", "fixed fleet", "replicas", "ready", "12:00", "requests/s"} <= set(told)


def test_a_fleet_that_never_changed_is_told_as_one_and_is_never_late(capsys):
    told = drawn(capsys, "--min-replicas", "9", "--max-replicas", "9")
    assert told[0].startswith("Scaled by load, always 9: 216.0 replica hours")
    assert "too late" not in told


def test_times_at_which_answers_were_late_are_red(capsys):
    late = ("--neuron-cores", "1", "--node-seconds", "7200", "--target-percent", "100")
    assert "too late" in drawn(capsys, *late)
    picture = ET.fromstring(Path("day.svg").read_text())
    red = [rect for rect in picture.iter(f"{SVG}rect") if rect.get("fill") == PALE_RED]
    share = sum(float(rect.get("width")) for rect in red) / FRAME_WIDTH
    slow = days(capsys, *late)["autoscaled"]["slowSeconds"]
    assert share == pytest.approx(slow / 86_400, abs=0.001)
    assert len(red) < slow / 900  # one for each stretch, not for each look


def refused(*more):
    with pytest.raises(Failure) as caught:
        command.run(parsed(*more))
    assert caught.value.reason.name == "InvalidRequest"
    return str(caught.value)


def test_a_plot_without_a_day_is_refused():
    few = ("--traffic", "traffic.yaml", "--times", "times.json")
    assert "--autoscale" in refused(*few, "--plot", "day.svg")


def test_a_plot_that_cannot_be_written_is_told():
    assert "nowhere/day.svg" in refused(*words("--plot", "nowhere/day.svg"))


def test_bounds_that_cross_are_told():
    assert "--min-replicas 9" in refused(*words("--min-replicas", "9", "--max-replicas", "3"))
