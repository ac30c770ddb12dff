"""The settings that have an option on the command line."""

from __future__ import annotations

from typing import NamedTuple


class Option(NamedTuple):
    """An option, and the setting that it goes before."""

    flag: str
    setting: str
    metavar: str
    text: str


OPTIONS = (
    Option("--index", "index_file", "FILE", "the artifact's index"),
    Option("--artifact-digest", "artifact_digest", "DIGEST", "digest that the index must have"),
    Option("--store", "store_url", "URL", "where the artifact's blobs are"),
    Option("--model-name", "model_name", "NAME", "the model's name in paths"),
    Option("--host", "host", "ADDRESS", "address to listen on"),
    Option("--port", "port", "NUMBER", "port to listen on"),
    Option("--workers", "workers", "COUNT", "on CPUs: how many threads run graphs side by side"),
    Option("--neuron-cores", "neuron_cores", "COUNT", "on Inf1: NeuronCores; each is a worker"),
    Option(
        "--threads", "threads", "COUNT", "threads inside each worker; default: all CPUs shared out"
    ),
    Option(
        "--max-delay", "max_delay_milliseconds", "MS", "longest wait for others to share a batch"
    ),
    Option(
        "--max-queued",
        "max_queued_requests",
        "COUNT",
        "texts that may wait before requests get 429",
    ),
    Option("--drain", "drain_seconds", "SECONDS", "how long to go on accepting after SIGTERM"),
    Option("--cache", "cache_folder", "FOLDER", "where to keep blobs between starts"),
    Option("--log-format", "log_format", "FORMAT", "text or json"),
)
FLAGS = {option.setting: option.flag for option in OPTIONS}
