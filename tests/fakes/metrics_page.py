"""The page of metrics as tests read it: its parts, the rows of their tables, and what their questions ask for."""

import re
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `([a-z_]+)` \| ([a-z]+) \|([^|]*)\| [^|]+ \| [^|]+ \|$", re.MULTILINE)
_METRIC = re.compile(r"(?:tracedmodel|process)_[a-z_]+")


def part(title):
    """Return the part of the page below a heading of the first level."""
    text = _PAGE.read_text(encoding="utf-8")
    return text.partition(f"\n# {title}\n")[2].partition("\n# ")[0]


def rows(text):
    """Return type and labels of every metric in the tables, by name."""
    return {
        name: (kind, set(re.findall(r"`([a-z_]+)`", labels)))
        for name, kind, labels in _ROW.findall(text)
    }


def asked(text, title):
    """Return the metrics that the section of questions asks for, without what histograms add to their names."""
    names = set(_METRIC.findall(text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]))
    known = rows(text)
    return {name if name in known else re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def families(registry):
    """Return type and labels of every metric in a registry, by name, as :func:`rows` does."""
    total = {"counter": "_total"}
    return {
        family.name + total.get(family.type, ""): (family.type, _labels(family))
        for family in registry.collect()
    }


def _labels(family):
    own = {"histogram": {"le"}}.get(family.type, set())
    return {name for sample in family.samples for name in sample.labels} - own
