"""The sequence lengths that waste least for a histogram of text lengths: exact, by dynamic programming."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracedmodel_api.report import Failure

LEAST_LENGTH = 8
"""The resource allows no shorter sequence length."""
Cost = Callable[[int], float]
"""What a text costs in a bucket of a sequence length: never less for a longer one."""


@dataclass(frozen=True)
class Suggestion:
    """Sequence lengths, shortest first, and what a text costs with them on average."""

    lengths: tuple[int, ...]
    cost: float


def best_lengths(
    shares: Mapping[int, float], most: int, cost: Cost, multiple_of: int, longest: int
) -> Suggestion:
    """Return the at most ``most`` sequence lengths with the least average cost; of equals the fewest.

    Each is a multiple of ``multiple_of``, or ``longest``, which none exceeds. Raises Failure InvalidRequest
    if a text does.
    """
    if max(shares) > longest:
        message = (
            f"the traffic has texts of {max(shares)} tokens, and no bucket may be longer than {longest}: "
            "raise --longest as far as the model's positions allow, or cut the histogram"
        )
        raise Failure("InvalidRequest", message)
    rounded: dict[int, float] = {}
    for tokens, share in sorted(shares.items()):
        length = min(longest, -(-max(tokens, LEAST_LENGTH) // multiple_of) * multiple_of)
        rounded[length] = rounded.get(length, 0.0) + share
    chosen = _choose(list(rounded), list(rounded.values()), most, cost)
    return Suggestion(chosen, average_cost(rounded, chosen, cost))


def average_cost(shares: Mapping[int, float], lengths: Sequence[int], cost: Cost) -> float:
    """Return what a text costs on average if each takes the shortest length that holds it."""
    ordered = sorted(lengths)
    return sum(
        share * cost(next(length for length in ordered if length >= tokens))
        for tokens, share in shares.items()
    )


def _choose(lengths: list[int], shares: list[float], most: int, cost: Cost) -> tuple[int, ...]:
    """Return the best of ``lengths``, the last of them always.

    ``best[j]`` is the least cost of the first j lengths with the number of buckets of this round. The last bucket
    of them holds those from some i on, all at the cost of length j.
    """
    count = len(lengths)
    below = np.concatenate(([0.0], np.cumsum(shares)))
    costs = np.array([cost(length) for length in lengths])
    best = np.concatenate(([0.0], np.full(count, np.inf)))
    cuts: list[np.ndarray] = []
    totals = [float("inf")]
    for _ in range(min(most, count)):
        following, cut = np.full(count + 1, np.inf), np.zeros(count + 1, dtype=int)
        for j in range(1, count + 1):
            options = best[:j] + (below[j] - below[:j]) * costs[j - 1]
            cut[j] = int(np.argmin(options))
            following[j] = options[cut[j]]
        best = following
        cuts.append(cut)
        totals.append(float(best[count]))
    # Rounding must not pass for a saving.
    used = next(n for n, total in enumerate(totals) if total <= min(totals) * (1 + 1e-12))
    chosen, end = [], count
    for cut in reversed(cuts[:used]):
        chosen.append(lengths[end - 1])
        end = int(cut[end])
    return tuple(reversed(chosen))
