"""The types and formats that the parts of TracedModel share."""

__version__ = "0.1.0"
