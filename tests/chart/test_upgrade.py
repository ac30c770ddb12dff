"""From every earlier version of the chart to this one; tests/cluster does the same with a real API server."""

import hashlib
from pathlib import Path

import pytest

from chart_cases import CASES, FOLDER, helm, only, render
from tracedmodel_operator.kinds import TRACED_MODEL

FOLDER_OF_VERSIONS = Path(__file__).parent / "versions"
VERSIONS = sorted(FOLDER_OF_VERSIONS.glob("*.tgz"))
FIXED = {
    "Deployment": lambda item: item["spec"]["selector"],
    "RoleBinding": lambda item: item["roleRef"],
    "ClusterRoleBinding": lambda item: item["roleRef"],
    "Service": lambda item: item["spec"].get("clusterIP"),
}
"""What no API server lets anybody change, by kind."""

each_version = pytest.mark.parametrize("archive", VERSIONS, ids=lambda path: path.stem)


def by_name(objects):
    return {
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): item
        for item in objects
    }


def test_no_kept_version_was_ever_changed():
    listed = (line.split() for line in (FOLDER_OF_VERSIONS / "SHA256SUMS").read_text().splitlines())
    kept = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS}
    assert {name: digest for digest, name in listed} == kept
    assert "tracedmodel-operator-0.1.0.tgz" in kept


def test_the_chart_of_today_has_a_version_that_no_other_chart_has():
    with helm.Chart.load(str(FOLDER)) as chart:
        assert f"{chart.name}-{chart.version}" not in {path.stem for path in VERSIONS}


@each_version
def test_a_kept_version_is_the_one_that_it_is_named_after(archive):
    with helm.Chart.load(str(archive)) as chart:
        assert f"{chart.name}-{chart.version}" == archive.stem


@each_version
def test_values_of_an_earlier_version_are_still_taken(archive):
    with helm.Chart.load(str(archive)) as old, helm.Chart.load(str(FOLDER)) as new:
        new.validate_schema(old.values)


@pytest.mark.parametrize("name", CASES)
@each_version
def test_nothing_changes_that_no_api_server_lets_change(archive, name):
    values = CASES[name][1]
    with helm.Chart.load(str(archive)) as old:
        try:
            old.validate_schema(values)
        except helm.HelmValuesError:
            pytest.skip("values that the earlier version did not have yet")
    before, after = by_name(render(values, folder=archive)), by_name(render(values))
    for key in before.keys() & after.keys():
        fixed = FIXED.get(key[0], lambda _: None)
        assert fixed(after[key]) == fixed(before[key])


@each_version
def test_operators_of_both_versions_stand_by_for_each_other_while_one_replaces_the_other(archive):
    def lease(objects):
        (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
        names = ("TRACEDMODEL_OPERATOR_LEASE_NAME", "TRACEDMODEL_OPERATOR_NAMESPACE")
        return [one for one in container["env"] if one["name"] in names]

    assert lease(render(folder=archive)) == lease(render())


@each_version
def test_the_definition_goes_on_serving_what_is_stored(archive):
    old, new = (
        only(objects, "CustomResourceDefinition") for objects in (render(folder=archive), render())
    )
    served = [{v["name"] for v in item["spec"]["versions"] if v["served"]} for item in (old, new)]
    assert served[0] <= served[1]
    assert old["metadata"]["name"] == f"{TRACED_MODEL.plural}.{TRACED_MODEL.group}"
    assert old["metadata"]["name"] == new["metadata"]["name"]
    # An object that goes from a release is deleted, and the definition with all TracedModels.
    assert old["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
