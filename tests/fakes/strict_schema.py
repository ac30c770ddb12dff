"""Parts of JSON schemas that take nothing that they do not name."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def strict_object(required: list[str], **properties: Any) -> Object:
    """Return an object that has these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": required,
    }


def array(items: Object, **more: Any) -> Object:
    """Return an array of such items."""
    return {"type": "array", "items": items, **more}
