"""The strings and numbers of the resource: each with its bounds and the sentence that says what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt, StrictStr
from pydantic.json_schema import WithJsonSchema

from tracedmodel_api.rules import Rule


def _matching(pattern: str, message: str) -> Rule:
    """Return the rule that a string matches ``pattern`` (RE2, anchored by itself)."""
    quoted = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return Rule(f"self.matches('{quoted}')", message, _matcher(pattern))


def _matcher(pattern: str) -> Callable[[str], bool]:
    # RE2's $ is the end of the text; Python's would let a final line break pass.
    compiled = re.compile(pattern.removesuffix("$") + r"\Z")
    return lambda value: compiled.search(value) is not None


def whole(least: int, most: int) -> Any:
    """Return what makes an ``int`` a whole number from ``least`` to ``most``."""
    return Field(strict=True, ge=least, le=most)


def text(most: int, *rules: Rule, least: int = 1) -> Any:
    """Return the type of a string of ``least`` to ``most`` characters that obeys ``rules``."""
    return Annotated[(StrictStr, Field(min_length=least, max_length=most), *rules)]


Flag = StrictBool

_HUB = r"hf://[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?"
# A step of a path. \s would not do: RE2 and Python do not agree on what white space is.
_STEP = r"/[^/?#\x00-\x20\x7f]+"
_BUCKET_NAME = r"(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*"
_BUCKET_PREFIX = rf"{_BUCKET_NAME}({_STEP})+/?"
_CLAIM = rf"pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?({_STEP})*/?"
_FOLDER = rf"file://({_STEP})+/?"

_NO_DOTS = Rule(
    "!self.split('/').exists(part, part == '..')",
    "a path may not step up with '..': write the folder itself",
    lambda value: ".." not in value.split("/"),
)

Source = text(
    512,
    _matching(
        f"^({_HUB}|{_BUCKET_PREFIX}|{_CLAIM}|{_FOLDER})$",
        "write where the model is: hf://ORG/NAME, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, "
        "az://CONTAINER/PREFIX, pvc://CLAIM/PATH or file:///FOLDER",
    ),
    _NO_DOTS,
)
Revision = text(
    128,
    _matching(
        r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        "write a branch, a tag or a commit of the Hub repository, such as main",
    ),
    _NO_DOTS,
)
StoreUrl = text(
    512,
    _matching(
        rf"^({_BUCKET_NAME}({_STEP})*/?|{_FOLDER})$",
        "write where artifacts go: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER",
    ),
    _NO_DOTS,
)
ObjectName = text(
    253,
    _matching(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "write the name of an object in the same namespace: lower-case letters, digits, '-' and '.'",
    ),
)
Decimal = text(
    16,
    _matching(
        r"^[0-9]{1,4}(\.[0-9]{1,10})?(e-[0-9]{1,2})?$",
        'write a decimal number in quotes, such as "0.02" or "1e-4"',
    ),
)
Share = text(
    8,
    _matching(
        r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$",
        'write a share from "0" to "1" in quotes, such as "0.99"',
    ),
)
CompilerArg = text(
    128,
    _matching(r"^[!-~]+$", "write one token of the compiler's command line, without white space"),
    Rule(
        "!['--neuroncore-pipeline-cores', '--num-neuroncores'].exists(flag, self.startsWith(flag))",
        "set the cores of a pipeline by pipelineCores, not by an argument",
        lambda value: not value.startswith(("--neuroncore-pipeline-cores", "--num-neuroncores")),
    ),
    Rule(
        "!['--framework', '--io-config', '--output', '--pipeline'].exists(flag, self.startsWith(flag))",
        "the exporter sets --framework, --io-config, --output and --pipeline itself: leave them out",
        lambda value: (
            not value.startswith(("--framework", "--io-config", "--output", "--pipeline"))
        ),
    ),
)


def _quantity(pattern: str, most: int, message: str) -> Any:
    """Return the type of a Kubernetes quantity: a whole number up to ``most``, or a string that matches ``pattern``."""
    quoted = pattern.replace("\\", "\\\\")
    matches = _matcher(pattern)
    rule = Rule(
        f"type(self) == int ? self > 0 && self <= {most} : self.matches('{quoted}')",
        message,
        lambda value: 0 < value <= most if isinstance(value, int) else matches(value),
    )
    schema = WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": 20})
    return Annotated[StrictInt | Annotated[StrictStr, Field(max_length=20)], schema, rule]


Cpu = _quantity(
    r"^([1-9][0-9]{0,6}m|0*[1-9][0-9]{0,3}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9][0-9]{0,2})$",
    9999,
    'write CPUs as "4", "1.5" or "500m", more than none',
)
Memory = _quantity(
    r"^[1-9][0-9]{0,15}(\.[0-9]{1,3})?(k|M|G|T|Ki|Mi|Gi|Ti)?$",
    10**16 - 1,
    'write memory as "512Mi" or "4Gi", more than none',
)
