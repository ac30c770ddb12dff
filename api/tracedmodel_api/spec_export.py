"""What is exported: the model, the shapes, and how graphs are made, proved and kept."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.enums import Precision, Task
from tracedmodel_api.fields import (
    CompilerArg,
    Cpu,
    Decimal,
    Memory,
    ObjectName,
    Revision,
    Share,
    Source,
    StoreUrl,
    whole,
)
from tracedmodel_api.rules import ApiModel, Rule


class Model(ApiModel):
    """The model and what it is for."""

    source: Source
    """Where the model is: hf://ORG/NAME, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX, pvc://CLAIM/PATH or file:///FOLDER."""
    revision: Revision | None = None
    """Branch, tag or commit of a Hub source; main if absent. The commit it meant stands in status.model.revision."""
    task: Task
    """What the model answers."""
    credentials_secret_name: ObjectName | None = None
    """Secret whose keys become environment variables of the exporter, such as HF_TOKEN."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.revision) || self.source.startsWith('hf://')",
            "only Hub sources (hf://) have revisions: leave revision out",
            lambda model: model.revision is None or model.source.startswith("hf://"),
            ".revision",
        ),
    )


class BucketSpec(ApiModel):
    """A shape to trace the model at."""

    batch_size: Annotated[int, whole(1, 256)]
    """Texts in a batch."""
    sequence_length: Annotated[int, whole(8, 4096)]
    """Tokens of a text, special tokens included."""
    target_length: Annotated[int, whole(1, 512)] | None = None
    """Translation: the most tokens of an answer."""
    beams: Annotated[int, whole(1, 16)] | None = None
    """Translation: beams of the search; 1 is greedy."""

    def bucket(self) -> Bucket:
        """Return the bucket that this asks for."""
        return Bucket(self.batch_size, self.sequence_length, self.target_length, self.beams)


def _distinct(buckets: list[BucketSpec]) -> bool:
    keys = [(bucket.batch_size, bucket.sequence_length) for bucket in buckets]
    return len(set(keys)) == len(keys)


class _ListMapKeys(Rule):
    """Uniqueness that the API server enforces through the keys of a list map, not through CEL."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return handler(schema)


class Tolerance(ApiModel):
    """How far a traced graph may be from the eager model: error <= absolute + relative * the largest reference."""

    absolute: Decimal | None = None
    """Absolute error. Default: CPU "1e-4" (BFloat16 "0.02"); Inf1 by compiler settings."""
    relative: Decimal | None = None
    """Error as a share of the largest reference value of the same output. Defaults as for absolute."""
    min_agreement: Share | None = None
    """Share of golden answers (label, span, token, nearest neighbour) that must be the eager model's. Default "0.99" (BFloat16 "0.95")."""


class Compiler(ApiModel):
    """Settings of the Neuron compiler."""

    pipeline_cores: Annotated[int, whole(1, 64)] = 1
    """NeuronCores that one model is spread over."""
    args: Annotated[
        list[CompilerArg],
        Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = []  # noqa: RUF012  # pydantic copies it
    """Arguments of neuron-cc, one token an element."""
    timeout_seconds: Annotated[int, whole(60, 86400)] = 3600
    """Time to compile one bucket in, in seconds."""
    min_compiled_percent: Annotated[int, whole(0, 100)] = 90
    """Least share of operators that must run on the NeuronCore, in percent."""


class Resources(ApiModel):
    """Requests and limits alike."""

    cpu: Cpu | None = None
    """CPUs, such as "4" or "500m"."""
    memory: Memory | None = None
    """Memory, such as "4Gi"."""


class Export(ApiModel):
    """How the model is traced and proved."""

    buckets: Annotated[
        list[BucketSpec],
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["batchSize", "sequenceLength"],
            },
        ),
        _ListMapKeys(
            "", "two buckets have the same batchSize and sequenceLength: leave one out", _distinct
        ),
    ]
    """The shapes to trace, at most 32."""
    precision: Precision = Precision.FLOAT32
    """Number format of weights and graph. BFloat16 needs target CPU."""
    tolerance: Tolerance = Tolerance()
    """How far the traced graphs may be from the eager model."""
    parallelism: Annotated[int, whole(1, 32)] = 1
    """Pods that share the buckets out. More than 1 with a Hub source needs a revision of 40 hexadecimal digits."""
    compiler: Compiler | None = None
    """Settings of the Neuron compiler; target Inf1 only."""
    resources: Resources | None = None
    """CPU and memory of an exporter pod. Default: the operator's setting for the target."""


class StoreSpec(ApiModel):
    """Where artifacts are kept."""

    url: StoreUrl | None = None
    """s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER."""
    persistent_volume_claim_name: ObjectName | None = None
    """A ReadWriteMany claim in the same namespace."""
    credentials_secret_name: ObjectName | None = None
    """Secret whose keys become environment variables of export and serving pods, such as AWS_ACCESS_KEY_ID."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.url) != has(self.persistentVolumeClaimName)",
            "write exactly one of url and persistentVolumeClaimName",
            lambda store: (store.url is None) != (store.persistent_volume_claim_name is None),
        ),
        Rule(
            "!has(self.credentialsSecretName) || !has(self.persistentVolumeClaimName)",
            "a volume needs no credentials: leave credentialsSecretName out",
            lambda store: (
                store.credentials_secret_name is None or store.persistent_volume_claim_name is None
            ),
            ".credentialsSecretName",
        ),
    )
