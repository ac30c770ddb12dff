"""What lives at random came upon, each as short as it can be told."""

from apiserver import Quota
from operated import KEY, Operated
from tracedmodel_operator.kinds import CONFIG_MAP, DEPLOYMENT, JOB, SERVICE, TRACED_MODEL


def ready(**spec) -> Operated:
    operated = Operated()
    operated.apply(spec)
    operated.settle()
    assert operated.conditions()["Ready"] == "Succeeded"
    return operated


def test_an_orphaning_deletion_is_not_undone_by_an_operator_that_did_not_hear_of_it_yet():
    operated = ready()
    resources, _ = operated._changes
    resources.hold()
    operated.cluster.delete(TRACED_MODEL, *KEY, "Orphan")
    operated.settle()
    resources.release()
    operated.persist()
    left = operated.names(JOB, DEPLOYMENT, CONFIG_MAP, SERVICE)
    assert [len(names) for names in left.values()] == [1, 1, 1, 1]


def test_pods_are_not_replaced_by_ones_whose_index_is_refused():
    operated = ready(serving={"rollout": {"strategy": "InPlace"}})
    quota = Quota("small", CONFIG_MAP, "search", 1)
    operated.cluster.admission.quotas.append(quota)
    before = operated.cluster.get(DEPLOYMENT, *KEY)["spec"]
    operated.apply({"model": {"revision": "d" * 40}})
    operated.settle()
    operated.later(5)
    assert operated.cluster.get(DEPLOYMENT, *KEY)["spec"] == before
    assert operated.conditions()["Stalled"] == "ChildRefused"
    operated.cluster.admission.quotas.remove(quota)
    operated.later(400)
    assert operated.conditions()["Ready"] == "Succeeded"
