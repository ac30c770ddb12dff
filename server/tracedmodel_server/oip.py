"""The Open Inference Protocol, version 2, over REST: its paths and its documents."""

from __future__ import annotations

from typing import Any

from tracedmodel_api import __version__
from tracedmodel_server.app import Route
from tracedmodel_server.exchange import Exchange, Reply, json_reply
from tracedmodel_server.inference import parse_inference
from tracedmodel_server.service import Service
from tracedmodel_server.tensors import described, input_tensors, render

VERSION = "1"
"""The one version of a server's model: an artifact has its own server."""
_PLATFORM = "pytorch_torchscript"


class OpenInference:
    """The routes of the protocol for one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> dict[str, Route]:
        """Return the routes by path; a path without version is version 1."""
        model = f"/v2/models/{self._service.name}"
        routes = {
            "/v2": Route("GET", "server-metadata", self.server),
            "/v2/health/live": Route("GET", "live", self.live),
            "/v2/health/ready": Route("GET", "ready", self.ready),
        }
        for path in (model, f"{model}/versions/{VERSION}"):
            routes[path] = Route("GET", "model-metadata", self.metadata)
            routes[f"{path}/ready"] = Route("GET", "model-ready", self.model_ready)
            routes[f"{path}/infer"] = Route("POST", "infer", self.infer)
        return routes

    async def server(self, _exchange: Exchange) -> Reply:
        """Say who serves."""
        return json_reply({"name": "tracedmodel", "version": __version__, "extensions": []})

    async def live(self, _exchange: Exchange) -> Reply:
        """Say whether the process can still do its work; a kubelet that hears no begins it anew."""
        live = self._service.live
        return json_reply({"live": live}, 200 if live else 503)

    async def ready(self, _exchange: Exchange) -> Reply:
        """Say whether requests are welcome."""
        ready = self._service.ready
        return json_reply({"ready": ready}, 200 if ready else 503)

    async def model_ready(self, _exchange: Exchange) -> Reply:
        """Say whether the model takes requests."""
        ready = self._service.ready
        return json_reply({"name": self._service.name, "ready": ready}, 200 if ready else 503)

    async def metadata(self, _exchange: Exchange) -> Reply:
        """Say what the model takes and gives."""
        engine = self._service.engine
        inputs = input_tensors(engine.task, engine.artifact.card)
        return json_reply(
            {
                "name": self._service.name,
                "versions": [VERSION],
                "platform": _PLATFORM,
                "inputs": [described(tensor) for tensor in inputs],
                "outputs": [described(tensor) for tensor in engine.task.outputs],
            }
        )

    async def infer(self, exchange: Exchange) -> Reply:
        """Answer an inference request."""
        engine = self._service.engine
        document = await exchange.json()
        inference = parse_inference(document, engine)
        answers = await exchange.while_connected(self._service.answer(inference.request))
        reply: dict[str, Any] = {"model_name": self._service.name, "model_version": VERSION}
        if inference.id is not None:
            reply["id"] = inference.id
        reply["outputs"] = [render(t, answers, inference.request.items) for t in inference.outputs]
        return json_reply(reply)
