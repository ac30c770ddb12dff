"""What a simulated run says: latencies with their uncertainty, load and waste."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracedmodel_server.capacity.simulate import Batch, Fleet, Record

BATCHES = 10
_T_95 = 2.262
"""Student's t for 95 % and nine degrees of freedom: the confidence interval of a mean of ten."""
_BUSY = 0.95
_GROWTH = 1.5


@dataclass(frozen=True)
class Figures:
    """Seconds and shares; ``p99_error`` is half the 95 % confidence interval of p99, by batches of the run."""

    p50: float
    p99: float
    p99_error: float
    utilisation: float
    padding: float
    texts_per_second: float
    growing: bool

    def meets(self, p99: float) -> bool:
        """Tell whether 99 of 100 requests are answered in time, and no queue grows."""
        return self.p99 <= p99 and not self.growing


def figures(record: Record, fleet: Fleet, texts_per_request: int) -> Figures:
    """Return the figures of a run that was not given up and turned few away."""
    order = np.argsort(record.arrived, kind="stable")
    latencies = np.asarray(record.latencies)[order]
    parts = [np.quantile(part, 0.99) for part in np.array_split(latencies, BATCHES)]
    p50, p99 = np.quantile(latencies, (0.5, 0.99))
    seconds = record.ended - record.began
    busy = utilisation(record, fleet)
    done = ((np.asarray(record.arrived)[order] + latencies) <= record.ended).sum()
    return Figures(
        p50=float(p50),
        p99=float(p99),
        p99_error=float(_T_95 * np.std(parts, ddof=1) / np.sqrt(BATCHES)),
        utilisation=busy,
        padding=_padding(record),
        texts_per_second=float(done) * texts_per_request / seconds,
        growing=busy > _BUSY and _grows(latencies),
    )


def utilisation(record: Record, fleet: Fleet) -> float:
    """Return the share of the time that workers ran batches."""
    busy = sum(_overlap(batch, record) for batch in record.batches)
    return busy / ((record.ended - record.began) * fleet.servers * fleet.workers)


def _overlap(batch: Batch, record: Record) -> float:
    end = min(batch.start + batch.seconds, record.ended)
    return max(0.0, end - max(batch.start, record.began))


def _padding(record: Record) -> float:
    counted = [batch for batch in record.batches if batch.start >= record.began]
    cells = sum(batch.bucket.batch_size * batch.bucket.sequence_length for batch in counted)
    return 1 - sum(batch.tokens for batch in counted) / cells


def _grows(latencies: np.ndarray) -> bool:
    """Tell whether those who came in the last quarter waited clearly longer than those of the first."""
    quarters = np.array_split(latencies, 4)
    return bool(quarters[-1].mean() > _GROWTH * quarters[0].mean())
