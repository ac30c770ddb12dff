"""How far the calibrated model can be trusted: each published row predicted without having been seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.capacity.calibrate import MEASURED_LENGTH, ROWS, CoreModel, Row, fit
from tracedmodel_server.capacity.figures import Figures, figures
from tracedmodel_server.capacity.simulate import Balancing, Fleet, Run, Simulation
from tracedmodel_server.capacity.times import Spread

_RUN = Run(requests=4000)


@dataclass(frozen=True)
class Verdict:
    """A row, and what a model predicts of it."""

    row: Row
    texts_per_second: float
    p50: float

    @property
    def throughput_error(self) -> float:
        """Return the relative error, above 0 where too much was predicted."""
        return self.texts_per_second / self.row.texts_per_second - 1

    @property
    def p50_error(self) -> float:
        """Return the relative error, above 0 where too long was predicted."""
        return self.p50 / self.row.p50 - 1


def leave_one_out(rows: Sequence[Row] = ROWS) -> list[Verdict]:
    """Return each row as predicted by the model that is fitted on all others."""
    return _leave_out(rows, lambda other, row: other is row)


def leave_configuration_out(rows: Sequence[Row] = ROWS) -> list[Verdict]:
    """Return each row as predicted without it and its twins: rows of the same encoder, batch, models and workers."""
    return _leave_out(rows, lambda other, row: other.configuration == row.configuration)


def replay(row: Row, model: CoreModel) -> Figures:
    """Return what the benchmark of a row would have measured on the model's cores.

    Every model is a server with one worker, its core, and has ``workers`` clients, who ask for a full batch and,
    as soon as they have it, for the next.
    """
    bucket = Bucket(row.batch, MEASURED_LENGTH)
    seconds = model.seconds(row.encoder, row.batch, MEASURED_LENGTH, row.models)
    fleet = Fleet(
        row.models, 1, {bucket: Spread(seconds, seconds)}, balancing=Balancing.LEAST_LOADED
    )
    batch = (MEASURED_LENGTH,) * row.batch
    clients = [(0.0, batch)] * (row.models * row.workers)
    record = Simulation(fleet, _RUN, again=True).play(clients)
    return figures(record, fleet, row.batch)


def _leave_out(rows: Sequence[Row], without: Callable[[Row, Row], bool]) -> list[Verdict]:
    verdicts = []
    for row in rows:
        seen = replay(row, fit([other for other in rows if not without(other, row)]))
        verdicts.append(Verdict(row, seen.texts_per_second, seen.p50))
    return verdicts
