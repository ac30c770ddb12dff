"""The artifacts that are kept: what each is for, and what goes back to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.text import Text

from tracedmodel_api.request import base_fingerprint, wanted_limits
from tracedmodel_operator.artifacts import holds, no_stricter
from tracedmodel_operator.cli.snapshot import Snapshot
from tracedmodel_operator.cli.text import BAD, FAINT, GOOD, UNKNOWN, age, columns, head
from tracedmodel_operator.observe import KeptIndex
from tracedmodel_operator.rollout import newest_first


@dataclass(frozen=True)
class Kept:
    """An artifact whose index is kept, and what is true of it."""

    index: KeptIndex
    served: bool
    last_good: bool
    rejected: str = ""
    """Why servers could not prove it."""
    returns: str = ""
    """Which spec serves it again, without an export."""

    def state(self) -> str:
        """Return what it is in a word or two."""
        words = {"served": self.served, "rejected": bool(self.rejected)}
        words["last good"] = self.last_good and not self.served
        return ", ".join(word for word, true in words.items() if true) or "kept"


def kept(snapshot: Snapshot) -> list[Kept]:
    """Return the artifacts that are kept, the newest first."""
    return [_kept(snapshot, index) for index in newest_first(snapshot.observation.indexes)]


def _kept(snapshot: Snapshot, index: KeptIndex) -> Kept:
    serving, told = snapshot.observation.serving, snapshot.status.serving
    rejection = told.rejected if told else None
    rejected = rejection is not None and rejection.artifact_digest == index.digest
    return Kept(
        index,
        served=serving is not None and serving.artifact == index.digest,
        last_good=told is not None and told.artifact_digest == index.digest,
        rejected=f"{rejection.reason}: {rejection.message}" if rejection and rejected else "",
        returns=_returns(snapshot, index),
    )


def _returns(snapshot: Snapshot, index: KeptIndex) -> str:
    """Say in terms of the spec what an index was made for; only digests tell of what it does not name."""
    resource, buckets = snapshot.resource, ", ".join(str(row.bucket) for row in index.report.rows)
    if resource is None:
        return UNKNOWN
    same = base_fingerprint(resource, index.store.identity) == index.fingerprint
    limits, wanted = index.index.limits, wanted_limits(resource)
    enough = holds(index.report, resource.buckets()) and no_stricter(wanted, limits)
    if same and enough:
        return "the spec as it is"
    if same:
        return f"the spec as it is with buckets {buckets}"
    parts = {
        f"revision {index.index.revision[:12]}": index.index.revision != _revision(snapshot),
        f"task {index.index.task.value}": index.index.task is not resource.spec.model.task,
        f"target {index.index.target.value}": index.index.target is not resource.spec.target,
        f"precision {index.index.precision.value}": index.index.precision
        is not resource.spec.export.precision,
    }
    told = ", ".join(part for part, differs in parts.items() if differs)
    return f"the spec that it was exported for: {told or 'another model, store, compiler or requested-at'}"


def _revision(snapshot: Snapshot) -> str | None:
    model, resource = snapshot.status.model, snapshot.resource
    asked = resource.spec.model.revision if resource else None
    return asked or (model.revision if model else None)


def shelf(snapshot: Snapshot, width: int | None = None) -> list[Text]:
    """Return the table of artifacts."""
    rows = [head("ARTIFACT", "AGE", "STATE", "BUCKETS", "REVISION", "GOES BACK TO IT")]
    for one in kept(snapshot):
        tone = BAD if one.rejected else GOOD if one.served else FAINT
        buckets = ",".join(str(row.bucket) for row in one.index.report.rows)
        revision = one.index.index.revision[:12] or UNKNOWN
        why = f"a retry alone; {one.rejected}" if one.rejected else one.returns
        made = age(one.index.created, snapshot.now)
        cells = (one.index.digest[:12], made, Text(one.state(), style=tone), buckets, revision, why)
        rows.append([cell if isinstance(cell, Text) else Text(cell) for cell in cells])
    return columns(rows, width)


def as_documents(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the artifacts as JSON."""
    return [
        {
            "digest": one.index.digest,
            "configMap": one.index.name,
            "created": one.index.created,
            "state": one.state(),
            "buckets": [str(row.bucket) for row in one.index.report.rows],
            "revision": one.index.index.revision,
            "fingerprint": one.index.fingerprint,
            "store": one.index.store.identity,
            "returns": one.returns,
            **({"rejected": one.rejected} if one.rejected else {}),
        }
        for one in kept(snapshot)
    ]
