import pytest

from tracedmodel_operator.cache import Cache
from tracedmodel_operator.kinds import CONFIG_MAP, POD, TRACED_MODEL

KEY, OTHER = ("search", "minilm"), ("search", "other")


@pytest.fixture
def cache():
    return Cache()


def model(version=1, name="minilm", uid="u-1", **spec):
    metadata = {"name": name, "namespace": "search", "uid": uid, "resourceVersion": str(version)}
    whole = {"kind": "TracedModel", "apiVersion": "tracedmodel.dev/v1alpha1"}
    return {**whole, "metadata": metadata, "spec": spec}


def child(version=1, *, labelled="minilm", owner="minilm", kind="ConfigMap", uid="c-1", **parts):
    metadata = {"name": "a", "namespace": "search", "uid": uid, "resourceVersion": str(version)}
    if labelled:
        metadata["labels"] = {"tracedmodel.dev/model": labelled}
    if owner:
        reference = {"kind": "TracedModel", "name": owner, "uid": "u-1", "controller": True}
        metadata["ownerReferences"] = [reference]
    return {"kind": kind, "metadata": metadata, **parts}


def pod(version=1, **more):
    return child(version, owner=None, kind="Pod", uid="p-1", **more)


def test_what_is_new_is_news(cache):
    assert cache.put(model()) == KEY
    assert cache.put(child()) == KEY
    assert cache.resource(KEY)
    assert len(cache.children(KEY)) == 1


def test_what_is_used_and_changed_is_news(cache):
    cache.put(child(1, data={"x": "1"}))
    assert cache.put(child(2, data={"x": "2"})) == KEY
    assert cache.children(KEY)[0]["data"] == {"x": "2"}


def test_what_nothing_reads_is_no_news_but_its_version_counts(cache):
    cache.put(child(1))
    assert cache.put(child(3, binaryData={"x": "eA=="})) is None
    assert cache.put(child(2, data={"x": "1"})) is None
    assert "data" not in cache.children(KEY)[0]


@pytest.mark.parametrize("version", [1, 2])
def test_an_object_never_goes_back(cache, version):
    cache.put(model(2, replicas=2))
    assert cache.put(model(version, replicas=1)) is None
    assert cache.resource(KEY)["spec"] == {"replicas": 2}


def test_versions_are_compared_as_numbers(cache):
    cache.put(model(9, replicas=1))
    assert cache.put(model(10, replicas=2)) == KEY


def test_another_object_of_the_name_is_news_whatever_its_version(cache):
    cache.put(model(5, uid="u-1"))
    assert cache.put(model(4, uid="u-2")) == KEY
    assert cache.resource(KEY)["metadata"]["uid"] == "u-2"


def test_a_child_is_found_by_its_kind_and_name(cache):
    cache.put(child(data={"x": "1"}))
    assert cache.child(KEY, ("ConfigMap", "a"))["data"] == {"x": "1"}
    for key, name in ((KEY, ("ConfigMap", "b")), (KEY, ("Pod", "a")), (OTHER, ("ConfigMap", "a"))):
        assert cache.child(key, name) is None


def test_a_deletion_is_news_once(cache):
    cache.put(model())
    assert cache.remove(model(2)) == KEY
    assert cache.remove(model(2)) is None
    assert cache.resource(KEY) is None
    assert cache.children(KEY) == []


def test_a_late_deletion_of_a_predecessor_takes_nothing_away(cache):
    cache.put(model(uid="u-2"))
    assert cache.remove(model(9, uid="u-1")) is None
    assert cache.resource(KEY)


def test_children_are_there_without_their_resource_and_outlive_it(cache):
    cache.put(child())
    assert cache.resource(KEY) is None
    cache.put(model())
    cache.remove(model(2))
    assert len(cache.children(KEY)) == 1


def test_what_has_neither_label_nor_owner_is_nobodys(cache):
    assert cache.put(child(labelled=None, owner=None)) is None
    assert cache.children(KEY) == []


@pytest.mark.parametrize("label", [None, "other"])
def test_a_child_that_loses_its_label_is_news_of_its_owner(cache, label):
    cache.put(child(1))
    assert cache.put(child(2, labelled=label)) == KEY
    (found,) = cache.children(KEY)
    assert found["metadata"].get("labels", {}).get("tracedmodel.dev/model") == label
    assert cache.children(OTHER) == []


def test_a_deletion_of_a_child_without_its_label_is_news_of_its_owner(cache):
    cache.put(child(1))
    assert cache.remove(child(2, labelled=None)) == KEY


def test_an_orphan_is_news_of_the_resource_that_its_label_names(cache):
    assert cache.put(child(owner=None)) == KEY


def home(item):
    return Cache.home(item), item["metadata"]["uid"]


def test_a_list_takes_away_what_it_does_not_have(cache):
    cache.put(model())
    cache.put(model(name="other", uid="u-2"))
    assert cache.keep_only(TRACED_MODEL, None, {home(model())}, 5) == {OTHER}
    assert cache.resource(KEY)
    assert cache.resource(OTHER) is None


def test_a_list_takes_away_objects_of_its_own_kind_and_namespace_alone(cache):
    cache.put(model())
    cache.put(child())
    assert cache.keep_only(POD, None, set(), 5) == set()
    assert cache.keep_only(CONFIG_MAP, "elsewhere", set(), 5) == set()
    assert cache.keep_only(CONFIG_MAP, "search", set(), 5) == {KEY}
    assert cache.resource(KEY)


def test_what_was_made_while_a_list_was_read_stays(cache):
    cache.put(model(6))
    assert cache.keep_only(TRACED_MODEL, None, set(), 5) == set()
    assert cache.keep_only(TRACED_MODEL, None, set(), 6) == {KEY}


def test_a_list_takes_away_a_pod_that_is_not_its_resources_any_more(cache):
    cache.put(pod(1))
    assert cache.put(pod(2, labelled=None)) is None
    assert cache.keep_only(POD, None, {home(pod(2, labelled=None))}, 5) == {KEY}
    assert cache.children(KEY) == []
