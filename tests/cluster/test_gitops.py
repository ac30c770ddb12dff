"""What applying the examples again changes once the operator has done its work: nothing. On the fake and a real server."""

import itertools
import shutil
from contextlib import ExitStack

import pytest

from apiserver import FakeCluster
from apiserver.client import Api
from apiserver.envtest import assets, control_plane, garbage_collector
from apiserver.kubeconfig import use_kubeconfig
from apiserver.patch import merge_patch
from apiserver.running import running
from apiserver.stages import install_definition
from apiserver.web import SYSTEM_TOKEN
from applying import (
    GITOPS_TOOL,
    MANIFESTS,
    Kubectl,
    Place,
    Repository,
    ServerSide,
    ThreeWay,
    differing,
)
from operator_process import OperatorProcess
from tracedmodel_operator.kinds import DEPLOYMENT, JOB, NAMESPACE, SERVICE, TRACED_MODEL
from tracedmodel_operator.names import MANAGER

pytestmark = pytest.mark.cluster

REQUESTED_AT = "tracedmodel.dev/requested-at"
_NUMBERS = itertools.count(1)

in_both_ways = pytest.mark.parametrize("way", [ServerSide, ThreeWay])
of_every_example = pytest.mark.parametrize("name", MANIFESTS)


def wants_cluster(config):
    return config.getoption("--cluster", default=False)


@pytest.fixture(scope="module")
def server(request, tmp_path_factory):
    """A server of these tests alone, on which one operator works everywhere: an administrator's kubeconfig file.

    And whether what lost its owner is collected.
    """
    folder = tmp_path_factory.mktemp("gitops")
    with ExitStack() as stack:
        if wants_cluster(request.config):
            if assets() is None:
                pytest.skip(
                    "NO API SERVER: set KUBEBUILDER_ASSETS; other clusters have an operator"
                )
            plane = stack.enter_context(control_plane(assets(), folder))
            collected = stack.enter_context(garbage_collector(assets(), plane))
            file = plane.kubeconfig
        else:
            fake = stack.enter_context(running(FakeCluster(namespaces=("default",))))
            file, collected = fake.kubeconfig(folder / "kubeconfig", SYSTEM_TOKEN), True
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        use_kubeconfig(patch, file)
        if wants_cluster(request.config):
            define()
        store = "s3://models/{namespace}"
        operator = OperatorProcess(
            file, folder / "log", namespace="default", default_store_url=store
        )
        stack.callback(operator.kill)
        yield file, collected


def define():
    """Install the definition, which the fake has by itself."""
    api = Api("default")
    try:
        install_definition(api)
    finally:
        api.close()


@pytest.fixture
def place(server):  # noqa: ARG001  # clients find it by the environment
    api = Api(f"gitops-{next(_NUMBERS)}")
    api.done("POST", NAMESPACE.path(None), {"metadata": {"name": api.namespace}})
    yield Place(api)
    api.close()


def replicated(replicas=2):
    return merge_patch(MANIFESTS["minilm.yaml"], {"spec": {"serving": {"replicas": replicas}}})


def unreplicated():
    return merge_patch(MANIFESTS["minilm.yaml"], {"spec": {"serving": None}})


def but_for_the_operator(item):
    """Return a resource without what the operator writes into it."""
    metadata = dict(item["metadata"])
    del metadata["resourceVersion"]
    metadata["managedFields"] = [e for e in metadata["managedFields"] if e["manager"] != MANAGER]
    return {"metadata": metadata, "spec": item["spec"]}


@in_both_ways
@of_every_example
def test_nothing_differs_and_nothing_is_written_when_an_example_is_applied_again(place, way, name):
    repository = way(place, MANIFESTS[name]).ready()
    before = but_for_the_operator(repository.live)
    assert repository.difference() == {}
    repository.applied()
    assert but_for_the_operator(repository.live) == before


@of_every_example
def test_the_operator_owns_nothing_of_an_example_but_its_status(place, name):
    entries = ServerSide(place, MANIFESTS[name]).ready().live["metadata"]["managedFields"]
    owned = {e["manager"]: e for e in entries}
    assert owned[MANAGER]["subresource"] == "status"
    assert owned[MANAGER]["fieldsV1"].keys() == {"f:status"}
    assert owned.keys() == {MANAGER, GITOPS_TOOL}


def scaled(repository, replicas):
    spec = {"spec": {"replicas": replicas}}
    repository.sent(spec, subresource="scale", fieldManager="hpa")
    repository.place.becomes_ready(repository.name)


@in_both_ways
def test_replicas_that_are_not_in_git_may_be_scaled(place, way):
    repository = way(place, unreplicated()).ready()
    scaled(repository, 3)
    assert repository.difference() == {}
    repository.applied()
    assert repository.live["spec"]["serving"]["replicas"] == 3


@in_both_ways
def test_replicas_that_are_in_git_are_the_only_difference_after_scaling(place, way):
    repository = way(place, replicated()).ready()
    scaled(repository, 3)
    spec = repository.live["spec"]
    spec["serving"]["replicas"] = 2
    assert repository.difference() == {"spec": spec}


@in_both_ways
def test_replicas_that_are_taken_out_of_git_fall_back_to_one(place, way):
    way(place, replicated(4)).ready()
    repository = way(place, unreplicated())
    repository.applied()
    assert repository.live["spec"]["serving"]["replicas"] == 1


@in_both_ways
def test_autoscaling_takes_over_the_replicas_that_leave_git_with_it(place, way):
    way(place, replicated(4)).ready()
    scaling = {"autoscaling": {"minReplicas": 2, "maxReplicas": 8}}
    repository = way(place, merge_patch(unreplicated(), {"spec": {"serving": scaling}})).ready()
    assert place.api.get(DEPLOYMENT, repository.name)["spec"]["replicas"] == 4
    assert repository.difference() == {}


def asked(repository, value):
    """Ask for an export, as the command does; None takes it back."""
    patch = {"metadata": {"annotations": {REQUESTED_AT: value}}}
    repository.sent(patch, fieldManager=MANAGER)
    repository.place.becomes_ready(repository.name)


@in_both_ways
def test_a_retry_by_the_command_stays(place, way):
    repository = way(place, MANIFESTS["production"]).ready()
    asked(repository, "now")
    assert repository.difference() == {}
    assert repository.live["status"]["lastHandledRequestedAt"] == "now"


@in_both_ways
def test_a_retry_that_is_taken_back_goes_back_without_an_export(place, way):
    repository = way(place, MANIFESTS["production"]).ready()
    jobs = []
    for value in ("now", None):
        asked(repository, value)
        jobs.append(len(place.api.names(JOB)))
    assert jobs == [2, 2]


def pruned(repository):
    place = repository.place
    place.api.done("DELETE", place.api.path(TRACED_MODEL, repository.name))
    place.until(lambda: repository.live is None)


@in_both_ways
def test_a_pruned_model_takes_all_its_children_along_and_may_come_back(place, server, way):
    if not server[1]:
        pytest.skip("NO GARBAGE COLLECTOR: kube-controller-manager is not beside the API server")
    repository = way(place, MANIFESTS["minilm.yaml"]).ready()
    uid = repository.live["metadata"]["uid"]
    pruned(repository)
    place.until(lambda: not place.children(uid))
    repository.ready()
    assert repository.live["metadata"]["uid"] != uid
    assert repository.difference() == {}


@in_both_ways
def test_a_renamed_model_serves_beside_the_old_one_until_that_is_pruned(place, server, way):
    old = way(place, MANIFESTS["minilm.yaml"]).ready()
    new = way(place, merge_patch(old.item, {"metadata": {"name": "minilm-next"}})).ready()
    assert {old.name, new.name} <= set(place.api.names(SERVICE))
    assert old.live["status"]["artifact"]["digest"] == new.live["status"]["artifact"]["digest"]
    uids = [one.live["metadata"]["uid"] for one in (old, new)]
    assert place.children(uids[0]) == place.children(uids[1]) >= {"Deployment", "Service"}
    pruned(old)
    if server[1]:
        place.until(lambda: not place.children(uids[0]))
    place.becomes_ready(new.name)
    assert new.name in place.api.names(SERVICE)
    assert new.difference() == {}


@pytest.fixture
def kubectl(request, server, tmp_path):
    if not wants_cluster(request.config):
        pytest.skip("NO API SERVER: the fake does not tell kubectl what it would have to")
    program = assets() / "kubectl"
    found = str(program) if program.exists() else shutil.which("kubectl")
    if found is None:
        pytest.skip("NO KUBECTL: neither beside the API server nor on the path")
    return Kubectl(found, server[0], tmp_path)


in_kubectl_s_ways = pytest.mark.parametrize(
    "flags", [[], ["--server-side"]], ids=["client side", "server side"]
)


@in_kubectl_s_ways
@of_every_example
def test_kubectl_finds_no_difference(place, kubectl, flags, name):
    source = kubectl.source(name, place.api.namespace)
    assert kubectl("apply", *flags, *source)[0] == 0
    model = MANIFESTS[name]["metadata"]["name"]
    place.becomes_ready(model)
    before = but_for_the_operator(place.live(model))
    assert kubectl("diff", *flags, *source) == (0, "")
    for way in ([], ["--server-side"]):
        assert differing(kubectl("diff", *way, *source)[1]) == []
    assert kubectl("apply", *flags, *source)[0] == 0
    assert but_for_the_operator(place.live(model)) == before


@in_kubectl_s_ways
def test_kubectl_shows_what_somebody_else_changed(place, kubectl, flags):
    source = kubectl.source("minilm.yaml", place.api.namespace)
    assert kubectl("apply", *source)[0] == 0
    place.becomes_ready("minilm")
    scaled(Repository(place, MANIFESTS["minilm.yaml"]), 3)
    code, said = kubectl("diff", *flags, *(["--force-conflicts"] if flags else []), *source)
    assert code == 1
    assert {"-    replicas: 3", "+    replicas: 1"} <= {*differing(said)}
