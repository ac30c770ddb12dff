"""Rules of the resource that a bound cannot say: one CEL expression for the API server and its twin in Python.

Both are judged by one table of manifests in the tests, so that they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Rule:
    """A sentence that must hold, as annotation of a field or in the ``rules`` of a model.

    ``cel`` and ``holds`` say the same; ``field_path`` names the field at fault below the model, as the CRD spells it.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]
    field_path: str = ""

    def enforce(self, value: Any) -> Any:
        """Return ``value``, or raise the error that carries this rule's sentence."""
        return enforce((self,), value)

    def validation(self) -> dict[str, str]:
        """Return the rule as an entry of ``x-kubernetes-validations``."""
        entry = {"rule": self.cel, "message": self.message}
        return entry | ({"fieldPath": self.field_path} if self.field_path else {})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.enforce, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        described.setdefault("x-kubernetes-validations", []).append(self.validation())
        return described


def enforce(rules: Sequence[Rule], value: Any) -> Any:
    """Return ``value``, or raise one error of type ``rule`` whose context has all ``broken`` rules."""
    broken = [rule for rule in rules if not rule.holds(value)]
    if broken:
        sentences = "; ".join(rule.message for rule in broken)
        raise PydanticCustomError("rule", "{sentences}", {"sentences": sentences, "broken": broken})
    return value


class NullsDropped(BaseModel):
    """A mapping in which a null counts as no field, as it does for the API server."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        # Nulls in unknown fields stay: the API server refuses those like any other value.
        if isinstance(data, Mapping):
            known = {field.alias for field in cls.model_fields.values()}
            return {
                key: value for key, value in data.items() if value is not None or key not in known
            }
        return data


class ApiModel(NullsDropped):
    """A part of the resource: camelCase outside, frozen, strict about types and unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey(self) -> ApiModel:
        enforce(self.rules, self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            described["x-kubernetes-validations"] = [rule.validation() for rule in cls.rules]
        return described
