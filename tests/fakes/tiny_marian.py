"""Tiny seeded Marian models, with a search that has something to decide."""

import torch
import transformers

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
    usual |= {"decoder_start_token_id": vocabulary - 1, "forced_eos_token_id": EOS}
    model.generation_config = transformers.GenerationConfig(**usual | generation)
    return model


def texts(draw, count, longest, vocabulary=VOCABULARY):
    """Return ragged texts of tokens that end as real ones do."""
    lengths = draw.integers(2, longest + 1, count)
    return [[*draw.integers(2, vocabulary - 1, n - 1).tolist(), EOS] for n in lengths]
