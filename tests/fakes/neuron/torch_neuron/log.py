"""The two voices: the logger "Neuron" of torch-neuron, and the runtime's lines on stderr."""

import logging
import os
import sys
import time

logger = logging.getLogger("Neuron")
_LEVELS = ("QUIET", "ERROR", "WARNING", "INFO", "DEBUG", "TRACE")


def nrt(level: str, text: str) -> None:
    """Write a line as the Neuron runtime does, if NEURON_RT_LOG_LEVEL lets it through."""
    shown = os.environ.get("NEURON_RT_LOG_LEVEL", "ERROR").upper()
    if shown in _LEVELS and _LEVELS.index(level) > _LEVELS.index(shown):
        return
    now = time.strftime("%Y-%b-%d %H:%M:%S", time.gmtime())
    pid = os.getpid()
    sys.stderr.write(f"{now}.0000 {pid}:{pid} {level:>5} {text}\n")
    sys.stderr.flush()


def start() -> None:
    """Show INFO on stderr, as torch-neuron does on import, unless the program has set up logging."""
    if not logger.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
