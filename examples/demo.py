"""What ``make demo`` runs: a manifest to a served model, a few sentences through it, and a clean stop."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tracedmodel_api.report import Failure
from tracedmodel_operator.endpoint import served
from tracedmodel_operator.run import read
from tracedmodel_operator.tables import how_to_call

SENTENCES = (
    "How do I reset my password?",
    "I cannot log in any more.",
    "Will it rain in Lisbon tomorrow?",
    "What is the weather in Portugal?",
    "The invoice shows the wrong amount.",
)


def embed(url: str, name: str, sentences: tuple[str, ...]) -> list[list[float]]:
    """Return the embedding of each sentence, asked over HTTP as any client would."""
    body = json.dumps({"instances": sentences}).encode()
    request = urllib.request.Request(f"{url}/v1/models/{name}:predict", body)
    # The server is on this machine: no proxy of the environment stands between.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        return json.load(answer)["predictions"]


def similarities(embeddings: list[list[float]]) -> Table:
    """Return the cosine of each pair; the model's embeddings have length 1."""
    table = Table(title="Cosine similarity", title_justify="left")
    table.add_column("", no_wrap=True)
    for number in range(len(embeddings)):
        table.add_column(str(number + 1), justify="right")
    for number, (sentence, one) in enumerate(zip(SENTENCES, embeddings, strict=True)):
        cosines = (sum(a * b for a, b in zip(one, two, strict=True)) for two in embeddings)
        table.add_row(
            f"{number + 1} {sentence}", *(f"{round(cosine, 2) + 0:.2f}" for cosine in cosines)
        )
    return table


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", type=Path, help="a folder with the model")
    parser.add_argument(
        "--store", help="where to keep artifacts (default: .tracedmodel/store here)"
    )
    arguments = parser.parse_args()
    store = arguments.store or f"file://{Path.cwd() / '.tracedmodel' / 'store'}"
    console = Console(highlight=False)
    try:
        resource = read(arguments.manifest, arguments.model, store)
        with served(resource, "127.0.0.1", 0, console) as endpoint:
            console.print(similarities(embed(endpoint.url, resource.metadata.name, SENTENCES)))
            console.print("While it runs, anyone can call it:")
            console.print(
                how_to_call(resource, endpoint.url, endpoint.card()), soft_wrap=True, markup=False
            )
    except Failure as failure:
        console.print(f"{failure.reason.name}: {failure}", markup=False)
        return failure.reason.exit_code
    console.print(
        "Stopped. The same, to stay up: tracedmodel run", str(arguments.manifest), "--model PATH"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
