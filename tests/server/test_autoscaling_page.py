"""docs/autoscaling.md has the figures that its own command gives."""

import json
import re
from pathlib import Path

import pytest

from capacity_plans import output, parsed
from tracedmodel_server.capacity import inputs
from tracedmodel_server.capacity.loads import loads_of
from tracedmodel_server.capacity.plan import Demand
from tracedmodel_server.capacity.simulate import Run
from tracedmodel_server.capacity.traffic import read_traffic

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "autoscaling.md").read_text(encoding="utf-8")
CAPACITY = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
(COMMAND,) = re.findall(r"^tracedmodel plan-capacity (.*--autoscale)$", PAGE, re.MULTILINE)
ROWS = re.findall(
    r"^\| (nothing|CPU use|work)(?:, at (\d+) %)? \| `(.*?)` \| ([\d.]+) \| ([\d.]+%) \|$",
    PAGE,
    re.MULTILINE,
)
BERT = ("--encoder", "12x768", "--buckets", "1x128,8x128")
BERT_CORES = 4


@pytest.fixture(autouse=True)
def root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_page_has_a_day_by_every_measure():
    assert {row[0] for row in ROWS} == {"nothing", "CPU use", "work"}


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[2]}")
def test_a_day_takes_what_the_page_says(row, capsys):
    measure, percent, options, hours, late = row
    told = json.loads(output(capsys, *COMMAND.split(), *options.split(), "--json"))["autoscaling"]
    fleet = told["fixed" if measure == "nothing" else "autoscaled"]
    assert f"{fleet['replicaHours']:.1f}" == hours
    assert f"{fleet['lateShare']:.2%}" == late
    assert percent in ("", f"{told['policy']['target'] * 100:.0f}")
    assert told["measure"] == ("work" if measure == "work" else "busy")


def demand_of(*words):
    """Return what the command is asked, for fleets of its own."""
    arguments = parsed(*words)
    server = inputs.replica(arguments, inputs.read(arguments)).server
    traffic = read_traffic(Path(arguments.traffic))
    run = Run(arguments.requests, arguments.seed)
    return Demand(traffic, arguments.p99_milliseconds / 1000, server, 0.2, run, 1)


def test_half_empty_batches_keep_workers_as_busy_as_the_page_says():
    demand = demand_of("--traffic", "examples/traffic/search.yaml", *BERT)
    loads = loads_of(demand, BERT_CORES)
    fifth, seven_tenths = (loads.at(share * loads.bearable).busy for share in (0.2, 0.7))
    text = PAGE.replace("\n", " ")
    assert f"a fifth of what they can are busy for {fifth * 100:.0f} % of the time" in text
    assert f"at seven tenths for {seven_tenths * 100:.0f} %" in text


@pytest.mark.slow
def test_by_busy_time_a_day_takes_what_both_pages_say(capsys):
    (command,) = re.findall(r"tracedmodel plan-capacity (.* --autoscale)$", CAPACITY, re.MULTILINE)
    words = (*command.split(), "--scale-by", "busy", "--json")
    told = json.loads(output(capsys, *words))["autoscaling"]
    fixed, by_work = re.findall(r"^(?:fixed|autoscaled) +\S+ +(\S+)", CAPACITY, re.MULTILINE)
    hours = f"{told['autoscaled']['replicaHours']:.1f}"
    sentence = (
        f"takes {hours} replica hours instead of {by_work}: more than the {float(fixed):.0f} of"
    )
    assert sentence in PAGE.replace("\n", " ")
    assert f"costs ${told['autoscaled']['dollars']:.2f} a day" in CAPACITY
