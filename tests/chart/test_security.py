"""docs/security.md says what the chart makes, and explains all that a scanner complains of."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import check
from chart_cases import CASES, DIGEST, case, of_kind, only, pods, render
from check import SCANNERS, Finding, complaints, explained, of_checkov, of_kube_score

ROOT = Path(__file__).parents[2]
PAGE = check.PAGE.read_text(encoding="utf-8")
OPEN = {"smallest"}
"""Cases in which the administrator does without NetworkPolicies and a service account."""

each_case = pytest.mark.parametrize("name", sorted(CASES.keys() - OPEN))
each_role = pytest.mark.parametrize("name", CASES)


def program_of(name):
    """Return a scanner, where `make check-chart` installed it or anybody else."""
    own = ROOT / ".venv-checkov" / "bin" / name
    program = own if own.exists() else shutil.which(name)
    if program is None:
        pytest.skip(f"NO {name.upper()}: docs/security.md says how to have it look at the chart")
    return Path(program)


@pytest.mark.parametrize("name", SCANNERS)
def test_every_finding_of_a_scanner_is_explained_and_nothing_else(name):
    scanner = SCANNERS[name]
    assert complaints(check.found(program_of(name), scanner), explained(PAGE, scanner)) == []


def report(failed=(), skipped=(), passed=({"check_id": "CKV_K8S_1"},), broken=()):
    return {
        "results": {
            "failed_checks": list(failed),
            "skipped_checks": list(skipped),
            "passed_checks": list(passed),
            "parsing_errors": list(broken),
        }
    }


PULLED = {"check_id": "CKV_K8S_15", "resource": "Deployment.somewhere.operator.v2"}


@pytest.mark.parametrize("how", ["failed", "skipped"])
def test_what_was_skipped_is_found_as_well(how):
    assert of_checkov(report(**{how: [PULLED]})) == {
        Finding("CKV_K8S_15", "Deployment/operator.v2")
    }


def scored(*checks):
    whose = {"type_meta": {"kind": "Deployment"}, "object_meta": {"name": "operator.v2"}}
    return {**whose, "checks": checks}


def graded(name, grade, *, skipped=False):
    return {"check": {"id": name}, "grade": grade, "skipped": skipped}


def test_whatever_has_not_the_best_grade_is_found_unless_it_does_not_apply():
    checks = graded("pulled", 1), graded("spread", 5), graded("probed", 10)
    assert of_kube_score([scored(*checks, graded("scaled", 1, skipped=True))]) == {
        Finding("pulled", "Deployment/operator.v2"),
        Finding("spread", "Deployment/operator.v2"),
    }


@pytest.mark.parametrize("nothing", [{"passed": 0}, report(passed=()), report(broken=["a.yaml"])])
def test_a_scanner_that_saw_nothing_found_nothing_out(nothing):
    with pytest.raises(ValueError, match="checkov read nothing, or not all"):
        of_checkov(nothing)


@pytest.mark.parametrize("nothing", [[], None])
def test_a_score_of_nothing_is_none(nothing):
    with pytest.raises(ValueError, match="kube-score read nothing"):
        of_kube_score(nothing)


HEAD = "| finding | where | why |\n|---|---|---|\n"
CHECKOV, KUBE_SCORE = SCANNERS["checkov"], SCANNERS["kube-score"]


def test_a_row_explains_a_finding_of_each_object_that_it_names():
    page = f"{HEAD}| `CKV_K8S_15` x | `Job/a`, `Job/b` | So. |\n"
    found = {Finding("CKV_K8S_15", "Job/a"), Finding("CKV_K8S_15", "Job/b")}
    assert explained(page, CHECKOV) == found


def test_each_scanner_has_its_own_rows():
    page = f"{HEAD}| `CKV_K8S_15` x | `Job/a` | So. |\n| `container-ports` x | `Job/a` | So. |\n"
    assert explained(page, CHECKOV) == {Finding("CKV_K8S_15", "Job/a")}
    assert explained(page, KUBE_SCORE) == {Finding("container-ports", "Job/a")}


def test_a_finding_without_a_reason_is_not_explained():
    assert explained("| `CKV_K8S_15` x | `Job/a` | |\n", CHECKOV) == set()


def test_findings_and_explanations_that_have_no_other_half_are_told():
    new, old = Finding("CKV_K8S_1", "Job/a"), Finding("CKV_K8S_2", "Job/a")
    assert complaints({new}, {old}) == [
        "CKV_K8S_1 Job/a: mend it, or say why it stays",
        "CKV_K8S_2 Job/a: is not found any more",
    ]


REPORTS = {"checkov": report(failed=[PULLED]), "kube-score": [scored(graded("pulled", 1))]}


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """Return how the check ends where the page explains some findings and the scanners have one each."""

    def ended(*explained_checks, scanners=("checkov",)):
        page = tmp_path / "security.md"
        rows = [f"| `{one}` x | `Deployment/operator.v2` | So. |\n" for one in explained_checks]
        page.write_text("".join(rows))
        monkeypatch.setattr(check, "PAGE", page)
        monkeypatch.setattr(check, "scan", lambda program, *_: REPORTS[str(program)])
        words = [word for name in scanners for word in (f"--{name}", name)]
        monkeypatch.setattr(sys, "argv", ["check.py", *words])
        return check.main()

    return ended


def test_the_check_passes_where_all_is_explained(checked, capsys):
    assert checked("CKV_K8S_15") == 0
    assert capsys.readouterr().out == "1 findings of checkov, 0 to do\n"


def test_the_check_fails_on_what_is_not_explained(checked, capsys):
    assert checked("CKV_K8S_1") == 1
    told = capsys.readouterr()
    assert told.out == "1 findings of checkov, 2 to do\n"
    assert told.err.startswith("docs/security.md: CKV_K8S_15 Deployment/operator.v2: mend it")


def test_every_scanner_that_is_named_has_to_be_content(checked, capsys):
    assert checked("CKV_K8S_15", "pulled", scanners=SCANNERS) == 0
    assert checked("CKV_K8S_15", scanners=SCANNERS) == 1
    assert capsys.readouterr().out.endswith("0 to do\n1 findings of kube-score, 1 to do\n")


def test_a_check_by_nobody_is_none(checked):
    with pytest.raises(SystemExit):
        checked(scanners=())


@pytest.mark.parametrize("code", [0, 1])
def test_a_scanner_may_end_with_1_where_it_found_something(code, tmp_path):
    program = scanner_that(tmp_path, f"echo '[]'; exit {code}")
    assert check.scan(program, KUBE_SCORE, [{"kind": "Job"}]) == []


def test_a_scanner_that_failed_has_found_nothing_out(tmp_path):
    program = scanner_that(tmp_path, "echo '[]'; exit 2")
    with pytest.raises(subprocess.CalledProcessError):
        check.scan(program, KUBE_SCORE, [])


def scanner_that(folder, does):
    program = folder / "scanner"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    return program


@each_case
def test_a_policy_for_both_directions_selects_every_pod(name):
    objects = case(name)
    policies = [item["spec"] for item in of_kind(objects, "NetworkPolicy")]
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies)
    for template in pods(objects):
        labels = template["metadata"]["labels"].items()
        selecting = [p for p in policies if p["podSelector"]["matchLabels"].items() <= labels]
        assert len(selecting) == 1


@each_role
def test_no_role_has_a_wildcard_secrets_or_a_way_to_more(name):
    objects = case(name)
    rules = [
        rule
        for kind in ("Role", "ClusterRole")
        for role in of_kind(objects, kind)
        for rule in role["rules"]
    ]
    told = {word for rule in rules for words in rule.values() for word in words}
    assert not {word for word in told if "*" in word}
    assert not told & {"secrets", "pods/exec", "pods/attach", "serviceaccounts/token"}
    assert not told & {"escalate", "bind", "impersonate"}


@each_case
def test_every_pod_has_a_service_account_of_its_own_that_mounts_no_token_by_itself(name):
    objects = case(name)
    accounts = of_kind(objects, "ServiceAccount")
    used = [template["spec"]["serviceAccountName"] for template in pods(objects)]
    assert sorted(used) == sorted(item["metadata"]["name"] for item in accounts)
    assert not any(item["automountServiceAccountToken"] for item in accounts)


@each_role
def test_every_pod_asks_for_what_it_needs_and_has_a_limit_of_memory_and_disk(name):
    for template in pods(case(name)):
        (container,) = template["spec"]["containers"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}
        assert {"memory", "ephemeral-storage"} <= container["resources"]["limits"].keys()


def test_the_operator_is_restarted_by_another_page_than_the_one_that_takes_it_out_of_service():
    (container,) = pods(render())[0]["spec"]["containers"]
    probes = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")]
    assert probes == ["/healthz", "/readyz"]


def test_a_digest_reaches_every_pod():
    for template in pods(render({**CASES["widest"][1], "image": {"digest": DIGEST}})):
        (container,) = template["spec"]["containers"]
        assert container["image"].endswith(f"@{DIGEST}")


def test_a_clean_up_that_was_missed_starts_again():
    assert only(case("widest"), "CronJob")["spec"]["startingDeadlineSeconds"] > 0


def test_what_the_page_says_of_tokens_and_secrets_is_so():
    operator, cleaning = pods(case("widest"))
    for template in (operator, cleaning):
        assert template["spec"]["automountServiceAccountToken"] is True
    secrets = ["envFrom" in template["spec"]["containers"][0] for template in (operator, cleaning)]
    assert secrets == [False, True]
    limits = [volume["emptyDir"]["sizeLimit"] for volume in operator["spec"]["volumes"]]
    assert limits == ["64Mi"]
    assert "volumes" not in cleaning["spec"]


def test_every_page_and_file_that_it_names_is_there():
    for name in re.findall(r"\]\((?!https)([^)#]+)", PAGE):
        assert (ROOT / "docs" / name).exists()
    assert (ROOT / "charts" / "widest.yaml").exists()
