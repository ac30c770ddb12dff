"""How many threads the calling thread's operators may use."""

from __future__ import annotations

import torch


def use_threads(count: int) -> None:
    """Let operators that this thread calls run on ``count`` threads.

    OpenMP keeps a pool for each calling thread: call it in the thread that will run the graphs, before the first.
    """
    torch.set_num_threads(count)
