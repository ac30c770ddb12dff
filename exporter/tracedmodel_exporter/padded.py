"""An encoder and a decoder in the fixed shapes of a bucket: what translation is traced as.

Both hold the whole model where graphs share weights, so that those have the same names and stand in the store once;
where a graph carries its own, each holds its half. The decoder has no cache: it reads an answer's tokens, padded, and gives the logits at one place. What stands after that place does not
matter, because a decoder looks back only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class EncoderHalf(nn.Module):
    """What of a model the encoder needs."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder: nn.Module = model.get_encoder()

    def get_encoder(self) -> nn.Module:
        """Return the encoder, as a whole model does."""
        return self.encoder


class DecoderHalf(nn.Module):
    """What of a model the decoder needs, down to the logits."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder: nn.Module = model.get_decoder()
        self.lm_head = model.lm_head
        self.final_logits_bias = model.final_logits_bias

    def get_decoder(self) -> nn.Module:
        """Return the decoder, as a whole model does."""
        return self.decoder


class PaddedEncoder(nn.Module):
    """Tokens and mask, int64 (batch, sequence), to hidden states, float32 (batch, sequence, embedding)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor]:
        """Return the hidden states."""
        encoder = self.model.get_encoder()
        return (encoder(input_ids=ids, attention_mask=mask, return_dict=False)[0].float(),)


class PaddedDecoder(nn.Module):
    """An answer's tokens so far to logits, float32 (beam, vocabulary), of the token after ``place``."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, hidden: torch.Tensor, place: torch.Tensor
    ) -> tuple[torch.Tensor]:
        """Return logits for int64 ids (beam, target), the texts' mask and hidden states by beam, and a scalar place."""
        decoder, head = self.model.get_decoder(), self.model.lm_head
        outputs = decoder(
            input_ids=ids,
            encoder_hidden_states=hidden.to(head.weight.dtype),
            encoder_attention_mask=mask,
            use_cache=False,
            return_dict=False,
        )[0]
        # A sum over all places but one that are nought: Neuron has no gather.
        there = torch.arange(ids.shape[1], dtype=torch.float32) == place
        chosen = (outputs * there.to(outputs.dtype).view(1, -1, 1)).sum(dim=1)
        logits = nn.functional.linear(chosen, head.weight) + self.model.final_logits_bias
        return (logits.float(),)


def with_bias_as_weight(model: Any) -> Any:
    """Make the logits' bias a parameter: as a buffer it would be stored with every graph."""
    bias = model.final_logits_bias
    del model.final_logits_bias
    model.final_logits_bias = nn.Parameter(bias, requires_grad=False)
    return model
