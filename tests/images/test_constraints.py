"""What images and tests are installed by: one file of versions for each target."""

import re
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FILES = ("cpu", "cpu-transformers5", "inf1")


def pins(name):
    lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"==[^*]+", str(pin.specifier)) for pin in found)
    return {canonicalize_name(pin.name): Version(str(pin.specifier)[2:]) for pin in found}


@pytest.mark.parametrize("extra", ["exporter", "server"])
@pytest.mark.parametrize("name", FILES)
def test_every_version_of_an_image_is_one_that_the_project_admits(name, extra):
    pinned = pins(name)
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, wanted):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier


def test_every_version_of_the_operator_s_image_is_one_that_the_project_admits():
    pinned = pins("operator")
    for requirement in map(
        Requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["operator"]
    ):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("name", [*FILES, "operator"])
def test_pins_everything_once(name):
    lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    names = [canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line]
    assert len(names) == len(set(names))


def test_inf1_keeps_to_the_torch_that_torch_neuron_is_built_for():
    pinned = pins("inf1")
    assert pinned["torch-neuron"].release[:3] == pinned["torch"].release


def test_inf1_names_torch_neuron_in_full_since_pypi_has_an_empty_one():
    pinned = pins("inf1")
    assert len(pinned["torch-neuron"].release) == 7
    assert len(pinned["neuron-cc"].release) == 4


def test_inf1_keeps_to_what_the_compiler_can_stand():
    pinned = pins("inf1")
    assert pinned["numpy"] < Version("1.24")
    assert pinned["protobuf"] < Version("4")


def test_inf1_keeps_to_a_transformers_that_does_not_ask_for_torch_2():
    assert pins("inf1")["transformers"] < Version("4.48")
