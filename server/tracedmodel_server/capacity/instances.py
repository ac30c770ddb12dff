"""What can be bought: Inf1 instances with their prices, and replicas on CPUs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracedmodel_api.report import Failure

PRICES = "on-demand, us-east-1, 2026-01-19"
"""Of the dollars below: aws/karpenter-provider-aws 031e72b, pkg/providers/pricing/zz_generated.pricing_aws.go."""
REPLICA = "replica"
"""What is bought of CPUs: a pod with the CPUs that its times were measured with."""
_INF1 = (
    # name, NeuronCores, dollars an hour
    ("inf1.xlarge", 4, 0.228),
    ("inf1.2xlarge", 4, 0.362),
    ("inf1.6xlarge", 16, 1.180),
    ("inf1.24xlarge", 64, 4.721),
)


@dataclass(frozen=True)
class Instance:
    """A kind of instance: the replicas that fill it, the workers of each, and dollars an hour where known."""

    name: str
    replicas: int
    workers: int
    dollars: float | None


def inf1_instances(
    cores: int, prices: Mapping[str, float], pipeline_cores: int = 1
) -> list[Instance]:
    """Return the Inf1 instances that have room for a replica of so many NeuronCores.

    Each, or each pipeline of them, is a worker. ``prices`` go before the known ones; raises Failure InvalidRequest for what is no Inf1 instance.
    """
    _demand_known(prices, [name for name, _, _ in _INF1])
    return [
        Instance(name, own // cores, cores // pipeline_cores, prices.get(name, dollars))
        for name, own, dollars in _INF1
        if own >= cores
    ]


def cpu_instances(workers: int, prices: Mapping[str, float]) -> list[Instance]:
    """Return the one kind there is of CPUs: a replica, with a price if one is given."""
    _demand_known(prices, [REPLICA])
    return [Instance(REPLICA, 1, workers, prices.get(REPLICA))]


def parse_prices(texts: Sequence[str]) -> dict[str, float]:
    """Return the dollars an hour in ``NAME=DOLLARS``; raises Failure InvalidRequest."""
    prices = {}
    for text in texts:
        name, _, amount = text.rpartition("=")
        try:
            dollars = float(amount)
        except ValueError:
            dollars = math.nan
        if not name or not (math.isfinite(dollars) and dollars > 0):
            message = f"--price {text!r}: write NAME=DOLLARS, such as inf1.xlarge=0.228"
            raise Failure("InvalidRequest", message)
        prices[name] = dollars
    return prices


def _demand_known(prices: Mapping[str, float], names: Sequence[str]) -> None:
    unknown = sorted(set(prices) - set(names))
    if unknown:
        message = f"--price {unknown[0]}: nothing of that name here; known are {', '.join(names)}"
        raise Failure("InvalidRequest", message)
