import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources import World, report
from states import launched
from tracedmodel_operator.drift import drifted, must_be_remade, replaces_pods, stamped

NAMES = st.sampled_from(["a", "b", "c", "name"])
LEAVES = st.one_of(st.text(max_size=3), st.integers(), st.booleans())
KEYED = st.dictionaries(NAMES, LEAVES, min_size=1).map(
    lambda found: [{"name": name, "value": value} for name, value in found.items()]
)


def containers(inner):
    return st.one_of(st.dictionaries(NAMES, inner, max_size=3), st.lists(inner, max_size=3), KEYED)


VALUES = st.recursive(LEAVES, containers, max_leaves=8)
CHILDREN = st.fixed_dictionaries(
    {"metadata": st.dictionaries(NAMES, VALUES, max_size=3)},
    optional={"spec": st.dictionaries(NAMES, VALUES, max_size=4), "data": VALUES},
)


@st.composite
def supersets(draw, value):
    """Return a value with whatever else others may have added to it."""
    if isinstance(value, dict):
        more = {key: draw(supersets(part)) for key, part in value.items()}
        added = draw(st.dictionaries(st.sampled_from(["x", "y"]), LEAVES, max_size=2))
        return {**added, **more}
    if isinstance(value, list):
        items = [draw(supersets(part)) for part in value]
        return draw(st.permutations([*items, {"name": "another"}])) if is_keyed(value) else items
    return value


def is_keyed(items):
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    return bool(names) and all(isinstance(n, str) for n in names) and len({*names}) == len(names)


def leaves(value, path=()):
    """Return the paths of all leaves."""
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in leaves(part, (*path, key))]
    if isinstance(value, list):
        return [found for i, part in enumerate(value) for found in leaves(part, (*path, i))]
    return [path]


def changed(child, path):
    """Return a child with another leaf at a path."""
    found = copy.deepcopy(child)
    *above, last = path
    place = found
    for key in above:
        place = place[key]
    place[last] = ["something", "else"]
    return found


@settings(deadline=None, max_examples=60)
@given(st.data(), CHILDREN)
def test_whatever_others_add_is_no_drift(data, child):
    assert not drifted(child, data.draw(supersets(child)))


@settings(deadline=None, max_examples=60)
@given(st.data(), CHILDREN)
def test_any_other_leaf_is_a_drift(data, child):
    paths = leaves(child)
    if paths:
        assert drifted(child, changed(child, data.draw(st.sampled_from(paths))))


@given(CHILDREN)
def test_what_lacks_a_part_with_anything_in_it_has_drifted(child):
    for part in child:
        rest = {key: value for key, value in child.items() if key != part}
        assert drifted(child, rest) or not leaves(child[part])


@given(CHILDREN)
def test_a_child_is_not_drifted_from_itself(child):
    assert not drifted(child, child)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ([{"name": "a"}], [{"name": "b"}]),
        ([{"name": "a"}, {"name": "a"}], [{"name": "a"}]),
        ([{"name": "a"}], {"name": "a"}),
        ([{"name": "a"}], None),
        ({"a": 1}, "a"),
        ({"a": {"b": 1}}, {"a": None}),
        ([{"mountPath": "/a", "name": "x"}], [{"mountPath": "/b", "name": "x"}]),
    ],
)
def test_lists_and_maps_of_another_kind_order_or_length_have_drifted(wanted, live):
    assert drifted({"spec": {"of": wanted}}, {"spec": {"of": live}})


def test_two_mounts_of_one_volume_are_told_apart_by_their_path():
    wanted = [{"mountPath": "/a", "name": "x"}, {"mountPath": "/b", "name": "x"}]
    live = [*reversed(wanted), {"mountPath": "/c", "name": "x"}]
    assert not drifted({"spec": {"mounts": wanted}}, {"spec": {"mounts": live}})


def deployment(**spec):
    metadata = {"annotations": {"team": "search"}}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": []}, **spec}
    return {"metadata": metadata, "spec": {"replicas": 1, "template": template}}


def test_a_field_that_is_left_out_is_noticed_by_the_stamp_alone():
    before, after = deployment(), deployment()
    before["spec"]["minReadySeconds"] = 5
    assert not drifted(after, before)
    assert drifted(stamped(after), stamped(before))
    assert not replaces_pods(stamped(after), stamped(before))


def test_a_field_that_is_left_out_of_the_pods_replaces_them():
    before, after = stamped(deployment(spec={"hostname": "x"})), stamped(deployment(spec={}))
    assert replaces_pods(after, before)
    assert not replaces_pods(after, after)


def test_pods_that_were_changed_by_hand_are_replaced():
    wanted = stamped(deployment(spec={"hostname": "x"}))
    live = changed(wanted, ("spec", "template", "spec", "hostname"))
    assert replaces_pods(wanted, live)


def test_pods_carry_the_stamp_of_their_template_and_keep_what_they_had():
    found = stamped(deployment(metadata={"annotations": {"a": "b"}}))
    pods = found["spec"]["template"]["metadata"]["annotations"]
    assert pods == {"a": "b", "tracedmodel.dev/template": pods["tracedmodel.dev/template"]}
    annotations = found["metadata"]["annotations"]
    assert annotations["tracedmodel.dev/template"] == pods["tracedmodel.dev/template"]
    assert annotations["team"] == "search"


def test_a_child_without_pods_is_stamped_as_a_whole():
    one = stamped({"metadata": {"name": "a"}, "data": {"x": "1"}})
    other = stamped({"metadata": {"name": "a"}, "data": {"x": "2"}})
    assert one["metadata"]["annotations"].keys() == {"tracedmodel.dev/rendered"}
    assert one["metadata"]["annotations"] != other["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("wanted", "live", "remade"),
    [
        ({"immutable": True, "data": {"a": "1"}}, {"data": {"a": "2"}}, True),
        ({"immutable": True, "data": {"a": "1"}}, {"data": {"a": "1"}}, False),
        ({"data": {"a": "1"}}, {"data": {"a": "2"}}, False),
    ],
)
def test_what_cannot_be_changed_is_remade(wanted, live, remade):
    assert must_be_remade(wanted, live) is remade


def test_what_was_rendered_and_applied_has_not_drifted():
    world: World = launched()
    world.finish(report())
    world.settle()
    world.serve()
    world.settle()
    assert (world.plan.create, world.plan.apply) == ((), ())
