"""The inference request of the Open Inference Protocol: from JSON to texts or tokens, and the outputs wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracedmodel_server.errors import Invalid
from tracedmodel_server.parameters import kind, parse_parameters, shown
from tracedmodel_server.request import Item, Pair, Request, Text, Tokens
from tracedmodel_server.service import Engine
from tracedmodel_server.tasks.base import (
    CONTEXT,
    QUESTION,
    TEXT,
    TOKEN_IDS,
    TOKEN_MASK,
    TOKEN_TYPES,
    TaskHandler,
    Tensor,
)
from tracedmodel_server.tensors import Given, demand_range, input_tensors, read_tensor


@dataclass(frozen=True)
class Inference:
    """What a client asked: its own id, the request, and the outputs in the order that it wants."""

    id: str | None
    request: Request
    outputs: Sequence[Tensor]


def parse_inference(document: Any, engine: Engine) -> Inference:
    """Return the inference in a JSON document; raises Invalid, naming what was given and what is expected."""
    if not isinstance(document, dict):
        raise Invalid(f"the body must be a JSON object, given is {kind(document)}")
    identity = document.get("id")
    if identity is not None and not isinstance(identity, str):
        raise Invalid(f"id must be a string, given is {shown(identity)}")
    parameters = parse_parameters(document.get("parameters"))
    known = input_tensors(engine.task, engine.artifact.card)
    given = _inputs(document.get("inputs"), known)
    items = _items(given, engine)
    of_text = not isinstance(items[0], Tokens)
    outputs = _outputs(document.get("outputs"), engine.task, of_text=of_text)
    return Inference(identity, Request(items, parameters), outputs)


def _inputs(given: Any, known: Sequence[Tensor]) -> dict[str, Given]:
    if not isinstance(given, list) or not given:
        raise Invalid(f"inputs must be an array of tensors, given is {_what(given)}")
    tensors = {tensor.name: tensor for tensor in known}
    read: dict[str, Given] = {}
    for one in given:
        name = _name(one, "inputs")
        if name not in tensors:
            raise Invalid(f"the model has no input {shown(name)}, only {', '.join(tensors)}")
        if name in read:
            raise Invalid(f"input {name} is given twice")
        if not isinstance(one.get("parameters") or {}, dict):
            raise Invalid(f"input {name}: parameters must be an object")
        read[name] = read_tensor(one, tensors[name])
    rows = {tensor.shape[0] for tensor in read.values()}
    if len(rows) > 1:
        shapes = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in read.items())
        raise Invalid(f"inputs must have the same number of rows, given are {shapes}")
    return read


def _items(given: dict[str, Given], engine: Engine) -> list[Item]:
    texts = (QUESTION, CONTEXT) if engine.task.pairs else (TEXT,)
    if TOKEN_IDS in given and not any(name in given for name in texts):
        return _tokens(given, engine)
    if any(name not in given for name in texts) or len(given) > len(texts):
        named = " and ".join(texts)
        raise Invalid(
            f"inputs must be {named}, or {TOKEN_IDS} with what belongs to it, given are {', '.join(given)}"
        )
    if engine.task.pairs:
        pairs = zip(given[QUESTION].values, given[CONTEXT].values, strict=True)
        return [Pair(question, context) for question, context in pairs]
    return [Text(text) for text in given[TEXT].values]


def _tokens(given: dict[str, Given], engine: Engine) -> list[Item]:
    ids = given[TOKEN_IDS]
    for name, tensor in given.items():
        if tensor.shape != ids.shape:
            raise Invalid(
                f"input {name} must have the shape of {TOKEN_IDS}, {list(ids.shape)}, given is {list(tensor.shape)}"
            )
    demand_range(ids, engine.encoder.vocabulary - 1, "token ids")
    for name, what in ((TOKEN_MASK, "mask values"), (TOKEN_TYPES, "segment types")):
        if name in given:
            demand_range(given[name], 1, what)
    count, width = ids.shape
    masks = given[TOKEN_MASK].rows() if TOKEN_MASK in given else [(1,) * width] * count
    types = given[TOKEN_TYPES].rows() if TOKEN_TYPES in given else [()] * count
    rows = zip(ids.rows(), masks, types, strict=True)
    return [Tokens(row, mask, kinds, width) for row, mask, kinds in rows]


def _outputs(asked: Any, task: TaskHandler, *, of_text: bool) -> list[Tensor]:
    known = {tensor.name: tensor for tensor in task.outputs}
    if asked is None or asked == []:
        usual = [t for t in known.values() if not t.raw and (of_text or not t.of_text)]
        return usual or [t for t in known.values() if t.raw]
    if not isinstance(asked, list):
        raise Invalid(f"outputs must be an array, given is {kind(asked)}")
    chosen: dict[str, Tensor] = {}
    for one in asked:
        name = _name(one, "outputs")
        if name not in known:
            raise Invalid(f"the model has no output {shown(name)}, only {', '.join(known)}")
        if name in chosen:
            raise Invalid(f"output {name} is asked for twice")
        if known[name].of_text and not of_text:
            raise Invalid(f"output {name} is made of text: send text, or ask for raw outputs alone")
        chosen[name] = known[name]
    return list(chosen.values())


def _name(one: Any, where: str) -> str:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        raise Invalid(f"every one of {where} must be an object with a name, given is {shown(one)}")
    name: str = one["name"]
    return name


def _what(given: Any) -> str:
    return "an empty array" if given == [] else kind(given) if given is not None else "nothing"
