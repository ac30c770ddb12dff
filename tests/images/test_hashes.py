"""What images install by its hash: whatever their parts need, in the versions of their targets."""

import re
import shlex
import subprocess
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import product
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
HASHED = ROOT / "constraints" / "hashed"
TARGETS = {
    "operator": "operator",
    "exporter": "cpu",
    "server": "cpu",
    "exporter-inf1": "inf1",
    "server-inf1": "inf1",
}
"""Each image, and the constraints of its target."""
BY_HAND = {"torch-cpu": "cpu", "torch-inf1": "inf1"}
EVERY = {**TARGETS, **BY_HAND, "build": "build"}
MACHINES = {"operator": ("x86_64", "aarch64"), "cpu": ("x86_64", "aarch64"), "inf1": ("x86_64",)}

CUDA = {
    line for line in (ROOT / "constraints" / "cuda.txt").read_text().splitlines() if line[0] != "#"
}
"""What the torch of an image does not ask for, though that of PyPI does, which may be the one that is installed here."""

each_image = pytest.mark.parametrize("image", TARGETS)
each_file = pytest.mark.parametrize("name", EVERY)


def lines_of(path):
    """Return the lines of a file of requirements, joined where they go on, without comments."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]


def hashed(name):
    """Return the requirements of a file with their hashes, by name."""
    options, *requirements = lines_of(HASHED / f"{name}.txt")
    assert options == "--only-binary :all:"
    parts = [re.split(r" +--hash=", line.strip()) for line in requirements]
    found = {canonicalize_name(Requirement(p[0]).name): (Requirement(p[0]), p[1:]) for p in parts}
    assert len(found) == len(parts)
    return found


def versions(name):
    return {key: only_version(pin) for key, (pin, _) in hashed(name).items()}


def only_version(requirement):
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return Version(specifier.version)


def whole(image):
    """Return the versions of all that an image installs by hash, torch with the rest."""
    torch = {} if image == "operator" else versions(f"torch-{TARGETS[image]}")
    return versions(image) | torch


def pinned(target):
    pins = map(Requirement, lines_of(ROOT / "constraints" / f"{target}.txt"))
    return {canonicalize_name(pin.name): only_version(pin) for pin in pins}


def test_every_file_is_of_an_image_of_torch_or_of_the_build():
    assert {path.stem for path in HASHED.glob("*.txt")} == set(EVERY)


@each_file
def test_every_requirement_has_its_hashes_and_no_address(name):
    for requirement, hashes in hashed(name).values():
        assert requirement.url is None
        assert hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes)
        assert len(hashes) == len(set(hashes))


@each_file
def test_every_version_is_that_of_the_constraints(name):
    pins = pinned(EVERY[name])
    assert versions(name).items() <= pins.items()


def test_the_build_has_all_that_is_pinned_for_it():
    assert versions("build") == pinned("build")


def asked(lines, environment):
    """Return the requirements that count in an environment, by name, and the extras that they ask for."""
    wanted = map(Requirement, lines)
    chosen = [one for one in wanted if one.marker is None or one.marker.evaluate(environment)]
    return {canonicalize_name(one.name): one.extras for one in chosen}


def environments(image):
    """Return what markers are judged by on the machines that an image is built for."""
    python = "3.10" if TARGETS[image] == "inf1" else "3.11"
    of_python = {"python_version": python, "python_full_version": f"{python}.0"}
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    for machine in MACHINES[TARGETS[image]]:
        yield default_environment() | of_python | linux | {"platform_machine": machine, "extra": ""}


def installed(pins):
    """Return those that are installed here in the very version: the only ones whose metadata can be read."""
    return {name for name, pin in pins.items() if public(name) == pin}


def public(name):
    try:
        return Version(Version(version(name)).public)
    except PackageNotFoundError:
        return None


@each_image
def test_all_that_a_part_asks_for_has_a_hash(image):
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads pyproject.toml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + project["optional-dependencies"][image.partition("-")[0]]
    for environment in environments(image):
        assert asked(lines, environment).keys() <= whole(image).keys()


@each_image
def test_all_that_is_needed_by_what_has_a_hash_has_one_itself(image):
    pins = whole(image)
    here = installed(pins)
    assert here
    for name, environment in product(here, environments(image)):
        needed = asked(requires(name) or (), environment)
        without = CUDA if name == "torch" else set()
        assert needed.keys() - without <= pins.keys(), name
        # A requirement with extras would need more than is looked at here.
        assert not any(needed[one] for one in needed.keys() - without)


def test_make_writes_every_file_that_is_not_kept_by_hand_by_its_constraints():
    told = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "hashes"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    texts = told.stdout.replace("\\\n", " ").splitlines()
    commands = [
        shlex.split(f"pip{tail}") for _, _, tail in (t.partition(" pip") for t in texts) if tail
    ]
    written = {
        Path(words[words.index("-o") + 1]): words[words.index("-c") + 1] for words in commands
    }
    assert written == {
        (HASHED / f"{name}.txt").relative_to(ROOT): f"constraints/{target}.txt"
        for name, target in EVERY.items()
        if name not in BY_HAND
    }
    assert all("--generate-hashes" in words for words in commands)
