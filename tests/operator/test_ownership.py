import pytest

from resources import resource
from states import ready
from tracedmodel_operator.ownership import Owner, handover, needs_handover, owner_of

LABELS = {
    "app.kubernetes.io/managed-by": "tracedmodel-operator",
    "tracedmodel.dev/model": "minilm",
}


def child(*references, labels=LABELS):
    return {"metadata": {"name": "minilm", "labels": labels, "ownerReferences": references}}


def reference(**changes):
    of_this = {"kind": "TracedModel", "name": "minilm", "uid": "u-1", "controller": True}
    return {**of_this, **changes}


@pytest.mark.parametrize(
    ("item", "owner"),
    [
        (child(reference()), Owner.THIS),
        (child(reference(uid="u-0")), Owner.PREDECESSOR),
        (child(reference(uid="u-0", name="other")), Owner.STRANGER),
        (child(reference(uid="u-0", kind="ReplicaSet")), Owner.STRANGER),
        (child(), Owner.NOBODY),
        (child(reference(uid="u-9", controller=False)), Owner.NOBODY),
        (child(reference(kind="ConfigMap", controller=False), reference()), Owner.THIS),
        (child(labels={}), Owner.STRANGER),
        (child(labels=None), Owner.STRANGER),
        (child(labels={**LABELS, "tracedmodel.dev/model": "other"}), Owner.STRANGER),
        (child(labels={**LABELS, "app.kubernetes.io/managed-by": "Helm"}), Owner.STRANGER),
        ({"metadata": {"name": "minilm"}}, Owner.STRANGER),
    ],
)
def test_a_child_is_whose_controller_and_labels_say(item, owner):
    assert owner_of(item, resource()) is owner


def test_every_child_that_is_rendered_is_owned_by_its_resource():
    world = ready()
    children = [item for (kind, _), item in world.objects.items() if kind != "Pod"]
    assert {owner_of(item, world.resource) for item in children} == {Owner.THIS}


def managed(manager="tracedmodel-operator", operation="Update", **more):
    return {"manager": manager, "operation": operation, **more}


@pytest.mark.parametrize(
    ("entries", "needed"),
    [
        ([managed()], True),
        ([managed(operation="Apply"), managed()], True),
        ([managed(operation="Apply")], False),
        ([managed(manager="kubectl")], False),
        ([managed(subresource="scale")], False),
        ([], False),
        (None, False),
    ],
)
def test_fields_are_handed_over_that_the_operator_created(entries, needed):
    assert needs_handover({"metadata": {"managedFields": entries}}) is needed


def test_the_handover_changes_the_operators_entries_of_this_very_version_alone():
    mine, others = managed(fieldsV1={"f:spec": {}}), managed(manager="kubectl")
    patch = handover({"metadata": {"managedFields": [mine, others], "resourceVersion": "7"}})
    assert patch == [
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [{**mine, "operation": "Apply"}, others],
        },
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
    ]
