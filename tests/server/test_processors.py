import os

import pytest

from tracedmodel_server.processors import available


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    """The scheduler grants eight CPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "count"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("3200000 100000", 8), ("?", 8)],
)
def test_a_quota_of_control_groups_version_2_counts(tmp_path, quota, count):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert available(tmp_path) == count


@pytest.mark.parametrize(("quota", "count"), [("-1", 8), ("300000", 3)])
def test_a_quota_of_control_groups_version_1_counts(tmp_path, quota, count):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available(tmp_path) == count


def test_without_control_groups_the_scheduler_decides(tmp_path):
    assert available(tmp_path) == 8
