"""How graphs are to be made, where that is for a person to say; it imports nothing large."""

from __future__ import annotations

from dataclasses import dataclass

from tracedmodel_api.manifest import CompilerSettings


@dataclass(frozen=True)
class CompilerOptions:
    """How to compile, where a target has a compiler; ``min_compiled_percent`` of the operators must be compiled."""

    settings: CompilerSettings
    timeout_seconds: int = 3600
    min_compiled_percent: int = 0
