"""How an API server says no: authorization, quotas. On the fake, and on a real one."""

import re

import pytest

from cluster_objects import config_map, job, owned_by
from manifest_base import manifest
from tracedmodel_operator.errors import NotFound, Refused
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, JOB, TRACED_MODEL

pytestmark = pytest.mark.cluster

READ_JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "watch"]}
PATCH_MAPS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "patch"]}


def test_what_no_role_allows_is_forbidden_in_a_sentence_that_names_it(stage):
    limited = stage.limited([READ_JOBS])
    assert limited.names(JOB) == []
    sentence = (
        'jobs.batch is forbidden: User "somebody" cannot create resource "jobs" '
        f'in API group "batch" in the namespace "{limited.namespace}"'
    )
    with pytest.raises(Refused) as refused:
        limited.create(JOB, job())
    assert (refused.value.status, refused.value.reason) == (403, "Forbidden")
    assert str(refused.value) == sentence


def test_a_named_object_is_named_in_the_refusal(stage):
    limited = stage.limited([READ_JOBS])
    expected = (
        'deployments.apps "web" is forbidden: User "somebody" cannot get resource "deployments" '
        f'in API group "apps" in the namespace "{limited.namespace}"'
    )
    with pytest.raises(Refused) as refused:
        limited.get(DEPLOYMENT, "web")
    assert str(refused.value) == expected


def test_a_subresource_is_a_right_of_its_own(stage):
    limited = stage.limited([{**READ_JOBS, "verbs": ["get", "patch"]}])
    stage.api.create(JOB, job())
    with pytest.raises(Refused, match=r'cannot patch resource "jobs/status" in API group "batch"'):
        limited.merge(JOB, "export", {"status": {}}, subresource="status")


def test_to_read_is_not_to_list_or_watch(stage):
    limited = stage.limited([PATCH_MAPS])
    with pytest.raises(NotFound):
        limited.get(CONFIG_MAP, "a")
    with pytest.raises(Refused, match='cannot list resource "configmaps"'):
        limited.names(CONFIG_MAP)
    with pytest.raises(Refused, match='cannot watch resource "configmaps"'):
        limited.watch(CONFIG_MAP, 1)


def test_whoever_may_patch_but_not_create_cannot_apply_what_is_not_there(stage):
    limited = stage.limited([PATCH_MAPS])
    refused = limited.apply(CONFIG_MAP, config_map(data={"x": "1"}), "a")
    assert refused.status == 403
    assert 'cannot create resource "configmaps"' in refused.body["message"]
    stage.api.create(CONFIG_MAP, config_map())
    assert limited.apply(CONFIG_MAP, config_map(data={"x": "1"}), "a").status == 200


def test_a_quota_that_is_used_up_refuses_in_a_sentence_that_counts(stage):
    api = stage.api
    api.create(JOB, job("first"))
    stage.quota(JOB, 1)
    sentence = (
        'jobs.batch "second" is forbidden: exceeded quota: few, requested: count/jobs.batch=1, '
        "used: count/jobs.batch=1, limited: count/jobs.batch=1"
    )
    with pytest.raises(Refused) as refused:
        api.create(JOB, job("second"))
    assert (refused.value.status, str(refused.value)) == (403, sentence)


def test_a_used_up_quota_says_so_even_of_a_name_that_is_taken(stage):
    stage.api.create(JOB, job("first"))
    stage.quota(JOB, 1)
    with pytest.raises(Refused, match="exceeded quota"):
        stage.api.create(JOB, job("first"))


MAKE_JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "patch"]}
FINALIZE = {
    "apiGroups": [TRACED_MODEL.group],
    "resources": ["tracedmodels/finalizers"],
    "verbs": ["update"],
}


def make_for(owner, limited, *, blocks=True):
    return limited.create(JOB, owned_by(owner, job(), blocks=blocks))


@pytest.fixture
def owner(stage):
    stage.guard_owners()
    return stage.api.create(TRACED_MODEL, manifest({"metadata.namespace": stage.api.namespace}))


def test_where_owners_are_guarded_who_may_not_finalize_one_makes_nothing_that_blocks_its_deletion(
    stage, owner
):
    limited = stage.limited([MAKE_JOBS])
    sentence = (
        'jobs.batch "export" is forbidden: cannot set blockOwnerDeletion if an ownerReference '
        "refers to a resource you can't set finalizers on: "
    )
    with pytest.raises(Refused, match=f"^{re.escape(sentence)}"):
        make_for(owner, limited)
    make_for(owner, limited, blocks=False)


def test_where_owners_are_guarded_who_may_finalize_one_makes_what_blocks_its_deletion(stage, owner):
    make_for(owner, stage.limited([MAKE_JOBS, FINALIZE]))


def test_where_owners_are_guarded_who_may_not_delete_an_object_gives_it_no_owner(stage, owner):
    stage.api.create(JOB, job())
    limited = stage.limited([MAKE_JOBS, FINALIZE])
    sentence = (
        'jobs.batch "export" is forbidden: cannot set an ownerRef on a resource you can\'t delete: '
    )
    owned = owned_by(owner, {"metadata": {"name": "export"}})
    refused = limited.apply(JOB, owned, "somebody")
    assert (refused.status, refused.body["message"].startswith(sentence)) == (403, True)
    labelled = {"metadata": {"name": "export", "labels": {"a": "b"}}}
    assert limited.apply(JOB, labelled, "somebody").status == 200


def test_where_owners_are_guarded_who_may_delete_an_object_gives_it_an_owner(stage, owner):
    stage.api.create(JOB, job())
    limited = stage.limited([MAKE_JOBS, {**MAKE_JOBS, "verbs": ["delete"]}, FINALIZE])
    owned = owned_by(owner, {"metadata": {"name": "export"}})
    assert limited.apply(JOB, owned, "somebody").status == 200
    assert limited.apply(JOB, owned, "somebody").status == 200
