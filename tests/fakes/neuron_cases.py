"""Tiny seeded models with the inputs that they are traced at, and what a trace of them is asked."""

import logging

import torch
import transformers

_SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_DISTIL = {"vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
_PLAIN = {"return_dict": False, "torchscript": True, "attn_implementation": "eager"}
_CLASSES = {
    "bert": "Bert",
    "distilbert": "DistilBert",
    "roberta": "Roberta",
    "mpnet": "MPNet",
    "electra": "Electra",
    "albert": "Albert",
}
FAMILIES = tuple(_CLASSES)


def build(family):
    """Return an encoder and its example: two rows of 16 tokens, the second of nine."""
    sizes = _DISTIL if family == "distilbert" else _SIZES
    if family in ("electra", "albert"):
        sizes = sizes | {"embedding_size": 32}
    name = _CLASSES[family]
    config = getattr(transformers, f"{name}Config")(**sizes, **_PLAIN, initializer_range=0.15)
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}Model")(config).eval()
    ids = torch.randint(5, 90, (2, 16))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    return model, (ids, mask, torch.zeros_like(ids)) if family == "bert" else (ids, mask)


class Encoder(torch.nn.Module):
    """The encoder of a translation model."""

    def __init__(self, model):
        super().__init__()
        self.encoder = model.model.encoder

    def forward(self, ids, mask):
        """Return the states of the last layer."""
        return self.encoder(ids, attention_mask=mask, return_dict=False)


class PaddedDecoder(torch.nn.Module):
    """The decoder over a padded text, read at one position: AWS's recipe for Inf1."""

    def __init__(self, model):
        super().__init__()
        self.decoder = model.model.decoder
        self.weight = model.model.shared.weight.clone().detach()
        self.bias = model.final_logits_bias.clone().detach()

    def forward(self, ids, mask, states, index):
        """Return the scores of the token after ``index``."""
        (hidden,) = self.decoder(
            input_ids=ids,
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            return_dict=False,
            use_cache=False,
        )
        place = (torch.arange(ids.shape[1], dtype=torch.float32) == index).view(1, -1, 1)
        hidden = torch.sum(torch.multiply(hidden, place), 1, keepdim=True)
        return torch.nn.functional.linear(hidden, self.weight, bias=self.bias)


def marian():
    """Return the encoder and the padded decoder of a translation model, each with its example."""
    layers = {f"{side}_layers": 2 for side in ("encoder", "decoder")}
    heads = {f"{side}_attention_heads": 2 for side in ("encoder", "decoder")}
    widths = {f"{side}_ffn_dim": 64 for side in ("encoder", "decoder")}
    ends = {"pad_token_id": 99, "decoder_start_token_id": 99, "eos_token_id": 0}
    config = transformers.MarianConfig(
        **layers,
        **heads,
        **widths,
        **ends,
        vocab_size=100,
        d_model=32,
        init_std=0.15,
        max_position_embeddings=64,
        attn_implementation="eager",
    )
    torch.manual_seed(0)
    model = transformers.MarianMTModel(config).eval()
    ids = torch.randint(5, 90, (4, 16))
    mask = torch.ones_like(ids)
    mask[1, 10:] = 0
    states = torch.randn(4, 16, 32)
    decoded = (torch.randint(5, 90, (4, 12)), mask, states, torch.tensor(7))
    return (Encoder(model).eval(), (ids, mask)), (PaddedDecoder(model).eval(), decoded)


def kinds(module):
    """Return what of a graph is not glue: native operators and calls of the device."""
    return [n.kind() for n in module.graph.nodes() if n.kind().startswith(("aten::", "neuron::"))]


def worst(module, model, example):
    """Return the largest difference of the first output to that of the eager model; NaN counts."""
    with torch.no_grad():
        outputs = [
            made if isinstance(made, torch.Tensor) else made[0]
            for made in (module(*example), model(*example))
        ]
    return (outputs[0] - outputs[1]).abs().max().item()


def trace(*args, **kwargs):
    """Trace for the device without torch's own second run."""
    import torch_neuron  # noqa: PLC0415

    return torch_neuron.trace(*args, check_trace=False, **kwargs)


def raised(call, *args, **kwargs):
    """Return the type and the text of what a call raises."""
    try:
        call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    return "nothing"


class Lines(logging.Handler):
    """The log of "Neuron" as it would be printed."""

    def __init__(self):
        super().__init__()
        self.lines = []
        logging.getLogger("Neuron").addHandler(self)

    def emit(self, record):
        """Keep a line."""
        self.lines.append(f"{record.levelname}:{record.name}:{record.getMessage()}")

    def take(self):
        """Return the lines since the last time."""
        taken, self.lines = self.lines, []
        return taken
