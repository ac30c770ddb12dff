"""A life of a resource by fixed numbers and by load, whose replicas are written down as they change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lives
from apiserver import Faults
from operated import KEY, Operated
from resources import SETTINGS
from tracedmodel_operator.kinds import AUTOSCALER, DEPLOYMENT, SCALED_OBJECT, TRACED_MODEL
from tracedmodel_operator.kube import Request, Response
from tracedmodel_operator.settings import ScalingSettings, Settings

KEDA = SETTINGS.with_(autoscaling="KEDA", scaling=ScalingSettings(demand_query="sum(asked)"))
_SCALERS = (AUTOSCALER, SCALED_OBJECT)


class Alone:
    """A transport that sees to it that the operator never makes two decide on the replicas at a time."""

    def __init__(self, transport: Callable[[Request], Any], operated: Operated) -> None:
        self._transport = transport
        self._operated = operated

    async def __call__(self, request: Request) -> Response:
        cluster = self._operated.cluster
        scaling = request.path.endswith("/scale")
        making = request.method == "POST" and any(
            request.path.endswith(f"/{kind.plural}") for kind in _SCALERS
        )
        if scaling or making:
            name = (request.body.get("metadata") or {}).get("name", KEY[1])
            there = [item for kind in _SCALERS for item in cluster.objects(kind)]
            others = [item for item in there if (item["kind"], name) != _identity(request, item)]
            assert not others, f"{request.method} {request.path} beside {others}"
        return await self._transport(request)


def _identity(request: Request, item: Any) -> tuple[str, str]:
    # A create that is sent once more, because its answer was lost, finds what it made.
    own = request.method == "POST" and item["kind"] == request.body.get("kind")
    return (item["kind"], item["metadata"]["name"]) if own else ("", "")


class Scaled(Operated):
    """Operated, with the replicas of the Deployment as they were, one after the other."""

    def __init__(self, settings: Settings = SETTINGS, faults: Faults | None = None) -> None:
        super().__init__(settings, faults)
        self._told = self.cluster.subscribe(DEPLOYMENT)
        self._counts: list[int] = []

    def start(self) -> None:
        """Begin as a new process does."""
        super().start()
        self.transport._transport = Alone(self.transport._transport, self)

    def choose(self, settings: Settings) -> None:
        """Have an administrator change the settings, which takes another process."""
        doom = self.transport.at, self.transport.after
        self.settings = settings
        self.start()
        self.doom(doom[0], after=doom[1])

    def counts(self) -> list[int]:
        """Return all numbers of replicas that the Deployment ever had, without repetitions in a row."""
        for event in self._told:
            count = event.object["spec"]["replicas"]
            if self._counts[-1:] != [count]:
                self._counts.append(count)
        return list(self._counts)

    def replicas(self) -> int:
        """Return the number of replicas now."""
        deployment = self.cluster.get(DEPLOYMENT, *KEY)
        assert deployment
        return int(deployment["spec"]["replicas"])

    def scalers(self) -> list[str]:
        """Return the names of everything that scales, as kind/name."""
        return [
            f"{kind.name}/{item['metadata']['name']}"
            for kind in _SCALERS
            for item in self.cluster.objects(kind)
        ]

    def scale_by(self, **scaling: int) -> None:
        """Have the spec ask for autoscaling."""
        self.apply({"serving": {"replicas": 1, "autoscaling": {"maxReplicas": 6, **scaling}}})
        self.persist()

    def fix(self, replicas: int) -> None:
        """Have the spec ask for so many."""
        self.apply({"serving": {"replicas": replicas, "autoscaling": None}})
        self.persist()

    def ask_for(self, replicas: int | None) -> None:
        """Have the load ask for so many, or nobody know it."""
        self.controllers.scalers.load = lambda _: replicas
        self.persist()

    def keep(self) -> None:
        """Have the load ask for as many as there are."""
        self.controllers.scalers.load = lambda deployment: deployment["spec"]["replicas"]


def _more_load(operated: Scaled) -> None:
    operated.ask_for(4)
    operated.keep()


def _with_keda(operated: Scaled) -> None:
    operated.choose(KEDA)
    operated.persist()


def _delete(operated: Scaled) -> None:
    operated.cluster.delete(TRACED_MODEL, *KEY)
    operated.persist()


LIFE: tuple[tuple[Callable[[Scaled], None], list[int], list[str]], ...] = (
    (lambda o: o.scale_by(minReplicas=2), [1, 2], ["HorizontalPodAutoscaler/minilm"]),
    (_more_load, [4], ["HorizontalPodAutoscaler/minilm"]),
    (lambda o: o.fix(3), [3], []),
    (lambda o: o.scale_by(), [], ["HorizontalPodAutoscaler/minilm"]),
    (_with_keda, [], ["HorizontalPodAutoscaler/keda-hpa-minilm", "ScaledObject/minilm"]),
    (lambda o: o.fix(5), [5], []),
    (
        lambda o: o.scale_by(),
        [],
        ["HorizontalPodAutoscaler/keda-hpa-minilm", "ScaledObject/minilm"],
    ),
    (_delete, [], []),
)
"""What happens, the numbers of replicas that there are for it one after the other, and what scales then."""


def live(at: int | None = None, *, after: bool = False) -> Scaled:
    """Go through the life, with an operator that is killed at a request, checking each chapter."""
    operated = Scaled()
    operated.doom(at, after=after)
    expected: list[int] = []
    for chapter, counts, scalers in LIFE:
        chapter(operated)
        expected += counts
        assert operated.counts() == expected
        assert operated.scalers() == scalers
    return operated


def remains(operated: Scaled) -> Any:
    """Return what there is in the end."""
    return [lives.remains(operated), operated.cluster.objects(SCALED_OBJECT)]
