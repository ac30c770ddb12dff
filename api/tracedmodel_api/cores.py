"""What fits on NeuronCores: which worker holds which graphs. Pure; operator and server use the same rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.words import counted

WEIGHTS_PER_CORE = 1_000_000_000
"""AWS's rule of thumb (application note on bucketing): a core's 2 GB hold so many weights, all graphs together."""
CORES_OF_A_REPLICA = (1, 4, 16, 64)


class TooLarge(Exception):  # noqa: N818  # what it says, as Failure does
    """Graphs do not fit on the cores; ``str`` is a sentence with the figures."""


@dataclass(frozen=True)
class Part:
    """Graphs that the same workers hold, and how many workers those are."""

    buckets: tuple[Bucket, ...]
    workers: int


@dataclass(frozen=True)
class Layout:
    """All parts of an artifact; no bucket is in two of them. Worker number n has part n modulo their number."""

    parts: tuple[Part, ...]

    @classmethod
    def everywhere(cls, buckets: Iterable[Bucket], workers: int) -> Layout:
        """Return the layout in which every worker holds all graphs."""
        return cls((Part(tuple(buckets), workers),))

    @classmethod
    def dealt_out(cls, buckets: Iterable[Bucket], workers: int, parts: int) -> Layout:
        """Return the layout in which each of ``parts``, at most as many as workers, has short buckets and long ones."""
        ordered = sorted(buckets, key=lambda bucket: (bucket.sequence_length, bucket.batch_size))
        return cls(
            tuple(
                Part(tuple(sorted(ordered[number::parts])), len(range(number, workers, parts)))
                for number in range(parts)
            )
        )

    @property
    def workers(self) -> int:
        """Return the number of workers."""
        return sum(part.workers for part in self.parts)

    def part_of(self, worker: int) -> Part:
        """Return what a worker holds."""
        return self.parts[worker % len(self.parts)]


def graphs_per_worker(parameters: int, pipeline_cores: int = 1) -> int:
    """Return how many graphs of a model fit on one core, or on the cores of one pipeline."""
    return int(WEIGHTS_PER_CORE * pipeline_cores / max(1, parameters) + 0.5)


def most_parameters(graphs: int, pipeline_cores: int = 1) -> int:
    """Return the weights that a model may have for so many of its graphs to fit on one worker."""
    # The largest whole number for which graphs_per_worker is still as large.
    return math.floor(WEIGHTS_PER_CORE * pipeline_cores / (graphs - 0.5))


def lay_out(
    buckets: Sequence[Bucket], parameters: int, cores: int, pipeline_cores: int = 1
) -> Layout:
    """Return where the graphs go: all on every worker if they fit, else in as few parts as possible.

    Each part has short buckets and long ones, so that most texts may go to any worker. Raises :class:`TooLarge`.
    """
    workers = cores // pipeline_cores
    each = graphs_per_worker(parameters, pipeline_cores)
    size = f"{len(buckets)} graphs of {parameters / 1e6:.0f} million weights"
    room = f"{counted(pipeline_cores, 'NeuronCore')} {'hold' if pipeline_cores > 1 else 'holds'}"
    if not workers:
        raise TooLarge(f"a graph spans {pipeline_cores} NeuronCores, the replica has {cores}")
    if not each:
        wanted = pipeline_for(parameters)
        raise TooLarge(
            f"a graph of {parameters / 1e6:.0f} million weights is too large: {room} "
            f"{WEIGHTS_PER_CORE * pipeline_cores / 1e6:.0f} million; set export.compiler.pipelineCores to {wanted}"
        )
    parts = math.ceil(len(buckets) / each)
    if parts > workers:
        raise TooLarge(
            f"{size} need {counted(parts * pipeline_cores, 'NeuronCore')}, since {room} {each} of them; the replica "
            f"has {cores}: {_advice(len(buckets) - each * workers, parts * pipeline_cores)}"
        )
    return Layout.dealt_out(buckets, workers, parts)


def pipeline_for(parameters: int) -> int:
    """Return the fewest cores over which a graph of so many weights must be spread."""
    return max(1, math.ceil(parameters / (2 * WEIGHTS_PER_CORE)))


def _advice(too_many: int, cores: int) -> str:
    enough = next((size for size in CORES_OF_A_REPLICA if size >= cores), None)
    fewer = f"leave {counted(too_many, 'bucket')} out"
    return f"set serving.neuronCores to {enough}, or {fewer}" if enough else fewer
