"""What has to be true of YAML on a page, by what it is: resources of ours, of Kubernetes and of others, values, fragments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import kubernetes_validate

import crd_judge
import keda_http_schema
import keda_schema
import promql
from apiserver.patch import merge_patch
from manifest_base import manifest
from pages.blocks import Refused
from pages.charts import check_values, known_values
from pages.selectors import check_monitor
from tracedmodel_api import manifests
from tracedmodel_api.types import API_VERSION, GROUP, KIND

Document = dict[str, Any]
Checker = Callable[[Any], None]
_SUPPORTED = ("1.31", kubernetes_validate.latest_version())
_NODE_TEMPLATE = "k8s.io/cluster-autoscaler/node-template/"


def read(text: str) -> list[Any]:
    """Return the documents of a text, read as strictly as kubectl does."""
    try:
        found = list(manifests.read_documents(text))
    except manifests.InvalidManifest as error:
        raise Refused(str(error)) from None
    if not found:
        raise Refused("there is nothing in it")
    return found


def check_text(text: str) -> None:
    """Refuse a text if a document of it is not what it has to be."""
    for document in read(text):
        check(document)


def check(document: Any) -> None:
    """Refuse a document that its kind does not take, and one whose kind nobody here knows."""
    if not isinstance(document, dict) or "kind" not in document:
        _check_fragment(document)
        return
    named = (document.get("apiVersion"), document["kind"])
    if KIND in named:
        check_resource(document)
    elif named in FOREIGN:
        _check_references(document)
        FOREIGN[named](document)
    else:
        _check_kubernetes(document)


def check_resource(document: Document) -> None:
    """Refuse what `tracedmodel validate` or the definition, its rules included, do not take."""
    try:
        manifests.parse(document)
    except manifests.InvalidManifest as error:
        raise Refused(str(error)) from None
    problems = crd_judge.judge(document)
    if problems:
        raise Refused("; ".join(problems))


def _check_kubernetes(document: Document) -> None:
    for version in _SUPPORTED:
        _check_schema(document, version)


def _check_schema(document: Document, version: str) -> None:
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        named = f"{document.get('apiVersion')} {document['kind']}"
        raise Refused(f"{named} is in no schema: a kind of others goes into FOREIGN") from None
    except kubernetes_validate.ValidationError as error:
        raise Refused(f"{document['kind']}: {error.json_path}: {error.message}") from None


def _check_fragment(document: Any) -> None:
    for fits, checker in _FRAGMENTS:
        if fits(document):
            checker(document)
            return
    told = sorted(document) if isinstance(document, Mapping) else type(document).__name__
    raise Refused(
        f"neither a resource nor a part of one, of the chart's values or of rules: {told}"
    )


def _keys_within(*names: str) -> Callable[[Any], bool]:
    return lambda found: isinstance(found, dict) and bool(found) and found.keys() <= set(names)


def _completed(fragment: Document) -> None:
    check_resource(merge_patch(manifest(), fragment))


def _is_buckets(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(f, dict) and "batchSize" in f for f in found)


def _check_rules_of_adapter(document: Document) -> None:
    for rule in document["rules"]:
        for name in ("seriesQuery", "metricsQuery"):
            query = (
                rule[name].replace("<<.LabelMatchers>>", 'pod="a"').replace("<<.GroupBy>>", "pod")
            )
            check_query(query)


def check_query(text: str) -> None:
    """Refuse what is no PromQL."""
    try:
        promql.selected(text)
    except ValueError as error:
        raise Refused(f"no PromQL: {error}") from None


def _check_alerts(document: Document) -> None:
    for node in _mappings(document["spec"]):
        if "expr" in node:
            check_query(node["expr"])


def _check_tags(document: Document) -> None:
    if not all(isinstance(value, str) for value in document.values()):
        raise Refused("tags of AWS are strings: put them in quotes")


def _check_references(document: Document) -> None:
    """Refuse what points at a TracedModel by another group, or at a field that it does not have."""
    for node in _mappings(document):
        if node.get("kind") != KIND:
            continue
        if node.get("apiVersion", API_VERSION) != API_VERSION or node.get("group", GROUP) != GROUP:
            raise Refused(f"{KIND} is of {API_VERSION}, not of {node}")
        for pointer in node.get("jsonPointers", ()):
            check_field(pointer.strip("/").split("/"))


def check_field(path: list[str]) -> None:
    """Refuse a path of names that leads to no field of a TracedModel; below a list it goes on by name."""
    node: Document = crd_judge.schema()
    for name in path:
        node = node.get("items", node)
        below = node.get("properties", {})
        if node.get("type") == "object" and not below:
            return
        if name not in below:
            raise Refused(f"a {KIND} has no {'.'.join(path)}: {name} is not there")
        node = below[name]


def _mappings(node: Any) -> Iterator[Document]:
    if isinstance(node, dict):
        yield node
    for below in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from _mappings(below)


def _has_none_of(problems: Callable[[Document], list[str]]) -> Checker:
    def check_problems(document: Document) -> None:
        found = problems(document)
        if found:
            raise Refused("; ".join(found))

    return check_problems


def _check_values_within(document: Document) -> None:
    """Refuse values of our chart in an Application or a HelmRelease that it does not take."""
    for node in _mappings(document["spec"]):
        for name in ("values", "valuesObject"):
            if isinstance(node.get(name), dict) and "tracedmodel-operator" in str(document):
                check_values(node[name])


def _nothing_more(_: Document) -> None:
    """Its kind is known, and what it names of ours was looked at; its own rules are not here."""


FOREIGN: dict[tuple[str, str], Checker] = {
    ("argoproj.io/v1alpha1", "Application"): _check_values_within,
    ("argoproj.io/v1alpha1", "ApplicationSet"): _check_values_within,
    ("eksctl.io/v1alpha5", "ClusterConfig"): _nothing_more,
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"): _check_values_within,
    ("http.keda.sh/v1beta1", "InterceptorRoute"): _has_none_of(keda_http_schema.problems),
    ("karpenter.k8s.aws/v1", "EC2NodeClass"): _nothing_more,
    ("karpenter.sh/v1", "NodePool"): _nothing_more,
    ("keda.sh/v1alpha1", "ScaledObject"): _has_none_of(keda_schema.problems),
    ("kind.x-k8s.io/v1alpha4", "Cluster"): _nothing_more,
    ("kustomize.config.k8s.io/v1beta1", "Kustomization"): _nothing_more,
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"): _nothing_more,
    ("monitoring.coreos.com/v1", "PodMonitor"): check_monitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): _check_alerts,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): check_monitor,
    ("source.toolkit.fluxcd.io/v1", "GitRepository"): _nothing_more,
    ("source.toolkit.fluxcd.io/v1", "HelmRepository"): _nothing_more,
    ("source.toolkit.fluxcd.io/v1", "OCIRepository"): _nothing_more,
}
_SPEC = crd_judge.schema()["properties"]["spec"]["properties"]
_FRAGMENTS: tuple[tuple[Callable[[Any], bool], Checker], ...] = (
    (_keys_within("metadata", "spec"), _completed),
    (_keys_within(*known_values()), check_values),
    (_keys_within(*_SPEC), lambda found: _completed({"spec": found})),
    (_keys_within("buckets"), lambda found: _completed({"spec": {"export": found}})),
    (_is_buckets, lambda found: _completed({"spec": {"export": {"buckets": found}}})),
    (_keys_within("rules"), _check_rules_of_adapter),
    # Of eksctl's clusters and node groups, and of Karpenter's EC2NodeClass.
    (_keys_within("amiFamily", "bottlerocket", "iam", "userData"), _nothing_more),
    (lambda found: all(str(key).startswith(_NODE_TEMPLATE) for key in found), _check_tags),
)
