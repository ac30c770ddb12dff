"""What is asked of an exporter, and the identities of requests and graphs.

The base fingerprint is the operator's: it says whether an artifact answers a spec. The graph fingerprint is the
exporter's: it says whether a graph is in the store already.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import fingerprint
from tracedmodel_api.document import Document
from tracedmodel_api.manifest import FORMAT_VERSION, CompilerSettings, Graph, Limits, Shape
from tracedmodel_api.types import Compiler, Precision, Target, Task, Tolerance, TracedModel

DEFAULT_REVISION = "main"
REQUEST_VARIABLE = "TRACEDMODEL_REQUEST"
"""Environment variable of the exporter: the request as JSON."""
REPORT_VARIABLE = "TRACEDMODEL_REPORT_FILE"
"""Environment variable of exporter and server: where the report goes, the kubelet's termination message path."""
METRICS_VARIABLE = "TRACEDMODEL_METRICS_FILE"
"""Environment variable of the exporter: where its metrics go, if anybody reads them."""
SHARE_VARIABLE = "JOB_COMPLETION_INDEX"
"""Environment variable that Kubernetes sets in the pods of an Indexed Job."""

_DEFAULT_LIMITS = {
    (Target.CPU, Precision.FLOAT32): Limits(absolute=1e-4, relative=1e-4, min_agreement=0.99),
    (Target.CPU, Precision.BFLOAT16): Limits(absolute=0.02, relative=0.02, min_agreement=0.95),
}
_FULL_MATMUL = "none"


class ExportRequest(Document):
    """All that an exporter needs to know, as it stands in its environment."""

    format_version: int = FORMAT_VERSION
    name: str
    base_fingerprint: str
    source: str
    revision: str = DEFAULT_REVISION
    task: Task
    target: Target
    precision: Precision
    buckets: tuple[Shape, ...] = Field(min_length=1)
    limits: Limits
    store_url: str
    parallelism: int = Field(default=1, ge=1)
    compiler: CompilerSettings | None = None
    compiler_timeout_seconds: int = 3600
    min_compiled_percent: int = 90
    benchmark: bool = True

    def share(self, index: int | None) -> tuple[Bucket, ...]:
        """Return the buckets of pod ``index`` of an Indexed Job, or all of them for a Job of one pod."""
        buckets = [shape.bucket() for shape in self.buckets]
        return tuple(buckets if index is None else buckets[index :: self.parallelism])


def limits(
    tolerance: Tolerance, target: Target, precision: Precision, args: tuple[str, ...] = ()
) -> Limits:
    """Return the tolerance of a spec with its gaps filled by target, precision and compiler arguments."""
    default = _DEFAULT_LIMITS.get((target, precision)) or _neuron_limits(args)
    return Limits(
        absolute=default.absolute if tolerance.absolute is None else float(tolerance.absolute),
        relative=default.relative if tolerance.relative is None else float(tolerance.relative),
        min_agreement=(
            default.min_agreement
            if tolerance.min_agreement is None
            else float(tolerance.min_agreement)
        ),
    )


def _neuron_limits(args: tuple[str, ...]) -> Limits:
    """Inf1 multiplies in bfloat16 whatever one asks; ``--fast-math none`` keeps at least the rest in float32."""
    bound = 0.01 if _FULL_MATMUL in args else 0.05
    return Limits(absolute=bound, relative=bound, min_agreement=0.99)


def base_fingerprint(resource: TracedModel, store_url: str) -> str:
    """Return the identity of the export that a resource asks for.

    No image, bucket or tolerance is in it: an upgrade exports nothing, a bucket more exports that one alone.
    """
    spec = resource.spec
    settings = CompilerSettings.of(spec.export.compiler, spec.target)
    return fingerprint(
        {
            "formatVersion": FORMAT_VERSION,
            "source": spec.model.source,
            "revision": asked_revision(resource),
            "task": spec.model.task.value,
            "target": spec.target.value,
            "precision": spec.export.precision.value,
            "compiler": settings.as_json() if settings else None,
            "store": store_url,
            "requestedAt": resource.requested_at,
        }
    )


def asked_revision(resource: TracedModel) -> str:
    """Return the revision that a resource asks for; sources without revisions have the empty one."""
    model = resource.spec.model
    if not model.source.startswith("hf://"):
        return ""
    return model.revision or DEFAULT_REVISION


def graph_fingerprint(
    request: ExportRequest, bucket: Bucket, revision: str, versions: Mapping[str, str]
) -> str:
    """Return the identity of one graph.

    ``revision`` is the commit, or the digest of the files of a source without revisions; ``versions`` are those of
    the libraries that shape a graph. Tolerance is not in it: a graph in the store is judged anew by each request.
    """
    return _fingerprint(request, bucket, revision, versions)


def own_fingerprint(graph: Graph) -> str:
    """Return the fingerprint that a manifest must have by its other fields."""
    return _fingerprint(graph, graph.bucket.bucket(), graph.revision, graph.versions)


def _fingerprint(
    of: ExportRequest | Graph,
    bucket: Bucket,
    revision: str,
    versions: Mapping[str, str],
) -> str:
    return fingerprint(
        {
            "formatVersion": FORMAT_VERSION,
            "revision": revision,
            "task": of.task.value,
            "target": of.target.value,
            "precision": of.precision.value,
            "compiler": of.compiler.as_json() if of.compiler else None,
            "bucket": bucket.as_json(),
            "versions": dict(versions),
        }
    )


def export_request(
    resource: TracedModel, store_url: str, revision: str | None = None
) -> ExportRequest:
    """Return the request for a resource; ``revision`` is the commit that a floating one was resolved to before."""
    spec = resource.spec
    compiler = CompilerSettings.of(spec.export.compiler, spec.target)
    chosen = spec.export.compiler or Compiler()
    return ExportRequest(
        name=resource.metadata.name,
        base_fingerprint=base_fingerprint(resource, store_url),
        source=spec.model.source,
        revision=revision or asked_revision(resource),
        task=spec.model.task,
        target=spec.target,
        precision=spec.export.precision,
        buckets=tuple(Shape.of(bucket) for bucket in resource.buckets()),
        limits=wanted_limits(resource),
        store_url=store_url,
        parallelism=min(spec.export.parallelism, len(spec.export.buckets)),
        compiler=compiler,
        compiler_timeout_seconds=chosen.timeout_seconds,
        min_compiled_percent=chosen.min_compiled_percent,
    )


def wanted_limits(resource: TracedModel) -> Limits:
    """Return the tolerance of a resource, complete."""
    spec = resource.spec
    compiler = CompilerSettings.of(spec.export.compiler, spec.target)
    args = compiler.args if compiler else ()
    return limits(spec.export.tolerance, spec.target, spec.export.precision, args)
