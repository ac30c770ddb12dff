from rendered import PINNED, artifact, container, deployment, pod, variables
from resources import resource
from tracedmodel_operator.render.budget import render_budget
from tracedmodel_operator.render.deployment import render_deployment


def test_a_new_artifact_or_image_replaces_one_pod_at_a_time():
    def steps(strategy):
        return deployment({"serving": {"rollout": {"strategy": strategy}}})["spec"]["strategy"]

    assert steps("Surge")["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert steps("InPlace")["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_replicas_are_never_rendered_so_that_an_autoscaler_can_own_them():
    assert "replicas" not in deployment({"serving": {"replicas": 3}})["spec"]


def test_replicas_of_one_template_are_spread_over_zones_and_nodes():
    constraints = pod(deployment())["topologySpreadConstraints"]
    assert [one["topologyKey"].rpartition("/")[2] for one in constraints] == ["zone", "hostname"]
    assert {one["whenUnsatisfiable"] for one in constraints} == {"ScheduleAnyway"}
    assert [one["matchLabelKeys"] for one in constraints] == [["pod-template-hash"]] * 2


def test_a_replica_that_never_comes_up_does_not_keep_a_node_from_being_drained():
    spec = render_budget(resource())["spec"]
    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def test_a_server_is_asked_whether_it_is_ready_until_it_was_once():
    server = container(deployment())
    paths = {name: server[name]["httpGet"]["path"] for name in server if name.endswith("Probe")}
    assert paths == {
        "startupProbe": "/v2/health/ready",
        "readinessProbe": "/v2/health/ready",
        "livenessProbe": "/v2/health/live",
    }


def test_a_server_that_starts_again_finds_the_blobs_that_it_fetched():
    (scratch,) = [m for m in container(deployment())["volumeMounts"] if m["name"] == "scratch"]
    assert variables(deployment())["TRACEDMODEL_CACHE_FOLDER"].startswith(scratch["mountPath"])
    assert {"name": "scratch", "emptyDir": {}} in pod(deployment())["volumes"]


def test_what_is_served_after_the_target_changed_runs_where_it_was_made_for():
    wanted = resource({"target": "Inf1"})
    made = artifact(resource())
    kept = render_deployment(wanted, made, made.store, PINNED)
    assert container(kept)["image"] == PINNED.cpu.server_image
    assert not {"affinity", "tolerations"} & pod(kept).keys()
    assert set(container(kept)["resources"]["limits"]) == {"cpu", "memory"}
