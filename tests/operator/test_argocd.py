"""The health check for Argo CD, in the layout of its own tests: each file is a state of the contract."""

from collections.abc import Mapping

import pytest
import yaml

from contract import STATES
from gitops import ARGO, argo

FILES = {
    "progressing_unseen": "never seen by the operator",
    "progressing_newer_spec": "a spec that is newer than what the operator saw",
    "progressing_export": "an export that runs",
    "progressing_backing_off": "an export that will be tried again",
    "progressing_next_export": "a next export while the last artifact serves",
    "progressing_rollout": "a first rollout",
    "progressing_terminating": "being deleted",
    "degraded_export_failed": "an export out of memory",
    "degraded_rolled_back": "rolled back after failures on two nodes",
    "degraded_invalid_spec": "a first spec that the operator does not understand",
    "degraded_and_suspended": "suspended after an export failed for good",
    "suspended_settled": "suspended with everything as wanted",
    "suspended_waiting": "suspended while another artifact is wanted",
    "healthy": "everything as wanted",
    "healthy_scaled_to_zero": "no replica wanted",
}


def written() -> Mapping[str, str]:
    """Return what is to stand in the folder, by its path."""
    items = {f"testdata/{name}.yaml": STATES[state].item() for name, state in FILES.items()}
    tests = []
    for path, item in items.items():
        status, message = argo(item)
        tests.append({"healthStatus": {"status": status, "message": message}, "inputPath": path})
    documents = {"health_test.yaml": {"tests": tests}, **items}
    return {
        path: yaml.safe_dump(document, sort_keys=False, width=120)
        for path, document in documents.items()
    }


def test_the_test_data_are_the_states_as_the_operator_makes_them(update_golden):
    if update_golden:
        for path, text in written().items():
            (ARGO / path).write_text(text, encoding="utf-8")
    there = {path.relative_to(ARGO).as_posix(): path for path in ARGO.rglob("*.yaml")}
    assert {path: file.read_text(encoding="utf-8") for path, file in there.items()} == written()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named_after_what_argo_cd_shows(name):
    assert argo(STATES[FILES[name]].item())[0].lower() == name.partition("_")[0]


def test_the_test_data_show_everything_that_the_check_can_answer():
    shown = {argo(STATES[state].item())[0] for state in FILES.values()}
    assert shown == {"Progressing", "Degraded", "Suspended", "Healthy"}
