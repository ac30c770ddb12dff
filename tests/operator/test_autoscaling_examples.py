"""examples/autoscaling: every manifest is one that its reader takes, and all of them speak of the same model."""

import re
import urllib.parse

import kubernetes_validate
import pytest
import yaml

import from_zero
import keda_http_schema
import keda_schema
import pod_security
import promql
from tracedmodel_api import manifests
from tracedmodel_operator.render.scaled_object import render_scaled_object
from tracedmodel_operator.render.service import render_service
from tracedmodel_operator.scaling import why_not_to_zero

PAGE = (from_zero.FOLDER.parents[1] / "docs" / "autoscaling.md").read_text(encoding="utf-8")
OLDEST = "1.31"
MODEL = manifests.parse(from_zero.model())
COUNTED = {
    "http-add-on": {
        "interceptor_request_concurrency": {"route_namespace", "route_name"},
        "interceptor_request_count_total": {"route_namespace", "route_name"},
    },
    "queue": {"rabbitmq_detailed_queue_messages": {"vhost", "queue"}},
}
"""What the two tell of themselves, and by which labels."""

each = pytest.mark.parametrize("recipe", from_zero.RECIPES)


def triggers(recipe):
    made = render_scaled_object(MODEL, MODEL.spec.serving.autoscaling, from_zero.settings(recipe))
    assert keda_schema.problems(made) == []
    return [trigger["metadata"]["query"] for trigger in made["spec"]["triggers"]]


def one(documents, kind):
    (found,) = [item for item in documents if item["kind"] == kind]
    return found


def route():
    return one(from_zero.documents("http-add-on/route.yaml"), "InterceptorRoute")


def consumer():
    return one(from_zero.documents("queue/consumer.yaml"), "Deployment")


def variables():
    (container,) = consumer()["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


@each
def test_with_its_values_the_model_may_be_scaled_to_zero(recipe):
    assert why_not_to_zero(MODEL, from_zero.settings(recipe)) == ""


@each
def test_the_operators_own_scaled_object_asks_for_what_stands_before_the_model(recipe):
    _, demand = triggers(recipe)
    found = promql.selected(demand)
    assert {metric.name: set(metric.matchers) for metric in found} == COUNTED[recipe]
    for metric in found:
        told = " ".join(metric.matchers.values())
        assert MODEL.metadata.namespace in told
        assert MODEL.metadata.name in told


@each
def test_nothing_else_would_scale_the_deployment(recipe):
    kinds = {
        item["kind"]
        for file in (from_zero.FOLDER / recipe).glob("*.yaml")
        for item in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if "kind" in item
    }
    assert not kinds & {"ScaledObject", "HTTPScaledObject", "HorizontalPodAutoscaler"}


@each
def test_prometheus_looks_as_often_as_the_page_says(recipe):
    monitor = one(from_zero.documents(f"{recipe}/podmonitor.yaml"), "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    poll = from_zero.settings(recipe).scaling.poll_seconds
    assert endpoint["interval"] == f"{poll}s"
    assert f"a scrape and a poll of KEDA ({poll} s each" in PAGE


def test_the_proxies_are_read_where_they_tell_their_metrics():
    monitor = one(from_zero.documents("http-add-on/podmonitor.yaml"), "PodMonitor")
    (rule,) = monitor["spec"]["podMetricsEndpoints"][0]["relabelings"]
    replacement = rule["replacement"].replace("$1", r"\1")
    for before, after in (("10.0.0.7:8080", "10.0.0.7:2223"), ("[fd::7]:8080", "[fd::7]:2223")):
        assert re.fullmatch(rule["regex"], before).expand(replacement) == after


def test_the_route_is_one_that_the_add_on_takes():
    assert keda_http_schema.problems(route()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": {"service": "minilm"}},
        {"target": {"service": "minilm", "port": 80, "portName": "http"}},
        {"timeouts": {"readiness": 600}},
        {"scalingMetric": {}},
        {"coldStart": {}},
        {"replicas": {"min": 0}},
    ],
    ids=str,
)
def test_a_route_that_the_add_on_would_refuse_is_found_out(wrong):
    told = route()
    assert keda_http_schema.problems({**told, "spec": {**told["spec"], **wrong}})
    assert keda_http_schema.problems({**told, "kind": "HTTPScaledObject"})


def test_the_line_that_answers_at_once_is_one_that_the_add_on_takes():
    text = (from_zero.FOLDER / "http-add-on" / "route.yaml").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ +# (coldStart: .*)$", text, re.MULTILINE)
    told = route()
    told["spec"] |= yaml.safe_load(line)
    assert keda_http_schema.problems(told) == []


def test_the_route_leads_to_the_model_and_is_called_as_the_query_says():
    service = render_service(MODEL)
    told = route()
    assert told["metadata"] == {key: service["metadata"][key] for key in ("name", "namespace")}
    assert told["spec"]["target"] == {
        "service": service["metadata"]["name"],
        "port": service["spec"]["ports"][0]["port"],
    }
    assert f"`readiness` ({told['spec']['timeouts']['readiness'][:-1]} s in the example)" in PAGE


def test_clients_reach_the_route_by_a_name_of_their_own():
    service = one(from_zero.documents("http-add-on/route.yaml"), "Service")
    kubernetes_validate.validate(service, OLDEST, strict=True)
    own = f"{service['metadata']['name']}.{service['metadata']['namespace']}"
    (rule,) = route()["spec"]["rules"]
    assert rule["hosts"] == [own, f"{own}.svc", f"{own}.svc.cluster.local"]
    assert f"`http://{own}:8080`" in PAGE


def test_the_consumer_takes_from_the_queue_that_is_counted_and_asks_the_model():
    told = variables()
    (counted,) = promql.selected(triggers("queue")[1])
    assert counted.matchers["queue"] == told["QUEUE"]
    url = urllib.parse.urlparse(told["MODEL_URL"])
    name, namespace = MODEL.metadata.name, MODEL.metadata.namespace
    assert url.netloc == f"{name}.{namespace}"
    assert url.path == f"/v1/models/{name}:predict"


def test_the_consumer_is_a_deployment_that_a_strict_namespace_takes():
    kubernetes_validate.validate(consumer(), OLDEST, strict=True)
    assert pod_security.violations(consumer()["spec"]["template"]["spec"]) == []


def test_the_page_applies_files_that_there_are():
    root = from_zero.FOLDER.parents[1]
    named = set(re.findall(r"(?:-f|--values) (examples/\S+)", PAGE))
    there = {str(file.relative_to(root)) for file in from_zero.FOLDER.rglob("*.yaml")}
    assert named == there
