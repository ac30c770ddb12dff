"""What `tracedmodel run` and the demo import is what the extra `local` installs, whatever else an environment has."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOADED = "import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"


def asked(extra):
    """Yield the requirements of the project with an extra."""
    own = re.compile(rf"{PROJECT['name']}\[(.*)\]")
    for line in PROJECT["optional-dependencies"][extra]:
        if inner := own.fullmatch(line):
            for name in inner[1].split(","):
                yield from asked(name)
        else:
            yield Requirement(line)
    yield from map(Requirement, PROJECT["dependencies"])


def closure(requirements):
    """Return the names of all distributions that come with requirements, by what is installed here."""
    found, waiting = set(), list(requirements)
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if (one.marker and not one.marker.evaluate({"extra": ""})) or name in found:
            continue
        try:
            below = requires(name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += map(Requirement, below)
    return found


@pytest.mark.parametrize("module", ["tracedmodel_operator.run", "tracedmodel_operator.endpoint"])
def test_all_that_is_imported_comes_with_the_extra(module):
    run = [sys.executable, "-c", LOADED.format(module=module)]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    owners = packages_distributions()
    # A folder that several distributions share, or one for the start of every process, tells nothing.
    needed = {
        canonicalize_name(owners[name][0]) for name in loaded if len(owners.get(name, ())) == 1
    }
    allowed = closure(asked("local")) | {canonicalize_name(PROJECT["name"]), *starting()}
    assert {"rich", "orjson", "aiohttp"} <= needed
    assert needed <= allowed


def starting():
    """Return the distributions of what every process of this environment loads."""
    run = [sys.executable, "-c", LOADED.format(module="os")]
    loaded = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    owners = packages_distributions()
    return {canonicalize_name(one) for name in loaded for one in owners.get(name, ())}
