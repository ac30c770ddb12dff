"""KServe's first protocol, for people with text: instances in, predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracedmodel_server.app import Route
from tracedmodel_server.errors import Invalid
from tracedmodel_server.exchange import Exchange, Reply, json_reply
from tracedmodel_server.parameters import kind, parse_parameters, shown
from tracedmodel_server.request import Item, Pair, Request, Text
from tracedmodel_server.service import Service
from tracedmodel_server.tasks.base import CONTEXT, QUESTION, TEXT

_PAIR = {QUESTION, CONTEXT}


class KServe:
    """The routes of the protocol for one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> dict[str, Route]:
        """Return the routes by path."""
        model = f"/v1/models/{self._service.name}"
        return {
            "/v1/models": Route("GET", "v1-models", self.models),
            model: Route("GET", "v1-model", self.model),
            f"{model}:predict": Route("POST", "predict", self.predict),
        }

    async def models(self, _exchange: Exchange) -> Reply:
        """Name the models."""
        return json_reply({"models": [self._service.name]})

    async def model(self, _exchange: Exchange) -> Reply:
        """Say whether the model takes requests."""
        ready = self._service.ready
        return json_reply({"name": self._service.name, "ready": ready}, 200 if ready else 503)

    async def predict(self, exchange: Exchange) -> Reply:
        """Answer instances."""
        engine = self._service.engine
        request = _parse(await exchange.json(), pairs=engine.task.pairs)
        answers = await exchange.while_connected(self._service.answer(request))
        return json_reply({"predictions": [engine.task.prediction(answer) for answer in answers]})


def _parse(document: Any, *, pairs: bool) -> Request:
    if not isinstance(document, dict):
        raise Invalid(f"the body must be a JSON object, given is {kind(document)}")
    instances = document.get("instances")
    if not isinstance(instances, list) or not instances:
        given = "an empty array" if instances == [] else kind(instances)
        raise Invalid(f"instances must be an array of texts, given is {given}")
    read = _pair if pairs else _text
    items: Sequence[Item] = [read(number, one) for number, one in enumerate(instances)]
    return Request(items, parse_parameters(document.get("parameters")))


def _text(number: int, instance: Any) -> Text:
    text = instance.get(TEXT) if isinstance(instance, dict) else instance
    if not isinstance(text, str) or (isinstance(instance, dict) and len(instance) > 1):
        wanted = f'a string or {{"{TEXT}": string}}'
        raise Invalid(f"instance {number} must be {wanted}, given is {_given(instance)}")
    return Text(text)


def _pair(number: int, instance: Any) -> Pair:
    fields = instance if isinstance(instance, dict) else {}
    question, context = fields.get(QUESTION), fields.get(CONTEXT)
    if isinstance(question, str) and isinstance(context, str) and fields.keys() == _PAIR:
        return Pair(question, context)
    wanted = f'{{"{QUESTION}": string, "{CONTEXT}": string}}'
    raise Invalid(f"instance {number} must be {wanted}, given is {_given(instance)}")


def _given(instance: Any) -> str:
    if isinstance(instance, dict):
        return f"an object with {', '.join(sorted(instance)[:5]) or 'nothing'}"
    return shown(instance)
