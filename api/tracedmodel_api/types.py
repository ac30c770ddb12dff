"""The TracedModel resource, as a person writes it. The CRD is generated from these types."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.enums import Precision, Strategy, Target, Task
from tracedmodel_api.fields import Flag, ObjectName
from tracedmodel_api.rules import ApiModel, NullsDropped, Rule
from tracedmodel_api.spec_export import (
    BucketSpec,
    Compiler,
    Export,
    Model,
    Resources,
    StoreSpec,
    Tolerance,
)
from tracedmodel_api.spec_serving import Autoscaling, Batching, Rollout, Serving
from tracedmodel_api.status import Status

__all__ = [
    "Autoscaling",
    "Batching",
    "BucketSpec",
    "Compiler",
    "Export",
    "Metadata",
    "Model",
    "Precision",
    "Resources",
    "Rollout",
    "Serving",
    "Spec",
    "StoreSpec",
    "Strategy",
    "Target",
    "Task",
    "Tolerance",
    "TracedModel",
    "is_commit",
]

GROUP = "tracedmodel.dev"
VERSION = "v1alpha1"
KIND = "TracedModel"
PLURAL = "tracedmodels"
API_VERSION = f"{GROUP}/{VERSION}"
REQUESTED_AT = f"{GROUP}/requested-at"
"""Annotation: any new value asks for a new export of a floating revision, or for a retry after Stalled."""

COMMIT = r"^[0-9a-f]{40}$"
_COMMIT_LENGTH = 40
NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_LENGTH = 36
"""The longest name: the longest child's name, a Job's, then still is a valid label value."""


_SPEC_RULES = (
    Rule(
        "self.target == 'CPU' || self.export.precision == 'Float32'",
        "BFloat16 needs target CPU; on Inf1 set the compiler's --fast-math in export.compiler.args",
        lambda spec: spec.target is Target.CPU or spec.export.precision is Precision.FLOAT32,
        ".export.precision",
    ),
    Rule(
        "self.target == 'Inf1' || !has(self.export.compiler)",
        "only target Inf1 has a compiler: leave export.compiler out",
        lambda spec: spec.target is Target.INF1 or spec.export.compiler is None,
        ".export.compiler",
    ),
    Rule(
        "self.target == 'Inf1' || !has(self.serving.neuronCores)",
        "only target Inf1 has NeuronCores: leave serving.neuronCores out",
        lambda spec: spec.target is Target.INF1 or spec.serving.neuron_cores is None,
        ".serving.neuronCores",
    ),
    Rule(
        "!has(self.export.compiler) || self.export.compiler.pipelineCores <= "
        "(has(self.serving.neuronCores) ? self.serving.neuronCores : 1)",
        "a pipeline may not have more cores than a replica: raise serving.neuronCores or lower pipelineCores",
        lambda spec: spec.export.compiler is None or spec.pipeline_cores <= spec.neuron_cores,
        ".export.compiler.pipelineCores",
    ),
    Rule(
        "self.model.task != 'Translation' || self.export.buckets.all(b, has(b.targetLength) && has(b.beams))",
        "task Translation needs targetLength and beams in every bucket",
        lambda spec: (
            spec.model.task is not Task.TRANSLATION
            or all(None not in (b.target_length, b.beams) for b in spec.export.buckets)
        ),
        ".export.buckets",
    ),
    Rule(
        "self.model.task == 'Translation' || self.export.buckets.all(b, !has(b.targetLength) && !has(b.beams))",
        "only task Translation has targetLength and beams: leave them out",
        lambda spec: (
            spec.model.task is Task.TRANSLATION
            or all((b.target_length, b.beams) == (None, None) for b in spec.export.buckets)
        ),
        ".export.buckets",
    ),
    Rule(
        "self.export.buckets.all(b, !has(b.beams) || self.export.buckets.all(c, !has(c.beams) || c.beams == b.beams))",
        "give all buckets the same beams: a text may run in any bucket that holds it",
        lambda spec: len({b.beams for b in spec.export.buckets} - {None}) <= 1,
        ".export.buckets",
    ),
    Rule(
        "self.export.parallelism == 1 || !self.model.source.startsWith('hf://') || "
        f"(has(self.model.revision) && self.model.revision.matches('{COMMIT}'))",
        "parallelism above 1 with a Hub source needs model.revision as a commit of 40 hexadecimal digits, "
        "so that all pods read the same files",
        lambda spec: (
            spec.export.parallelism == 1
            or not spec.model.source.startswith("hf://")
            or is_commit(spec.model.revision)
        ),
        ".model.revision",
    ),
)


def is_commit(revision: str | None) -> bool:
    """Tell whether a revision names one commit for ever: 40 lower-case hexadecimal digits."""
    return (
        revision is not None
        and len(revision) == _COMMIT_LENGTH
        and set(revision) <= set("0123456789abcdef")
    )


class Spec(ApiModel):
    """What is wanted."""

    model: Model
    """The model and what it is for."""
    target: Target
    """Where the graphs run."""
    export: Export
    """How the model is traced and proved."""
    store: StoreSpec | None = None
    """Where artifacts are kept. Default: the operator's setting."""
    service_account_name: ObjectName | None = None
    """Service account of the export and serving pods. No API token is mounted."""
    serving: Serving = Serving()
    """How the artifact is served."""
    suspend: Flag = False
    """Stops new exports and rollouts; what runs goes on."""

    @property
    def neuron_cores(self) -> int:
        """The NeuronCores of a replica on Inf1."""
        return self.serving.neuron_cores or 1

    @property
    def pipeline_cores(self) -> int:
        """The NeuronCores that one graph is spread over on Inf1."""
        return (self.export.compiler or Compiler()).pipeline_cores

    rules: ClassVar[tuple[Rule, ...]] = _SPEC_RULES


def _nulls_as_nothing(annotations: Any) -> Any:
    """Return annotations as the API server stores them: the empty text for a null."""
    if not isinstance(annotations, dict):
        return annotations
    return {key: "" if value is None else value for key, value in annotations.items()}


def _named_well(name: str) -> bool:
    return len(name) <= NAME_LENGTH and re.search(NAME.removesuffix("$") + r"\Z", name) is not None


_NAME_RULE = Rule(
    f"self.metadata.name.matches('{NAME}') && size(self.metadata.name) <= {NAME_LENGTH}",
    f"write a name of at most {NAME_LENGTH} lower-case letters, digits and '-' that starts with a letter",
    _named_well,
)


class Metadata(NullsDropped):
    """The part of an object's metadata that the project reads."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )

    name: Annotated[str, _NAME_RULE]
    namespace: str = "default"
    uid: str = ""
    generation: int = 1
    annotations: Annotated[dict[str, str], BeforeValidator(_nulls_as_nothing)] = {}  # noqa: RUF012  # pydantic copies it
    deletion_timestamp: str | None = None


class TracedModel(ApiModel):
    """A transformers model, traced at declared shapes, proved equal to the eager model, and served."""

    api_version: Literal["tracedmodel.dev/v1alpha1"]
    kind: Literal["TracedModel"]
    metadata: Metadata
    spec: Spec
    status: Status = Field(default_factory=Status)

    # The API server judges the name from the root, the types where it stands: beside whatever else is wrong.
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            _NAME_RULE.cel, _NAME_RULE.message, lambda resource: _named_well(resource.metadata.name)
        ),
    )

    @property
    def requested_at(self) -> str:
        """The request for a new export or a retry, or nothing."""
        return self.metadata.annotations.get(REQUESTED_AT, "")

    def buckets(self) -> tuple[Bucket, ...]:
        """Return the wanted buckets, smallest first."""
        return tuple(sorted((b.bucket() for b in self.spec.export.buckets), key=_by_size))


def _by_size(bucket: Bucket) -> tuple[int, ...]:
    return tuple(part or 0 for part in (bucket.batch_size, bucket.sequence_length))
