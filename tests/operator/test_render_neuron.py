import pytest

from rendered import PINNED, container, deployment, pod, replica, variables
from tracedmodel_operator.render import neuron

BY_CORE, BY_CHIP = "aws.amazon.com/neuroncore", "aws.amazon.com/neuron"
SMALL, LARGE, LARGEST = ["inf1.xlarge", "inf1.2xlarge"], ["inf1.6xlarge"], ["inf1.24xlarge"]
ALL = [*SMALL, *LARGE, *LARGEST]


def inf1(cores=None, **export):
    serving = {"neuronCores": cores} if cores else {}
    return {"target": "Inf1", "serving": serving, "export": export}


def cluster(unit=BY_CORE, scheduler=None, types=None):
    settings = PINNED.with_(neuron_resource=unit, neuron_scheduler_name=scheduler)
    changed = {"instance_types": ALL if types is None else types}
    return settings.with_(inf1=settings.inf1.model_copy(update=changed))


@pytest.mark.parametrize(
    ("cores", "unit", "count"),
    [
        (None, BY_CORE, "1"),
        (4, BY_CORE, "4"),
        (64, BY_CORE, "64"),
        (4, BY_CHIP, "1"),
        (16, BY_CHIP, "4"),
        (None, BY_CHIP, "1"),
    ],
)
def test_cores_are_asked_for_as_the_cluster_counts_them(cores, unit, count):
    limits = container(deployment(inf1(cores), cluster(unit)))["resources"]["limits"]
    assert {name: limits[name] for name in limits if name.startswith("aws")} == {unit: count}


@pytest.mark.parametrize(
    ("cores", "unit", "types"),
    [
        (1, BY_CORE, ALL),
        (4, BY_CORE, SMALL),
        (4, BY_CHIP, ALL),
        (16, BY_CORE, LARGE),
        (16, BY_CHIP, LARGE),
        (64, BY_CORE, LARGEST),
    ],
)
def test_without_neurons_scheduler_many_devices_are_a_whole_node(cores, unit, types):
    assert neuron.instance_types(replica(inf1(cores), cluster(unit))) == types


@pytest.mark.parametrize(
    ("cores", "types", "named"),
    [(1, ALL, False), (4, ALL, True), (16, [*LARGE, *LARGEST], True), (64, LARGEST, False)],
)
def test_neurons_scheduler_places_what_is_neither_one_core_nor_a_whole_node(cores, types, named):
    wanted = replica(inf1(cores), cluster(scheduler="neuron"))
    assert neuron.instance_types(wanted) == types
    assert neuron.scheduler(wanted) == ({"schedulerName": "neuron"} if named else {})


@pytest.mark.parametrize(
    ("types", "named"), [(SMALL, False), ([*SMALL, *LARGE], True), ([], True), (["inf1.new"], True)]
)
def test_neurons_scheduler_is_named_where_a_node_may_be_larger_than_the_replica(types, named):
    wanted = replica(inf1(4), cluster(scheduler="neuron", types=types))
    assert bool(neuron.scheduler(wanted)) is named


def test_one_chip_is_never_in_pieces():
    assert neuron.scheduler(replica(inf1(4), cluster(BY_CHIP, "neuron"))) == {}


def test_where_no_allowed_node_is_large_enough_the_cluster_says_so_itself():
    # An affinity without values would be refused.
    assert neuron.instance_types(replica(inf1(64), cluster(types=SMALL))) == SMALL


def test_an_administrator_may_leave_the_instance_type_open():
    assert "affinity" not in pod(deployment(inf1(4), cluster(types=[])))


def test_replicas_tolerate_the_taint_of_neuron_nodes_and_leave_the_choice_of_cores_to_the_plugin():
    rendered = deployment(inf1(4))
    taint = {"key": "aws.amazon.com/neuron", "operator": "Exists", "effect": "NoSchedule"}
    assert pod(rendered)["tolerations"] == [taint]
    assert not [name for name in variables(rendered) if name.startswith("NEURON_RT")]


def test_a_server_is_told_its_cores_and_makes_workers_of_them_as_its_artifact_asks():
    for cores in (1, 16):
        told = variables(deployment(inf1(cores)))
        assert told["TRACEDMODEL_NEURON_CORES"] == str(cores)
        assert "TRACEDMODEL_WORKERS" not in told
    pipeline = inf1(16, compiler={"pipelineCores": 4})
    assert variables(deployment(pipeline))["TRACEDMODEL_NEURON_CORES"] == "16"


def test_replicas_on_cpus_ask_for_none_of_this():
    rendered = deployment()
    assert not {"affinity", "tolerations", "schedulerName"} & pod(rendered).keys()
    assert set(container(rendered)["resources"]["limits"]) == {"cpu", "memory"}
    assert variables(rendered)["TRACEDMODEL_WORKERS"] == "1"
    assert "TRACEDMODEL_NEURON_CORES" not in variables(rendered)
