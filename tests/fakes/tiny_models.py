"""Tiny seeded encoders with real tokenizers, saved as a person would save them: config, safetensors, tokenizer files.

Weights are drawn wider than transformers draws them, so that answers differ from text to text: a model whose outputs
are all alike would let a wrong row or a wrong bucket pass unseen.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

FAMILIES = ("bert", "distilbert", "roberta")
TASKS = (
    "FeatureExtraction",
    "TextClassification",
    "TokenClassification",
    "QuestionAnswering",
    "FillMask",
)
POSITIONS = 128
"""The longest text of a BERT or DistilBERT, in tokens; RoBERTa's is two shorter."""
LABELS = ("negative", "neutral", "positive")
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
CORPUS = (
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "Ada Lovelace wrote the first program for the Analytical Engine in London.",
    "Berlin is the capital of Germany and Paris is the capital of France.",
    "Who wrote the program? Where is the river? What is the capital of Norway?",
    "The service was slow, but the food was wonderful and the staff was kind.",
    "A terrible film: too long, too loud, and nobody in it says a true word.",
    "Kubernetes schedules containers; operators reconcile what people declare.",
    "Transformers turn tokens into vectors, and vectors into answers.",
    "In 1843 the notes of a translator became longer than the paper itself.",
    "Grace Hopper found a moth in a relay of the Harvard Mark II in 1947.",
    "Snow falls on Oslo in winter; in summer the sun hardly sets over Tromsø.",
    "Numbers like 3, 14, 159 and 2653 are tokens too, as are (brackets) and dashes.",
)
_HEADS = {
    "FeatureExtraction": "Model",
    "TextClassification": "ForSequenceClassification",
    "TokenClassification": "ForTokenClassification",
    "QuestionAnswering": "ForQuestionAnswering",
    "FillMask": "ForMaskedLM",
}
_CLASSES = {"bert": "Bert", "distilbert": "DistilBert", "roberta": "Roberta"}
_SPREAD = 0.15


def build(folder: Path, family: str, task: str, seed: int = 0) -> Path:
    """Write a model of ``family`` for ``task`` into ``folder`` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _byte_pairs() if family == "roberta" else _word_pieces()
    _save_tokenizer(folder, family, tokenizer)
    config = _config(family, task, tokenizer)
    torch.manual_seed(seed)
    model = getattr(transformers, _CLASSES[family] + _HEADS[task])(config).eval()
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def pool(folder: Path, mode: str = "mean", *, normalize: bool = True) -> Path:
    """Add the files by which sentence-transformers says how a model pools."""
    modules = [("Transformer", ""), ("Pooling", "1_Pooling")]
    if normalize:
        modules.append(("Normalize", "2_Normalize"))
    listing = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listing))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    keys = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    modes = {f"pooling_mode_{key}": name == mode for name, key in keys.items()}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    return folder


def _config(family: str, task: str, tokenizer: Tokenizer) -> transformers.PretrainedConfig:
    names = {"TextClassification": LABELS, "TokenClassification": TAGS}.get(task, ())
    shared = {
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": POSITIONS,
        "initializer_range": _SPREAD,
        "pad_token_id": tokenizer.token_to_id("<pad>" if family == "roberta" else "[PAD]"),
    }
    if names:
        shared |= {
            "id2label": dict(enumerate(names)),
            "label2id": {n: i for i, n in enumerate(names)},
        }
    if family == "distilbert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
        return transformers.DistilBertConfig(**shared, **sizes)
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    if family == "roberta":
        ends = {"bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
        return transformers.RobertaConfig(**shared, **sizes, **ends)
    return transformers.BertConfig(**shared, **sizes)


def _word_pieces() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def _byte_pairs() -> Tokenizer:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    return tokenizer


def _save_tokenizer(folder: Path, family: str, tokenizer: Tokenizer) -> None:
    if family == "roberta":
        special = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>"}
        special |= {"unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}
    else:
        special = {"cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]", "mask": "[MASK]"}
    inputs = ["input_ids", "attention_mask"]
    if family == "bert":
        inputs.insert(1, "token_type_ids")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": POSITIONS,
        "model_input_names": inputs,
        "clean_up_tokenization_spaces": False,
        **{f"{role}_token": token for role, token in special.items()},
    }
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
