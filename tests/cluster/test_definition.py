"""The committed definition on an API server: which manifests it takes. On the fake, and on a real one."""

import pytest

from bad_manifests import BAD
from good_manifests import GOOD
from manifest_base import manifest
from tracedmodel_operator.kinds import TRACED_MODEL

pytestmark = pytest.mark.cluster


def submitted(api, change):
    """Return the answer to a manifest that kubectl submits, on trial."""
    document = manifest(change)
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        metadata["namespace"] = api.namespace
    query = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "kubectl"}
    return api.ask("POST", api.path(TRACED_MODEL), document, **query)


def test_every_bad_manifest_is_refused(api):
    taken = [name for name, change, _ in BAD if submitted(api, change).status < 400]
    assert taken == []


def test_every_good_manifest_is_taken(api):
    answers = {row[0]: submitted(api, row[1]) for row in GOOD}
    assert {n: a.body["message"] for n, a in answers.items() if a.status >= 400} == {}


def test_the_definition_is_served_with_its_subresources_and_short_name(api):
    found = api.done("GET", f"/apis/{TRACED_MODEL.api_version}")
    by_name = {resource["name"]: resource for resource in found["resources"]}
    assert by_name.keys() == {"tracedmodels", "tracedmodels/status", "tracedmodels/scale"}
    assert by_name["tracedmodels"]["shortNames"] == ["tm"]
