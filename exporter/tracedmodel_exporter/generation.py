"""How a model's answers are searched for: its generation config, as far as our own search does what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import GenerationMixin

from tracedmodel_api.generation import Attainable, Generation
from tracedmodel_api.report import Failure

_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "assistant_early_exit": (None,),
    "begin_suppress_tokens": (None, []),
    "constraints": (None,),
    "diversity_penalty": (None, 0),
    "dola_layers": (None,),
    "encoder_no_repeat_ngram_size": (None, 0),
    "encoder_repetition_penalty": (None, 1),
    "exponential_decay_length_penalty": (None,),
    "force_words_ids": (None,),
    "forced_decoder_ids": (None,),
    "guidance_scale": (None, 1),
    "max_time": (None,),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "no_repeat_ngram_size": (None, 0),
    "num_beam_groups": (None, 1),
    "penalty_alpha": (None, 0),
    "prompt_lookup_num_tokens": (None,),
    "remove_invalid_values": (None, False),
    "repetition_penalty": (None, 1),
    "sequence_bias": (None,),
    "stop_strings": (None,),
    "token_healing": (None, False),
    "watermarking_config": (None,),
}
"""Settings that would change answers, and their values that do not. Sampling is not among them: nothing is sampled."""


def read_generation(config: Any) -> Generation:
    """Return the rules of a ``GenerationConfig``.

    Raises Failure UnsupportedTask for what our search does not do, InvalidModelFiles for what is missing.
    """
    for name, neutral in _NOTHING.items():
        value = getattr(config, name, None)
        if value not in neutral:
            message = f"generation_config.json has {name} {value!r}, which is not supported"
            raise Failure("UnsupportedTask", f"{message}: remove it, if answers may do without")
    start = config.decoder_start_token_id
    start = config.bos_token_id if start is None else start
    ends = _tokens(config.eos_token_id)
    if not isinstance(start, int) or not ends:
        message = "generation_config.json needs a decoder_start_token_id and an eos_token_id"
        raise Failure("InvalidModelFiles", message)
    return Generation(
        start_token_id=start,
        eos_token_ids=ends,
        pad_token_id=ends[0] if config.pad_token_id is None else config.pad_token_id,
        banned_token_ids=_banned(config, ends),
        forced_first_token_id=config.forced_bos_token_id,
        forced_last_token_ids=_tokens(config.forced_eos_token_id),
        length_penalty=1.0 if config.length_penalty is None else config.length_penalty,
        early_stopping=config.early_stopping or False,
        renormalized=bool(config.renormalize_logits),
        attainable=_attainable(),
    )


def _banned(config: Any, ends: tuple[int, ...]) -> tuple[int, ...]:
    words = [tuple(word) for word in config.bad_words_ids or ()]
    long = [word for word in words if len(word) > 1]
    if long:
        message = f"generation_config.json bans {list(long[0])}, but single tokens alone can be"
        raise Failure("UnsupportedTask", message)
    # transformers never bans the end by bad words, though it does by suppressed tokens.
    bad = {token for (token,) in words if token not in ends}
    return tuple(sorted(bad | set(config.suppress_tokens or ())))


def _tokens(value: int | list[int] | None) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _attainable() -> Attainable:
    """Return what this transformers does: the search was written anew without the older one's look at all candidates."""
    anew = hasattr(GenerationMixin, "_check_early_stop_heuristic")
    return "running" if anew else "candidates"
