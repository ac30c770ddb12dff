"""The tasks: what a model of each gives, and how its raw outputs become answers."""

from __future__ import annotations

from collections.abc import Callable

import tokenizers

from tracedmodel_api.manifest import ModelCard
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Task
from tracedmodel_server.tasks.base import TaskHandler
from tracedmodel_server.tasks.entities import TokenClassification
from tracedmodel_server.tasks.masks import FillMask
from tracedmodel_server.tasks.sentences import FeatureExtraction, TextClassification
from tracedmodel_server.tasks.spans import QuestionAnswering
from tracedmodel_server.tasks.translation import Translation

_HANDLERS: dict[Task, Callable[[ModelCard, tokenizers.Tokenizer], TaskHandler]] = {
    Task.FEATURE_EXTRACTION: FeatureExtraction,
    Task.TEXT_CLASSIFICATION: TextClassification,
    Task.TOKEN_CLASSIFICATION: TokenClassification,
    Task.QUESTION_ANSWERING: QuestionAnswering,
    Task.FILL_MASK: FillMask,
    Task.TRANSLATION: Translation,
}


def handler_for(card: ModelCard, tokenizer: tokenizers.Tokenizer) -> TaskHandler:
    """Return the handler of a model's task; raises Failure FormatUnsupported for a task that is not served yet."""
    handler = _HANDLERS.get(card.task)
    if handler is None:
        message = f"this version does not serve task {card.task.value}"
        raise Failure("FormatUnsupported", message)
    return handler(card, tokenizer)
