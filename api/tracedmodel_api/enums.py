"""The choices of the resource, as the manifest spells them."""

from __future__ import annotations

from enum import Enum


class Task(str, Enum):
    """What the model answers."""

    FEATURE_EXTRACTION = "FeatureExtraction"
    TEXT_CLASSIFICATION = "TextClassification"
    TOKEN_CLASSIFICATION = "TokenClassification"  # noqa: S105  # a task, no password
    QUESTION_ANSWERING = "QuestionAnswering"
    FILL_MASK = "FillMask"
    TRANSLATION = "Translation"


class Target(str, Enum):
    """Where graphs run."""

    CPU = "CPU"
    INF1 = "Inf1"


class Precision(str, Enum):
    """The number format of weights and graph; answers are always float32."""

    FLOAT32 = "Float32"
    BFLOAT16 = "BFloat16"


class Strategy(str, Enum):
    """How a new artifact replaces the old one."""

    SURGE = "Surge"
    IN_PLACE = "InPlace"
