"""What a serving pod proved of its graphs, read from the pod itself: the only figures there are for a device."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from tracedmodel_operator.cache import Key
from tracedmodel_operator.observe import Observation
from tracedmodel_operator.plan import Plan
from tracedmodel_operator.podstate import Pod

_SECONDS = 3.0
_MOST_BYTES = 1 << 20

Proofs = Mapping[str, "Measured"]
"""By the digest of a graph's manifest."""
ReadProofs = Callable[[str, int], Awaitable[Proofs]]
"""From a pod's address and port; nothing where none is to be had."""


@dataclass(frozen=True)
class Measured:
    """What a server measured of one graph: worst error, agreement from 0 to 1, times of a batch in microseconds."""

    error: float
    agreement: float
    p50: int
    p99: int


class ProofReader:
    """Asks one ready pod a rollout for its figures, and not again if it does not answer."""

    def __init__(self, read: ReadProofs, port: int) -> None:
        self._read = read
        self._port = port
        self._told: dict[Key, tuple[str, Proofs]] = {}
        """By resource, the rollout of which a pod was asked, and what it told."""

    async def of(self, key: Key, observation: Observation, plan: Plan) -> Proofs:
        """Return what a server of the artifact proved, where its export could prove nothing."""
        pod = pod_to_ask(observation, plan)
        if pod is None:
            return {}
        rollout, told = self._told.get(key, ("", {}))
        if rollout != pod.template:
            told = await self._read(pod.address, self._port)
            self._told[key] = (pod.template, told)
        return told

    def forget(self, key: Key) -> None:
        """Forget a resource that is no more."""
        self._told.pop(key, None)


def pod_to_ask(observation: Observation, plan: Plan) -> Pod | None:
    """Return a ready pod of the artifact that is served, if its figures are not those of its export."""
    serving = observation.serving
    if serving is None or plan.serving is None or serving.artifact != plan.serving.digest:
        return None
    if all(row.error is not None for row in plan.serving.report.rows):
        return None
    ready = (pod for pod in serving.own_pods() if pod.ready and pod.address)
    return next(ready, None)


async def read_proofs(address: str, port: int) -> Proofs:
    """Ask a pod. That it does not answer, or cannot be reached from here, is no failure: then there are no figures."""
    host = f"[{address}]" if ":" in address else address
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(f"http://{host}:{port}/proof", allow_redirects=False) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                return {}
            return parse(orjson.loads(await _body(answer.content)))
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
        return {}


async def _body(content: aiohttp.StreamReader) -> bytes:
    """Return a whole body; raises ``ValueError`` for one that is larger than any proof."""
    body = bytearray()
    async for part in content.iter_any():
        body += part
        if len(body) > _MOST_BYTES:
            raise ValueError("more than a proof")
    return bytes(body)


def parse(document: Any) -> Proofs:
    """Return the figures of a ``/proof`` document; whatever is not one has none."""
    try:
        return {
            str(bucket["digest"]): Measured(
                float(bucket["maxAbsoluteError"]),
                float(bucket["agreement"]),
                int(bucket["p50Microseconds"]),
                int(bucket["p99Microseconds"]),
            )
            for bucket in document["buckets"]
        }
    except (KeyError, TypeError, ValueError):
        return {}
