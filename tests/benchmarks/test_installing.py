"""What ``make bench-install`` takes for ready, and what it tells of installations."""

import pytest

from chart_cases import helm
from installing import figures, is_ready

__all__ = ["helm"]  # without it there is no benchmark either


def deployment(observed=2, ready=2, available="True"):
    return {
        "metadata": {"generation": 2},
        "spec": {"replicas": 2},
        "status": {
            "observedGeneration": observed,
            "readyReplicas": ready,
            "conditions": [
                {"type": "Progressing", "status": "True"},
                {"type": "Available", "status": available},
            ],
        },
    }


def test_a_deployment_with_all_its_replicas_is_ready():
    assert is_ready(deployment())


@pytest.mark.parametrize(
    "other", [deployment(observed=1), deployment(ready=1), deployment(available="False")]
)
def test_a_deployment_that_lacks_something_is_not(other):
    assert not is_ready(other)


def test_a_deployment_that_no_controller_has_seen_yet_is_not_ready():
    assert not is_ready({"metadata": {"generation": 1}, "spec": {"replicas": 2}})


def test_the_figures_are_medians_and_the_worst():
    assert figures([0.5, 0.7, 0.6], [5.0, 9.0, 6.0]) == {
        "helm_p50_s": 0.6,
        "ready_p50_s": 6.0,
        "ready_worst_s": 9.0,
        "installations": 3,
    }
