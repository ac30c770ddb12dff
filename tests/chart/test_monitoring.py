"""Alerts and dashboards ask for what is there: metrics, labels and values by docs/metrics.md and the code."""

import json
import re

import pytest

import metrics_page
import promql
from chart_cases import FOLDER, case, only
from tracedmodel_api import conditions
from tracedmodel_operator.metrics import RESULTS
from tracedmodel_operator.remarks import LOAD_UNKNOWN
from tracedmodel_operator.render.scaled_object import _WORK

OPERATOR, SERVER = (
    metrics_page.rows(metrics_page.part(t)) for t in ("Of the operator", "Of a server")
)
TARGET = {"namespace", "pod", "job"}
"""Labels that Prometheus gives to whatever it scrapes."""
TARGET_OF_SERVERS = {*TARGET, "tracedmodel"}
RULES = [
    rule
    for group in only(case("monitored"), "PrometheusRule")["spec"]["groups"]
    for rule in group["rules"]
]
BOARDS = {file.stem: json.loads(file.read_text()) for file in (FOLDER / "dashboards").iterdir()}
PANELS = [
    pytest.param(panel, id=f"{board}: {panel['title']}")
    for board, document in BOARDS.items()
    for panel in document["panels"]
    if panel["type"] != "row"
]

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def labels_of(metric, family):
    """Return the labels that a metric has once it is scraped."""
    name = metric if metric in family else re.sub(r"_(bucket|sum|count)$", "", metric)
    kind, labels = family[name]
    assert (name != metric) == (kind == "histogram")
    buckets = {"le"} if metric.endswith("_bucket") else set()
    return labels | buckets | (TARGET if family is OPERATOR else TARGET_OF_SERVERS)


def family_of(metric):
    return (
        OPERATOR
        if metric.startswith(("tracedmodel_operator_", "tracedmodel_resources"))
        else SERVER
    )


def check(expression):
    """Check that every metric of an expression is there with the labels that it is asked for."""
    found = promql.selected(expression)
    assert found
    for metric, matchers in found:
        known = labels_of(metric, family_of(metric))
        if metric.startswith("process_"):
            known = known | TARGET_OF_SERVERS
        assert matchers.keys() <= known
        assert promql.kept(expression) <= known
        check_values(metric, matchers)


def check_values(metric, matchers):
    """Check values of labels that the code knows: a misspelt one would never match."""
    known = {
        "tracedmodel_resources": {
            "condition": {conditions.READY, *_of_the_contract()},
            "status": {"True", "False", "Unknown"},
        },
        "tracedmodel_operator_reconciles_total": {"result": set(RESULTS)},
        "tracedmodel_stage_seconds_bucket": {
            "stage": {"tokenization", "total", "queue", "inference"}
        },
        "tracedmodel_tokens_total": {"kind": {"real", "padding"}},
    }
    for label, values in known.get(metric, {}).items():
        if label in matchers:
            assert matchers[label] in values
    for reason in filter(None, matchers.get("reason", "").split("|")):
        assert reason in vars(conditions).values()


def _of_the_contract():
    return {"Exported", "Available", "Reconciling", "Stalled", "Suspended"}


@each_rule
def test_an_alert_asks_for_what_is_there(rule):
    check(rule["expr"])


@each_rule
def test_an_alert_says_what_it_means_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("warning", "critical")
    texts = rule["annotations"]
    assert set(texts) == {"summary", "description", "runbook"}
    assert texts["runbook"].endswith(".")
    assert len(texts["runbook"].split()) > 10


@each_rule
def test_the_sentences_of_an_alert_use_labels_that_it_keeps(rule):
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert used <= promql.kept(rule["expr"])


def test_alerts_of_an_operator_are_of_this_one_alone():
    for rule in RULES:
        for metric, matchers in promql.selected(rule["expr"]):
            if family_of(metric) is OPERATOR:
                assert matchers["job"] == only(case("monitored"), "Service")["metadata"]["name"]
                assert matchers["namespace"] == "tracedmodel-system"


def test_an_operator_counts_as_blind_by_its_own_setting():
    (rule,) = [rule for rule in RULES if rule["alert"] == "TracedModelOperatorBlind"]
    assert rule["expr"].endswith("> 3 * 600")


def test_an_autoscaler_that_does_not_know_the_load_alerts_as_its_event_is_called():
    (rule,) = [rule for rule in RULES if rule["alert"] == f"TracedModel{LOAD_UNKNOWN}"]
    (found,) = promql.selected(rule["expr"])
    assert found.name == "tracedmodel_operator_autoscalers_blind"
    assert f"--field-selector reason={LOAD_UNKNOWN}`" in rule["annotations"]["runbook"]


def test_the_page_of_metrics_tells_of_every_alert():
    page = metrics_page.part("Of the operator")
    told = re.findall(r"^\| `(TracedModel\w+)` \| (\w+) \| \S", page, re.MULTILINE)
    assert told == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]


def test_every_alert_has_a_name_of_its_own_and_placeholders_are_filled():
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) == 14
    assert "THE_" not in json.dumps(RULES)


def shown(board):
    """Return the metrics that the panels of a dashboard show."""
    expressions = [t["expr"] for p in BOARDS[board]["panels"] for t in p.get("targets", ())]
    return {metric.name for text in expressions for metric in promql.selected(text)}


def test_dashboards_show_what_autoscalers_go_by_and_which_of_them_are_blind():
    assert {found.name for found in promql.selected(_WORK)} <= shown("serving")
    assert "tracedmodel_operator_autoscalers_blind" in shown("operator")


def test_whatever_alerts_is_on_a_dashboard():
    alerting = {metric.name for rule in RULES for metric in promql.selected(rule["expr"])}
    assert alerting <= shown("operator") | shown("serving")


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_for_what_is_there(panel):
    for target in panel["targets"]:
        check(target["expr"])
        used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        labels = promql.kept(target["expr"]) or TARGET_OF_SERVERS
        assert used <= labels | TARGET_OF_SERVERS
    assert panel["description"].endswith(".")


@pytest.mark.parametrize("board", BOARDS)
def test_a_dashboard_can_be_imported_beside_the_other(board):
    document = BOARDS[board]
    numbers = [panel["id"] for panel in document["panels"]]
    assert len(numbers) == len(set(numbers))
    assert document["uid"] == f"tracedmodel-{board}"
    names = {variable["name"] for variable in document["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps(document)))
    assert used <= names


@pytest.mark.parametrize("board", BOARDS)
def test_no_panel_of_a_dashboard_lies_upon_another(board):
    taken = set()
    for panel in BOARDS[board]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
