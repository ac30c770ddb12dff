"""docs/capacity.md shows what the model comes to; its commands are run in tests/docs."""

import re
from pathlib import Path

from tracedmodel_server.capacity.calibrate import ROWS, fit
from tracedmodel_server.capacity.judge import leave_one_out

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")


def test_the_table_of_rows_is_what_the_judge_finds():
    (table,) = re.findall(r"^```text\n(row .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    shown = [re.split(r" {2,}", line.strip()) for line in table.splitlines()[1:]]
    expected = [
        [
            one.row.name,
            str(one.row.batch),
            f"{one.row.models}x{one.row.workers}",
            f"{one.row.texts_per_second:.1f}",
            f"{one.texts_per_second:.1f}",
            f"{one.throughput_error:+.1%}",
            f"{one.row.p50 * 1e3:.1f}",
            f"{one.p50 * 1e3:.1f}",
            f"{one.p50_error:+.1%}",
        ]
        for one in leave_one_out()
    ]
    assert shown == expected


def test_the_fitted_numbers_are_those_of_the_page():
    model = fit(ROWS)
    assert f"(fitted, {model.overhead * 1e3:.2f} ms)" in PAGE
    assert f"(fitted, {model.rate / 1e12:.1f} TFLOP/s" in PAGE
