"""For every state that a resource can be in: its conditions, and what kstatus, Argo CD and Flux make of them."""

import functools

import pytest

import crd_judge
import pods
from contract import FAILED, STATES, WORKING
from gitops import argo, flux, kstatus
from resources import failed
from states import document, ended, ready, rolling, unseen
from tracedmodel_api.report import REASONS, Class

MARKS = {"True": "", "False": "!", "Unknown": "?"}
CONSTANT = {"Ready", "Exported", "Available"}
BEFORE_CONDITIONS = {"Pending deletion", "Waiting for the operator to see this generation"}


def conditions(item):
    found = item["status"].get("conditions", ())
    return {c["type"]: MARKS[c["status"]] + c["reason"] for c in found}


@functools.cache
def item_in(name):
    return STATES[name].item()


in_every_state = pytest.mark.parametrize("name", STATES)


@in_every_state
def test_the_conditions_and_what_the_tools_make_of_them_are_right(name):
    item, state = item_in(name), STATES[name]
    assert conditions(item) == dict(told.split("=") for told in state.conditions.split())
    assert (kstatus(item), argo(item)[0], flux(item)) == state.verdicts


@in_every_state
def test_the_status_is_one_that_the_api_server_takes(name):
    item = item_in(name)
    assert [p for p in crd_judge.judge(item) if not p.startswith(".spec.target")] == []


@in_every_state
def test_the_set_of_conditions_is_one_that_kstatus_understands(name):
    found = conditions(item_in(name))
    assert not {"Reconciling", "Stalled"} <= found.keys()
    assert all(found[kind][0].isalpha() for kind in found.keys() - CONSTANT)
    assert found.keys() >= CONSTANT or not found


@in_every_state
def test_what_is_not_ready_is_worked_on_stalled_or_suspended(name):
    found = conditions(item_in(name))
    states = found.keys() & {"Reconciling", "Stalled"}
    if not found or found["Ready"] in ("Succeeded", "!SuspendedByUser"):
        assert not states
    else:
        assert [found[kind] for kind in states] == [found["Ready"].removeprefix("!")]


@in_every_state
def test_every_condition_has_a_sentence_and_says_which_spec_it_speaks_of(name):
    status = item_in(name)["status"]
    told = status.get("conditions", ())
    assert all(condition["message"] for condition in told)
    current = {c["type"] for c in told if c["observedGeneration"] == status["observedGeneration"]}
    # Of a spec that cannot be read nothing is known but that: the rest speaks of the one before.
    invalid = {c["type"] for c in told if c["reason"] == "InvalidSpec"}
    assert current == invalid or current == {c["type"] for c in told}


@in_every_state
def test_argo_cd_shows_the_sentence_of_the_condition_that_decides(name):
    item = item_in(name)
    status, message = argo(item)
    told = {f"{c['reason']}: {c['message']}" for c in item["status"].get("conditions", ())}
    assert message in told or (status == "Progressing" and message in BEFORE_CONDITIONS)


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.name)
def test_an_export_that_ends_so_is_stalled_if_it_would_end_so_again(reason):
    terminal = reason.failure_class is Class.TERMINAL
    item = document(ended(failed(reason.name)))
    assert (kstatus(item), argo(item)[0], flux(item)) == (FAILED if terminal else WORKING)
    assert argo(item)[1].startswith(
        f"{reason.name}: " if terminal else f"BackingOff: {reason.name}"
    )


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.name)
def test_a_server_that_ends_so_twice_is_stalled_if_it_would_end_so_again(reason):
    terminal = reason.failure_class is Class.TERMINAL
    item = document(rolling(pods.crashed(failed(reason.name), times=2)))
    assert (kstatus(item), argo(item)[0], flux(item)) == (FAILED if terminal else WORKING)
    assert argo(item)[1].startswith(f"{reason.name}: ")


@pytest.mark.parametrize(
    "status", [None, {}, {"observedGeneration": 3}, {"observedGeneration": 3, "conditions": []}]
)
def test_argo_cd_waits_for_a_status_that_says_nothing(status):
    item = {key: part for key, part in unseen().items() if key != "status"}
    item = item if status is None else {**item, "status": status}
    assert argo(item)[0] == "Progressing"


def test_a_condition_of_an_older_spec_is_not_good_enough_for_flux():
    item = document(ready())
    for condition in item["status"]["conditions"]:
        condition["observedGeneration"] -= 1
    assert flux(item) == "InProgress"
