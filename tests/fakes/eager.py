"""The eager transformers model on one text alone: what every served answer is compared with."""

import functools

import torch
import transformers

AUTO = {
    "FeatureExtraction": "AutoModel",
    "TextClassification": "AutoModelForSequenceClassification",
    "TokenClassification": "AutoModelForTokenClassification",
    "QuestionAnswering": "AutoModelForQuestionAnswering",
    "FillMask": "AutoModelForMaskedLM",
}


class Eager:
    """A model and its tokenizer."""

    def __init__(self, folder, task):
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = getattr(transformers, AUTO[task]).from_pretrained(folder).eval()

    def encode(self, *texts, **options):
        return self.tokenizer(*texts, return_tensors="pt", **options)

    def raw(self, *texts):
        """Return the model's outputs for one text or pair, without the axis of the batch."""
        with torch.inference_mode():
            outputs = self.model(**self.encode(*texts), return_dict=False)
        return [output[0].numpy() for output in outputs if isinstance(output, torch.Tensor)]

    def embedding(self, text):
        """Return the mean of the token embeddings, scaled to length 1."""
        with torch.inference_mode():
            tokens = self.model(**self.encode(text), return_dict=False)[0][0]
        return torch.nn.functional.normalize(tokens.mean(0), dim=0).numpy()


@functools.cache
def eager(folder, task):
    """Return the eager model of a folder."""
    return Eager(folder, task)
