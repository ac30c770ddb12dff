"""Reads a Dockerfile into its stages, as far as the project's own go."""

import json
import re
from dataclasses import dataclass, field


@dataclass
class Stage:
    """A stage: what it begins from, and its instructions in order, as pairs of a word and the rest."""

    base: str
    name: str | None
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word):
        """Return what follows each such instruction."""
        return [rest for found, rest in self.instructions if found == word]

    def environment(self):
        """Return the variables that the stage sets, without what shells would make of them."""
        return dict(re.findall(r"(\w+)=(\S+)", " ".join(self.all("ENV"))))

    def labels(self):
        """Return the labels."""
        return dict(re.findall(r'(\S+)="([^"]*)"', " ".join(self.all("LABEL"))))

    def commands(self):
        """Return what the stage runs, a shell command each."""
        return [part.strip() for rest in self.all("RUN") for part in rest.split("&&")]

    def entrypoint(self):
        """Return the program and its arguments."""
        (words,) = self.all("ENTRYPOINT")
        return json.loads(words)


def read(path):
    """Return the global build arguments and the stages."""
    lines = [
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    text = "\n".join(lines).replace("\\\n", " ")
    arguments, stages = {}, []
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        rest = " ".join(rest.split())
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name or None))
        elif stages:
            stages[-1].instructions.append((word, rest))
        else:
            arguments.update([rest.split("=", 1)])
    return arguments, stages
