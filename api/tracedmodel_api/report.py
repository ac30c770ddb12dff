"""What an exporter or a server says when it ends: an exit code by reason, and at most 4 KiB of report.

The exit codes are read by the Job's podFailurePolicy, the report by the operator from the container's termination
message. One table, ``REASONS``, holds both.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.canonical import canonical_json, from_short, to_short

REPORT_VERSION = 1
MAX_BYTES = 4096
"""The kubelet keeps this much of a termination message."""
MAX_MESSAGE = 640


class Class(str, Enum):
    """What a failure means for the one who would try again."""

    TERMINAL = "terminal"
    """The same input will fail again."""
    TRANSIENT = "transient"
    """Another try may succeed."""


@dataclass(frozen=True)
class Reason:
    """Why a process ended, and the exit code that says so."""

    name: str
    exit_code: int
    failure_class: Class
    meaning: str
    remedy: str


def _reasons() -> dict[str, Reason]:
    terminal, transient = Class.TERMINAL, Class.TRANSIENT
    # fmt: off
    rows = (
        ("InvalidRequest", 10, terminal, "The request cannot be understood.", "Correct what the message names: the manifest, an option or a variable."),
        ("ModelNotFound", 11, terminal, "There is no model at the source or revision.", "Correct spec.model.source or revision."),
        ("ModelAccessDenied", 12, terminal, "The source refuses access.", "Set credentialsSecretName, or accept the model's terms on the Hub."),
        ("UnsupportedTask", 13, terminal, "The model has no weights for the task.", "Choose a task that the model was trained for, of those that can be exported."),
        ("UnsafeWeights", 14, terminal, "The weights are pickled; only safetensors are loaded.", "Convert the weights to safetensors."),
        ("RemoteCodeRequired", 15, terminal, "The model needs code from its repository, which is never run.", "Choose a model that transformers supports itself."),
        ("TokenizerNotFound", 16, terminal, "The source has no tokenizer, or more than one plausible.", "Add tokenizer.json to the source, or leave one."),
        ("SequenceTooLong", 17, terminal, "A bucket is longer than the model's positions.", "Lower sequenceLength."),
        ("ToleranceMissed", 18, terminal, "A traced graph is too far from the eager model.", "Raise export.tolerance, or change precision or compiler arguments."),
        ("NotFinite", 19, terminal, "An output has NaN or infinity.", "Compare with the eager model: weights may hold NaN themselves; else use Float32, or other compiler arguments."),
        ("TraceFailed", 20, terminal, "The model cannot be traced at a bucket.", "Read the message; report it if the model should work."),
        ("InvalidModelFiles", 21, terminal, "The model's files are damaged or do not fit together.", "Repair the source."),
        ("BackendUnavailable", 22, terminal, "The libraries of the target are not in this image.", "Use the image of the target."),
        ("FormatUnsupported", 23, terminal, "The store holds a newer format than this version reads.", "Upgrade, or use another store."),
        ("VersionMismatch", 24, terminal, "Libraries, driver or graph are of versions that do not go together.", "Use the images of one release, and the driver that docs/inf1.md names."),
        ("OperatorsUnsupported", 25, terminal, "The compiler takes no part of the model.", "Choose another model or task; the message names the operators that stay on the CPU."),
        ("CompiledTooLittle", 26, terminal, "Less of the model runs on the NeuronCore than minCompiledPercent asks for.", "Read which operators stay on the CPU; lower export.compiler.minCompiledPercent if that is good enough."),
        ("CompilerFailed", 27, terminal, "The compiler gave up.", "Read the compiler's sentence in the message: correct export.compiler.args, or try a smaller bucket."),
        ("CompilerTimeout", 28, terminal, "The compiler was not done in time.", "Raise export.compiler.timeoutSeconds, or give the exporter more CPUs."),
        ("CompilerOutOfMemory", 29, terminal, "The compiler was killed for want of memory.", "Raise export.resources.memory, or lower export.parallelism or the bucket."),
        ("BlobMissing", 30, terminal, "The store lacks bytes that the artifact names.", "Ask for a new export with the requested-at annotation: it traces anew what is lacking, or names what to remove first."),
        ("BlobCorrupt", 31, terminal, "Bytes in the store do not match their digest.", "Remove the files that the message names from the store, then ask for a new export with the requested-at annotation."),
        ("ManifestInvalid", 32, terminal, "A manifest does not fit the artifact or its own name.", "Remove the files that the message names from the store, if any, then ask for a new export with the requested-at annotation."),
        ("ProofFailed", 33, terminal, "On this machine a graph does not give the golden outputs.", "Compare the machine and versions with those of the export."),
        ("LoadFailed", 34, terminal, "A graph cannot be loaded.", "Compare the versions with those of the export."),
        ("DeviceMemoryFull", 35, terminal, "The graphs do not fit into the memory of their NeuronCores.", "Leave buckets out, raise serving.neuronCores, or spread the model with export.compiler.pipelineCores."),
        ("CoresNotContiguous", 36, terminal, "The NeuronCores of the pod are not neighbours.", "Install Neuron's scheduler extension, or ask for one core or whole nodes."),
        ("DriverUnsupported", 37, terminal, "The node's Neuron driver cannot run Inf1.", "Install driver 2.24 or older on the nodes."),
        ("InternalError", 70, transient, "A fault that nobody foresaw.", "Report it with the log."),
        ("StoreUnreachable", 71, transient, "The store does not answer, refuses access or is full.", "Check the URL, credentials, network and space; a volume has to let user 65532 write."),
        ("SourceUnreachable", 72, transient, "The model's source does not answer.", "Check the network, or take the model from a folder or an object store."),
        ("PortInUse", 73, transient, "Another process listens on the port.", "Stop it, or choose another port."),
        ("Interrupted", 74, transient, "The process was told to stop.", "Nothing: a cluster tries it again."),
        ("OutOfSpace", 75, transient, "The disk is full.", "Give the pod more ephemeral storage."),
        ("DeviceNotFound", 76, transient, "There is no Neuron device, or it or its driver does not answer.", "Check the node's driver and device plugin, and that the pod asks for NeuronCores."),
        ("CoresNotAvailable", 77, transient, "Another process holds the NeuronCores, or the pod was given fewer than it needs.", "Wait for the pod that is ending; else restart the driver on the node that the message names."),
        ("StoreBusy", 78, transient, "A clean-up of the store goes on, or was not done in its time.", "Nothing: a cluster tries it again; by hand, run the same again later."),
        ("ClusterUnreachable", 79, transient, "A cluster does not answer, or does not let its objects be read.", "Check the kubeconfig or service account, its permissions and the network."),
    )
    # fmt: on
    return {row[0]: Reason(*row) for row in rows}


REASONS = _reasons()
BY_EXIT_CODE = {reason.exit_code: reason for reason in REASONS.values()}
TERMINAL_EXIT_CODES = tuple(
    reason.exit_code for reason in REASONS.values() if reason.failure_class is Class.TERMINAL
)


class Failure(Exception):  # noqa: N818  # the word of the design: an end with a reason
    """An end with a reason of the table; ``str`` is the sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = REASONS[reason]


@dataclass(frozen=True)
class Row:
    """What became of one bucket. Times in microseconds; ``agreement`` from 0 to 1; absent figures are None."""

    bucket: Bucket
    digest: str
    size: int
    error: float | None = None
    agreement: float | None = None
    p50: int | None = None
    p99: int | None = None
    eager_p50: int | None = None
    compiled_percent: int | None = None

    # batch, sequence, target, beams | digest | size | error | agreement in 1/10000 | p50, p99, eager p50 | compiled %
    _LAYOUT = struct.Struct(">HHHB32sQfHIIIB")

    def pack(self) -> str:
        """Return the row as 88 base64 characters: the figures of 32 buckets must fit beside a message."""
        bucket = self.bucket
        shape = (bucket.batch_size, bucket.sequence_length, bucket.target_length, bucket.beams)
        values = (
            *(part or 0 for part in shape),
            bytes.fromhex(self.digest),
            self.size,
            float("nan") if self.error is None else _narrow(self.error),
            _NO_AGREEMENT if self.agreement is None else int(self.agreement * 10000 + 1e-6),
            *(_capped(time) for time in (self.p50, self.p99, self.eager_p50)),
            _NO_PERCENT if self.compiled_percent is None else self.compiled_percent,
        )
        return base64.b64encode(self._LAYOUT.pack(*values)).decode()

    @classmethod
    def unpack(cls, packed: str) -> Row:
        """Return the row of :meth:`pack`; raises ``ValueError`` for anything else."""
        try:
            values = cls._LAYOUT.unpack(base64.b64decode(packed, validate=True))
        except (ValueError, struct.error) as error:
            raise ValueError(f"not a report row: {packed[:100]!r}") from error
        batch, sequence, target, beams, digest, size, worst, agreement, *times, compiled = values
        p50, p99, eager_p50 = (None if time == _NO_TIME else time for time in times)
        return cls(
            Bucket(batch, sequence, target or None, beams or None),
            digest.hex(),
            size,
            None if worst != worst else worst,  # noqa: PLR0124  # NaN alone differs from itself
            None if agreement == _NO_AGREEMENT else agreement / 10000,
            p50,
            p99,
            eager_p50,
            None if compiled == _NO_PERCENT else compiled,
        )


_NO_AGREEMENT = 0xFFFF
_NO_PERCENT = 0xFF
_NO_TIME = 0xFFFFFFFF
_FLOAT_MAX = 3.4e38


def _narrow(error: float) -> float:
    """Return an error that 32 bits can say; beyond that it is as good as infinite."""
    return error if error < _FLOAT_MAX else float("inf")


def _capped(time: int | None) -> int:
    return _NO_TIME if time is None else min(time, _NO_TIME - 1)


@dataclass(frozen=True)
class Report:
    """What a process says at its end: rows of what it finished, and the failure if there was one."""

    rows: tuple[Row, ...] = ()
    revision: str | None = None
    parameters: int | None = None
    files: tuple[tuple[str, str], ...] = ()
    cached: int = 0
    reason: str | None = None
    message: str | None = None
    milliseconds: tuple[tuple[str, int], ...] = ()
    """What each kind of step took, all buckets together."""

    def to_bytes(self) -> bytes:
        """Return the report as JSON of at most 4 KiB; a message that is too long is cut."""
        files = {name: to_short(digest) for name, digest in self.files}
        document: dict[str, Any] = {"v": REPORT_VERSION, "rows": [row.pack() for row in self.rows]}
        optional = {
            "revision": self.revision,
            "parameters": self.parameters,
            "files": files or None,
            "cached": self.cached or None,
            "reason": self.reason,
            "ms": dict(self.milliseconds) or None,
        }
        document |= {key: value for key, value in optional.items() if value is not None}
        return _with_message(document, self.message)

    @classmethod
    def parse(cls, data: bytes | str) -> Report | None:
        """Return the report in a termination message, or None if there is none that this version reads."""
        try:
            document = json.loads(data)
            if document["v"] != REPORT_VERSION:
                return None
            return cls(
                tuple(Row.unpack(row) for row in document["rows"]),
                _typed(document.get("revision"), str),
                _typed(document.get("parameters"), int),
                tuple((n, from_short(d)) for n, d in sorted(document.get("files", {}).items())),
                _typed(document.get("cached", 0), int) or 0,
                _typed(document.get("reason"), str),
                _typed(document.get("message"), str),
                tuple((n, _typed(t, int) or 0) for n, t in sorted(document.get("ms", {}).items())),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def write(self, path: Path) -> None:
        """Leave the report where the kubelet looks for it."""
        path.write_bytes(self.to_bytes())


_T = TypeVar("_T")


def _typed(value: Any, kind: type[_T]) -> _T | None:
    """Return a value that is of ``kind`` or absent; raises ``TypeError`` for any other."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"not a {kind.__name__}: {value!r}")
    return value


def _with_message(document: dict[str, Any], message: str | None) -> bytes:
    """Return the document with as much of the message as fits; escapes may take more room than they seem to."""
    if message is None:
        return canonical_json(document)
    limit = MAX_MESSAGE
    while len(data := canonical_json(document | {"message": shorten(message, limit)})) > MAX_BYTES:
        if limit == 0:
            return canonical_json(document)
        limit //= 2
    return data


def shorten(message: str, limit: int) -> str:
    """Return ``message`` in at most ``limit`` bytes of UTF-8, cut in the middle: both ends say the most."""
    encoded = message.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded.decode()
    mark = " … "
    room = limit - len(mark.encode())
    if room < 0:
        return encoded[:limit].decode(errors="ignore")
    head, tail = encoded[: room // 2], encoded[len(encoded) - room // 2 :]
    return head.decode(errors="ignore") + mark + tail.decode(errors="ignore")
