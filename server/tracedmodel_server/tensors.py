"""Tensors of the Open Inference Protocol: which a model has, how they are read, and how answers become them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from tracedmodel_api.manifest import ModelCard
from tracedmodel_server.errors import Invalid
from tracedmodel_server.parameters import kind, shown
from tracedmodel_server.request import Answer, Item, Tokens
from tracedmodel_server.tasks.base import (
    CONTEXT,
    QUESTION,
    TEXT,
    TaskHandler,
    Tensor,
)

_TYPES = {"BYTES": str, "INT64": int}
_WORDS = {"BYTES": "strings", "INT64": "whole numbers"}
_INT64 = 2**63


@dataclass(frozen=True)
class Given:
    """A tensor that a client sent: as many values as its shape says, flat."""

    name: str
    shape: tuple[int, ...]
    values: Sequence[Any]

    def rows(self) -> list[Sequence[Any]]:
        """Return the values of a matrix row by row."""
        width = self.shape[1]
        return [self.values[row * width : (row + 1) * width] for row in range(self.shape[0])]


def input_tensors(task: TaskHandler, card: ModelCard) -> list[Tensor]:
    """Return the inputs: text for people, or tokens; a request has one kind or the other."""
    texts = (QUESTION, CONTEXT) if task.pairs else (TEXT,)
    return [
        *(Tensor(name, "BYTES", (-1,)) for name in texts),
        *(Tensor(name, "INT64", (-1, -1)) for name in card.inputs),
    ]


def described(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor as metadata has it."""
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def read_tensor(given: dict[str, Any], tensor: Tensor) -> Given:
    """Return a client's tensor; raises Invalid if datatype, shape or values are not those of ``tensor``."""
    name = tensor.name
    if "binary_data_size" in (given.get("parameters") or {}):
        raise Invalid(f"input {name}: binary data is not read here, send it as JSON")
    if given.get("datatype") != tensor.datatype:
        asked = shown(given.get("datatype"))
        raise Invalid(f"input {name} has datatype {tensor.datatype}, given is {asked}")
    shape = _shape(given, tensor)
    data = given.get("data")
    if not isinstance(data, list):
        raise Invalid(f"input {name}: data must be an array, given is {kind(data)}")
    values = _flat(name, data, shape)
    _demand_type(name, values, tensor.datatype)
    return Given(name, shape, values)


def _shape(given: dict[str, Any], tensor: Tensor) -> tuple[int, ...]:
    shape = given.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise Invalid(
            f"input {tensor.name}: shape must be an array of whole numbers, given is {shown(shape)}"
        )
    # Some clients send a column where a list is meant.
    column = len(tensor.shape) == 1 and len(shape[1:]) == 1 and shape[1] == 1
    if len(shape) != len(tensor.shape) and not column:
        wanted, found = list(tensor.shape), shape[:8]
        raise Invalid(f"input {tensor.name} has shape {wanted}, given is {found}")
    if any(size < 1 or size >= _INT64 for size in shape):
        raise Invalid(
            f"input {tensor.name}: every size in shape must be at least 1, given is {shape}"
        )
    return tuple(shape)


def _flat(name: str, data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Return the values of flat or nested data, row-major, as many as the shape says."""
    count = 1
    for size in shape:
        count *= size
    values = data
    if len(shape) > 1 and data and isinstance(data[0], list):
        if len(data) != shape[0]:
            raise Invalid(
                f"input {name}: shape {list(shape)} has {shape[0]} rows, data has {len(data)}"
            )
        for number, row in enumerate(data):
            if not isinstance(row, list) or len(row) != shape[1]:
                found = f"{len(row)} values" if isinstance(row, list) else kind(row)
                raise Invalid(
                    f"input {name}: row {number} must have {shape[1]} values, it has {found}"
                )
        values = list(itertools.chain.from_iterable(data))
    if len(values) != count:
        raise Invalid(
            f"input {name}: shape {list(shape)} has {count} values, data has {len(values)}"
        )
    return values


def _demand_type(name: str, values: list[Any], datatype: str) -> None:
    wanted = _TYPES[datatype]
    # True is an int to Python, but not to a client. Millions of right values must not hold up the loop.
    if set(map(type, values)) != {wanted}:
        number, value = next(one for one in enumerate(values) if type(one[1]) is not wanted)
        raise Invalid(
            f"input {name}: datatype {datatype} has {_WORDS[datatype]}, value {number} is {shown(value)}"
        )


def demand_range(given: Given, most: int, what: str) -> None:
    """Raise Invalid if a value is below 0 or above ``most``."""
    low, high = min(given.values), max(given.values)
    if low < 0 or high > most:
        wrong = low if low < 0 else high
        raise Invalid(f"input {given.name}: {what} are from 0 to {most}, given is {wrong}")


def render(tensor: Tensor, answers: Sequence[Answer], items: Sequence[Item]) -> dict[str, Any]:
    """Return one output of all answers as the protocol spells it."""
    values = [answer[tensor.name] for answer in answers]
    if tensor.datatype == "FP32":
        return _numbers(tensor, values, items)
    if len(tensor.shape) > 1:
        longest = max(map(len, values))
        values = [[*value, *[tensor.fill] * (longest - len(value))] for value in values]
        shape = [len(values), longest]
        values = list(itertools.chain.from_iterable(values))
    else:
        shape = [len(values)]
        if tensor.datatype == "BYTES":
            values = [v if isinstance(v, str) else orjson.dumps(v).decode() for v in values]
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "data": values}


def _numbers(tensor: Tensor, values: list[Any], items: Sequence[Item]) -> dict[str, Any]:
    parts = [np.asarray(value, np.float32) for value in values]
    if parts[0].ndim and tensor.raw:
        widths = (item.width if isinstance(item, Tokens) else 0 for item in items)
        longest = max(*(len(part) for part in parts), *widths)
        parts = [_padded(part, longest) for part in parts]
    data = np.stack(parts)
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(data.shape),
        "data": data.ravel(),
    }


def _padded(part: Any, length: int) -> Any:
    """Return an array with zeros after its first axis' end: texts of a request differ in length."""
    missing = [(0, length - len(part))] + [(0, 0)] * (part.ndim - 1)
    return np.pad(part, missing) if missing[0][1] else part
