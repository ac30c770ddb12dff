"""What ``tracedmodel run`` shows: the table of buckets, and how to call the model."""

from __future__ import annotations

import json

from rich.table import Table

from tracedmodel_api.enums import Task
from tracedmodel_api.manifest import ModelCard
from tracedmodel_api.status import BucketStatus, Status
from tracedmodel_api.types import TracedModel

_INSTANCES: dict[Task, object] = {
    Task.FEATURE_EXTRACTION: "A sentence to embed.",
    Task.TEXT_CLASSIFICATION: "What a pleasant surprise!",
    Task.TOKEN_CLASSIFICATION: "Ada Lovelace was born in London.",
    Task.QUESTION_ANSWERING: {
        "question": "Where was Ada born?",
        "context": "Ada was born in London.",
    },
}


def buckets(status: Status) -> Table:
    """Return the buckets of a status: size, worst error, times of one batch, speed-up by tracing."""
    caption = "size: what each bucket adds; the weights stand once beside them"
    table = Table(title="Buckets", title_justify="left", caption=caption, caption_justify="left")
    table.add_column("bucket")
    for name in ("size", "worst error", "p50 eager", "p50 traced", "speed-up"):
        table.add_column(name, justify="right")
    for bucket in status.artifact.buckets if status.artifact else []:
        table.add_row(*_row(bucket))
    return table


def _row(bucket: BucketStatus) -> tuple[str, ...]:
    traced, eager = bucket.latency.p50_microseconds, bucket.latency.eager_p50_microseconds
    speed_up = f"{eager / traced:.2f}x" if traced and eager else "-"
    return (
        f"{bucket.batch_size}x{bucket.sequence_length}",
        f"{bucket.size_bytes / 1000:.0f} kB",
        bucket.max_absolute_error or "-",
        _milliseconds(eager),
        _milliseconds(traced),
        speed_up,
    )


def _milliseconds(microseconds: int | None) -> str:
    return "-" if microseconds is None else f"{microseconds / 1000:.2f} ms"


def how_to_call(resource: TracedModel, url: str, card: ModelCard) -> str:
    """Return command lines that ask the model something that its task answers, and what was proved."""
    name = resource.metadata.name
    instance = _INSTANCES.get(card.task, f"Paris is the {card.mask_token} of France.")
    body = json.dumps({"instances": [instance]})
    return (
        f"curl -s {url}/v1/models/{name}:predict -d '{body}'\n"
        f"curl -s {url}/v2/models/{name}\n"
        f"curl -s {url}/proof"
    )
