from __future__ import annotations

import torch

from tracedmodel_runtime.threads import use_threads


def test_the_calling_threads_operators_run_on_as_many_threads_as_asked_for():
    before = torch.get_num_threads()
    try:
        use_threads(before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        use_threads(before)
