"""Tiny seeded Marian models, with a search that has something to decide, saved as a person would save them."""

import io
import json
import warnings

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from tiny_models import CORPUS
from tracedmodel_runtime.padding import Encoding

VOCABULARY = 64
EOS, UNKNOWN, PAD = 0, 1, VOCABULARY - 1
POSITIONS = 64


def build(seed=0, sharp=1.0, end=0.0, vocabulary=VOCABULARY, **generation):
    """Return a model; ``sharp`` scales its logits, ``end`` is added to the end token's."""
    config = transformers.MarianConfig(
        vocab_size=vocabulary,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=POSITIONS,
        init_std=0.3,
        pad_token_id=vocabulary - 1,
        eos_token_id=EOS,
        decoder_start_token_id=vocabulary - 1,
        forced_eos_token_id=EOS,
        scale_embedding=True,
    )
    torch.manual_seed(seed)
    model = transformers.MarianMTModel(config).eval()
    with torch.no_grad():
        # All embeddings but the pad's, which must not draw the answer: real models ban it.
        model.model.shared.weight.mul_(sharp)
        model.final_logits_bias[0, EOS] = end
    usual = {
        "bad_words_ids": [[vocabulary - 1]],
        "pad_token_id": vocabulary - 1,
        "eos_token_id": EOS,
    }
    usual |= {"num_beams": 2, "decoder_start_token_id": vocabulary - 1, "forced_eos_token_id": EOS}
    model.generation_config = transformers.GenerationConfig(**usual | generation)
    return model


def texts(draw, count, longest, vocabulary=VOCABULARY):
    """Return ragged texts of tokens that end as real ones do."""
    lengths = draw.integers(2, longest + 1, count)
    return [[*draw.integers(2, vocabulary - 1, n - 1).tolist(), EOS] for n in lengths]


TARGETS = (
    "Der schnelle braune Fuchs springt über den faulen Hund nahe dem Ufer.",
    "Ada Lovelace schrieb in London das erste Programm für die Maschine.",
    "Berlin ist die Hauptstadt von Deutschland, Paris die von Frankreich.",
    "Wer schrieb das Programm? Wo ist der Fluß? Wie heißt Norwegens Hauptstadt?",
    "Die Straße war naß, aber das Essen köstlich und die Bedienung freundlich.",
    "Ein furchtbarer Film: zu lang, zu laut, und niemand sagt ein wahres Wort.",
)
CODES = (">>de<<", ">>nl<<")


def pieces(corpus, size, **options):
    """Train a sentencepiece model and return its bytes."""
    import sentencepiece  # noqa: PLC0415  # not for those who need no such model

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus * 20),
        model_writer=model,
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=0.99,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def save_tokenizer(folder):
    """Write a Marian tokenizer's files; some pieces of each language have no id, as in real ones."""
    import sentencepiece  # noqa: PLC0415  # as above

    words = {}
    for name, corpus in (("source.spm", CORPUS), ("target.spm", TARGETS)):
        data = pieces(corpus, 180)
        (folder / name).write_bytes(data)
        model = sentencepiece.SentencePieceProcessor(model_proto=data)
        words |= dict.fromkeys(model.id_to_piece(list(range(3, len(model)))))
    kept = [word for number, word in enumerate(words) if number % 17]
    vocabulary = ["</s>", "<unk>", *kept, *CODES, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(vocabulary)}))
    settings = {"source_lang": "eng", "target_lang": "deu", "model_max_length": 512}
    settings |= {"tokenizer_class": "MarianTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return len(vocabulary)


def save_fast_tokenizer(folder):
    """Write a tokenizer.json with the ids of vocab.json in place of Marian's own files."""
    vocabulary = json.loads((folder / "vocab.json").read_text())
    fast = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Split("", "isolated")]
    )
    fast.decoder = decoders.Metaspace()
    fast.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", EOS)]
    )
    fast.add_special_tokens(["</s>", "<unk>", "<pad>"])
    for name in ("source.spm", "target.spm", "vocab.json"):
        (folder / name).unlink()
    fast.save(str(folder / "tokenizer.json"))
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(special))
    return fast


def save(folder, seed=0, sharp=0.8, end=3.0, **generation):
    """Write a model with its tokenizer into ``folder`` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    size = save_tokenizer(folder)
    build(seed, sharp, end, size, **generation).save_pretrained(folder, safe_serialization=True)
    return folder


def tokenizer(folder):
    """Return transformers' own tokenizer, which misses a library that it does not use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transformers.MarianTokenizer.from_pretrained(folder)


class Theirs:
    """The model in a folder as transformers runs it."""

    def __init__(self, folder):
        self.tokenizer = tokenizer(folder)
        self.model = transformers.MarianMTModel.from_pretrained(folder).eval()

    def answer(self, ids, length, beams):
        """Return the answer to one text's tokens, without the start token."""
        rows = torch.tensor([ids])
        with torch.inference_mode():
            found = self.model.generate(
                input_ids=rows,
                attention_mask=torch.ones_like(rows),
                num_beams=beams,
                max_length=length,
                do_sample=False,
            )
        return found[0, 1:].tolist()

    def translate(self, text, length, beams):
        """Return the translation of a text."""
        answer = self.answer(self.tokenizer(text)["input_ids"], length, beams)
        return self.tokenizer.decode(answer, skip_special_tokens=True)


def encoding(ids):
    """Return tokens as what a graph reads."""
    return Encoding(ids)
