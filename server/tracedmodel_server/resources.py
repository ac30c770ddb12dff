"""What the machine lets this process have: open files, and the memory that it gives back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource

_M_ARENA_MAX = -8
_RESERVED_FILES = 256
"""For what is no connection: the libraries, the store, logs."""


def raise_file_limit() -> int:
    """Raise the limit of open files as far as the machine allows, and return how many connections that is.

    Shells and containers often begin with 1024 of what may be far more, and every connection is one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    if soft == resource.RLIM_INFINITY:
        return 2**20
    return max(soft - _RESERVED_FILES, soft // 2)


def prepare() -> None:
    """Let all threads allocate from one arena, unless somebody chose otherwise, and collect no garbage before it pays.

    Call it before the libraries are imported and threads begin; :func:`settle` is the other half.
    glibc gives every thread one of its own, and each keeps what was freed there: 65 MB of 495 with MiniLM at eight
    buckets, at the same speed and latency with one worker and with two. What a graph computes on is large and seldom
    asked for.
    """
    gc.disable()
    if "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def settle() -> None:
    """Let what is loaded stay, and give back what loading needed.

    The collector need not walk through it at every full pass. glibc keeps freed memory for later, in every thread's
    arena: after the proof that is the activations of the largest bucket, many times over.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    # Other C libraries have no such call.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
