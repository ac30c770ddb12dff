"""The status of a TracedModel: what is true of it, written by the operator alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from tracedmodel_api.rules import NullsDropped

MAX_MESSAGE = 1024
MAX_REQUESTED_AT = 256
Text = Annotated[str, Field(max_length=MAX_MESSAGE)]
Short = Annotated[str, Field(max_length=128)]
Count = Annotated[int, Field(ge=0)]
Microseconds = Annotated[int, Field(ge=0)]


class StatusModel(NullsDropped):
    """A part of the status: camelCase outside, lenient towards what a newer operator wrote."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )


class Condition(StatusModel):
    """One statement about the resource."""

    type: Short
    """Ready, Exported, Available, Reconciling, Stalled or Suspended."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Short
    """Why, in one word for machines."""
    message: Text
    """Why, in a sentence for people."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The generation of the spec that this speaks of."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the status last changed."""


class ModelStatus(StatusModel):
    """The model that was exported."""

    revision: Short | None = None
    """The commit that the asked revision meant, or the digest of the source's files."""
    parameters: Count | None = None
    """Weights in the model."""


class Latency(StatusModel):
    """Time of one batch, in microseconds, measured by the exporter."""

    p50_microseconds: Microseconds | None = None
    """Median of the traced graph."""
    p99_microseconds: Microseconds | None = None
    """99th percentile of the traced graph."""
    eager_p50_microseconds: Microseconds | None = None
    """Median of the eager model at the same shape."""


class BucketStatus(StatusModel):
    """One traced bucket."""

    batch_size: Count
    """Texts in a batch."""
    sequence_length: Count
    """Tokens of a text."""
    target_length: Count | None = None
    """Translation: the most tokens of an answer."""
    beams: Count | None = None
    """Translation: beams of the search."""
    digest: Short
    """Digest of the graph's manifest."""
    size_bytes: Count
    """Bytes that this graph alone adds to the store; weights that graphs share are not counted."""
    max_absolute_error: Short | None = None
    """Worst error against the eager model over the golden inputs."""
    agreement: Short | None = None
    """Share of golden answers that are the eager model's."""
    latency: Latency = Latency()
    """Measured times."""
    compiled_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Inf1: share of operators that run on the NeuronCore."""


class ArtifactStatus(StatusModel):
    """The newest exported artifact."""

    digest: Short
    """Digest of the index."""
    fingerprint: Short
    """Identity of the request that it answers."""
    exported_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When its export was reported."""
    bucket_count: Count = 0
    """Number of buckets."""
    buckets: Annotated[
        list[BucketStatus],
        Field(
            max_length=32,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["batchSize", "sequenceLength"],
            },
        ),
    ] = []  # noqa: RUF012  # pydantic copies it
    """What was traced, proved and measured."""


class Rejection(StatusModel):
    """An artifact that its servers could not prove, and that is not rolled out again for the same request."""

    artifact_digest: Short
    """Digest of its index."""
    fingerprint: Short
    """Identity of the request that it answered."""
    reason: Short
    """Why, in one word for machines."""
    message: Text
    """Why, in a sentence for people."""


class Doubt(StatusModel):
    """A server that failed on one node of several: it is taken away once, for another node to be asked."""

    template: Short
    """Digest of its pod's template."""
    pod: Annotated[str, Field(max_length=253)]
    """Its pod, which is deleted."""
    node: Annotated[str, Field(max_length=253)]
    """Where it failed."""


class ServingStatus(StatusModel):
    """What is served."""

    artifact_digest: Short | None = None
    """The artifact that was rolled out last: the one to return to."""
    proved_digest: Short | None = None
    """The newest artifact that a replica proved on its own hardware."""
    rejected: Rejection | None = None
    """The artifact that was given up, if there is one."""
    doubt: Doubt | None = None
    """The failure that a second node is asked about, if there is one."""
    url: Text | None = None
    """Where it answers inside the cluster."""


class Failure(StatusModel):
    """The last thing that went wrong."""

    reason: Short
    """Why, in one word for machines."""
    message: Text
    """Why, in a sentence for people."""
    exit_code: int | None = None
    """Exit code of the process that failed."""
    time: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When."""


class ExportStatus(StatusModel):
    """The export under way or last made."""

    fingerprint: Short | None = None
    """Identity of the request, whichever buckets it wants."""
    request: Short | None = None
    """Identity of all that the outcome depends on, buckets, tolerance, resources and credentials included."""
    attempt: Count = 0
    """Number of the newest Job."""
    revision: Short | None = None
    """The commit that the asked revision meant when it was first exported; later exports of the request use it."""
    failure: Failure | None = None
    """How that Job failed, if it did."""
    retry_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When the next Job follows a failed one; absent where none does until something is changed."""


class Status(StatusModel):
    """What is true."""

    observed_generation: int = -1
    """The newest generation that the operator has seen; -1 before it saw any."""
    last_handled_requested_at: Annotated[str, Field(max_length=MAX_REQUESTED_AT)] | None = None
    """The value of the requested-at annotation that was last acted on."""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=16,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = []  # noqa: RUF012  # pydantic copies it
    """Ready, Exported and Available; Reconciling, Stalled and Suspended only while true."""
    model: ModelStatus | None = None
    """The model that was exported."""
    export: ExportStatus | None = None
    """The export under way or last made."""
    artifact: ArtifactStatus | None = None
    """The newest exported artifact."""
    serving: ServingStatus | None = None
    """What is served."""
    replicas: Count = 0
    """Serving pods."""
    ready_replicas: Count = 0
    """Serving pods that proved themselves and are ready."""
    selector: Text = ""
    """Label selector of the serving pods, for autoscalers."""
    last_failure: Failure | None = None
    """The last thing that went wrong."""
    failures: Count = 0
    """Failures in a row of the request under way."""

    def parameters_of(self, fingerprint: str) -> int | None:
        """Return the weights of the model, where the artifact that told them answers the request of this identity."""
        if self.model is None or self.artifact is None:
            return None
        return self.model.parameters if self.artifact.fingerprint == fingerprint else None
