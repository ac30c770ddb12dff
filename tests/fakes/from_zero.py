"""examples/autoscaling as tests read it: a model that scales to zero, and what makes replicas come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic.alias_generators import to_snake

from resources import SETTINGS
from tracedmodel_operator.settings import ScalingSettings, Settings

Object = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "examples" / "autoscaling"
RECIPES = ("http-add-on", "queue")


def documents(path: str) -> list[Object]:
    """Return the documents of a file."""
    return list(yaml.safe_load_all((FOLDER / path).read_text(encoding="utf-8")))


def model() -> Object:
    """Return the TracedModel that all recipes are for."""
    (document,) = documents("minilm.yaml")
    return document


def values(recipe: str) -> Object:
    """Return a recipe's values of the chart."""
    (document,) = documents(f"{recipe}/values.yaml")
    return document


def settings(recipe: str) -> Settings:
    """Return the operator's settings by a recipe's values."""
    told = values(recipe)["autoscaling"]
    scaling = {to_snake(name): value for name, value in told["behavior"].items()}
    return SETTINGS.with_(autoscaling=told["engine"], scaling=ScalingSettings(**scaling))
