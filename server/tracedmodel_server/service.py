"""The model behind every protocol: from a request to its answers, and what the server says of itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import partial

import numpy as np

from tracedmodel_api import __version__
from tracedmodel_api.buckets import longest
from tracedmodel_server.artifact import Artifact
from tracedmodel_server.batcher import Batcher
from tracedmodel_server.encoder import Encoder, characters
from tracedmodel_server.errors import Invalid, ModelFault, NotReady, RequestError
from tracedmodel_server.metrics import Metrics
from tracedmodel_server.pieces import PieceEncoder
from tracedmodel_server.policy import BatchQueue
from tracedmodel_server.request import Answer, Request
from tracedmodel_server.runners import Row
from tracedmodel_server.settings import Settings
from tracedmodel_server.tasks import handler_for
from tracedmodel_server.tasks.base import Prepared
from tracedmodel_server.watchdog import Watchdog
from tracedmodel_server.workers import Workers

_log = logging.getLogger(__name__)
_INLINE_CHARACTERS = 20_000
"""More text than this is tokenized in a thread: the loop must answer probes meanwhile."""
_AT_A_STRETCH = 32


class State(Enum):
    """Where a server stands in its life."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"


class Language:
    """What of an artifact knows texts; it is made while the workers prove the graphs."""

    def __init__(self, artifact: Artifact, settings: Settings) -> None:
        self.artifact = artifact
        self.task = handler_for(artifact.card, artifact.target or artifact.tokenizer)
        limit, characters = longest(artifact.graphs), settings.max_text_characters
        self.encoder = (
            Encoder(artifact.tokenizer, self.task, limit, characters)
            if artifact.target is None
            else PieceEncoder(artifact, self.task, limit, characters)
        )


class Engine:
    """What there is once a model is loaded and proved."""

    def __init__(
        self, language: Language, workers: Workers, settings: Settings, metrics: Metrics
    ) -> None:
        self.artifact = language.artifact
        self.task = language.task
        self.encoder = language.encoder
        self.workers = workers
        delay = settings.max_delay_milliseconds / 1000
        run = partial(workers.run, reduce=self.task.reduce)
        self.stuck = False
        self._watched: Watchdog[Prepared, Row] = Watchdog(run, settings.batch_seconds, self._tell)
        self._limit = f"a batch has run for more than {settings.batch_seconds:g} seconds"
        self._metrics = metrics
        self.batcher: Batcher[Prepared, Row] = Batcher(
            BatchQueue(workers.costs(), delay, layout=workers.layout),
            self._watched,
            settings.max_queued_requests,
            metrics,
        )

    def demand_life(self) -> None:
        """Raise NotReady while a batch hangs: nobody knows when it comes back."""
        if self.stuck:
            raise NotReady(f"the model is stuck, {self._limit}: ask another replica")

    def _tell(self, stuck: bool) -> None:  # noqa: FBT001  # the one thing that there is to tell
        self.stuck = stuck
        self._metrics.stuck.set(stuck)
        if stuck:
            _log.error("stuck", extra={"reason": self._limit, "waiting": len(self.batcher)})
            self.batcher.fail(NotReady(f"the model is stuck, {self._limit}: ask another replica"))
        else:
            _log.warning("no longer stuck")


class Service:
    """Answers requests as soon as it has an engine."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.name = settings.model_name
        self.state = State.LOADING
        self._most_texts = settings.most_texts()
        self._metrics = metrics
        self._engine: Engine | None = None
        self._tokenizing = ThreadPoolExecutor(1, "tokenizing")

    @property
    def engine(self) -> Engine:
        """Return the engine; raises NotReady while there is none."""
        if self._engine is None:
            raise NotReady(f"model {self.name} is loading: try again later")
        return self._engine

    @property
    def ready(self) -> bool:
        """Tell whether requests should be sent here."""
        return self.state is State.READY and self.live

    @property
    def live(self) -> bool:
        """Tell whether this process can still do its work; where it cannot, only a new one helps."""
        return self._engine is None or not self._engine.stuck

    def start(self, engine: Engine) -> None:
        """Take requests from now on."""
        self._engine = engine
        self.state = State.READY
        self._metrics.serves(self._info(engine), len(engine.workers), engine.batcher.__len__)
        self._metrics.ready.set_function(lambda: self.ready)
        self._metrics.started()

    def _info(self, engine: Engine) -> dict[str, str]:
        index = engine.artifact.index
        return {
            "version": __version__,
            "model": self.name,
            "task": index.task.value,
            "target": index.target.value,
            "precision": index.precision.value,
            "revision": index.revision,
            "artifact_digest": engine.artifact.digest,
        }

    def unready(self) -> None:
        """Say that no more requests should be sent here; those that come are answered still."""
        self.state = State.DRAINING

    def close(self) -> None:
        """Let the threads end."""
        self._tokenizing.shutdown(wait=False)

    async def answer(self, request: Request) -> list[Answer]:
        """Return the answer of each item; cancelled, it drops what still waits.

        Raises RequestError: Invalid, Overloaded, NotReady or ModelFault.
        """
        engine = self.engine
        count = len(request.items)
        if count > self._most_texts:
            raise Invalid(f"the request has {count} texts, allowed are {self._most_texts}")
        # Before the work of tokenizing: an overloaded server should say so cheaply.
        engine.demand_life()
        engine.batcher.demand_room(count)
        start = time.perf_counter()
        prepared = await self._prepare(engine, request)
        self._metrics.tokenized(time.perf_counter() - start)
        lengths = [len(one.encoding) for one in prepared]
        engine.demand_life()
        try:
            rows = await engine.batcher.submit(prepared, lengths)
        except RequestError:
            raise
        except Exception as error:
            raise ModelFault(f"the model failed: {type(error).__name__}: {error}") from error
        answers = await self._answers(engine, request, prepared, rows)
        self._metrics.done(time.perf_counter() - start)
        return answers

    async def _prepare(self, engine: Engine, request: Request) -> list[Prepared]:
        prepare = partial(engine.encoder.prepare, truncate=request.parameters.truncate)
        if characters(request.items) <= _INLINE_CHARACTERS:
            return prepare(request.items)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._tokenizing, prepare, request.items)

    async def _answers(
        self, engine: Engine, request: Request, prepared: Sequence[Prepared], rows: Sequence[Row]
    ) -> list[Answer]:
        answers = []
        for number, (one, row) in enumerate(zip(prepared, rows, strict=True)):
            if not all(np.isfinite(part).all() for part in row):
                raise ModelFault(f"the model's output for text {number} has NaN or infinity")
            answers.append(engine.task.answer(one, row, request.parameters))
            if number % _AT_A_STRETCH == _AT_A_STRETCH - 1:
                await asyncio.sleep(0)
        return answers
