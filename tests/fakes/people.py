"""People at a terminal: ``kubectl tracedmodel`` called on a fake cluster over HTTP."""

from __future__ import annotations

from pathlib import Path

from apiserver.running import FakeServer
from operated import Operated
from tracedmodel_operator.cli.program import main
from tracedmodel_operator.kinds import POD

METRICS = """\
# TYPE tracedmodel_tokens counter
tracedmodel_tokens_total{bucket="1x32",kind="real"} 75.0
tracedmodel_tokens_total{bucket="1x32",kind="padding"} 25.0
tracedmodel_tokens_total{bucket="8x128",kind="real"} 0.0
tracedmodel_tokens_total{bucket="8x128",kind="padding"} 0.0
tracedmodel_tokens_created{bucket="1x32",kind="real"} 1.7e9
# TYPE tracedmodel_ready gauge
tracedmodel_ready 1.0
"""
"""What a server of two buckets tells, one of which never ran."""


class Person:
    """Someone with a kubeconfig, before a cluster with an operator."""

    def __init__(self, operated: Operated, server: FakeServer, folder: Path) -> None:
        self.operated = operated
        self.server = server
        self.kubeconfig = server.kubeconfig(folder / "kubeconfig")

    def calls(self, *words: str, namespace: str = "search") -> int:
        """Call the program and return its exit code."""
        place = ("--kubeconfig", str(self.kubeconfig), "-n", namespace)
        return main([*words, *place])

    def pod(self, part: str, number: int = 0) -> str:
        """Return the name of a pod that exports or serves."""
        pods = self.operated.cluster.objects(POD)
        label = "app.kubernetes.io/component"
        return [p["metadata"]["name"] for p in pods if p["metadata"]["labels"][label] == part][
            number
        ]

    def says(self, part: str, text: str, below: str = "log", number: int = 0) -> None:
        """Have a pod answer something by way of the API server."""
        port = ":8080" if below.startswith("proxy") else ""
        path = f"/api/v1/namespaces/search/pods/{self.pod(part, number)}{port}/{below}"
        self.server.front.texts[path] = text
