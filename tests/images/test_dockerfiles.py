"""What the images promise, as far as it stands in their Dockerfiles: no engine builds them here."""

import fnmatch
import py_compile
import re
import shlex
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml

from dockerfile import read
from resources import SETTINGS
from tracedmodel_api import __version__
from tracedmodel_operator.render import pods

ROOT = Path(__file__).parents[2]
COMMANDS = {"exporter": "export", "server": "serve", "operator": "operator"}
TORCH_FILES = [
    f"{part}/Dockerfile{end}" for part in ("exporter", "server") for end in ("", ".inf1")
]
OPERATOR = "operator/Dockerfile"
FILES = [*TORCH_FILES, OPERATOR]
COMPILERS = {"gcc", "g++", "clang", "make", "cmake", "build-essential", "python3-dev", "neuron-cc"}

each_file = pytest.mark.parametrize("name", FILES)
each_with_torch = pytest.mark.parametrize("name", TORCH_FILES)
each_inf1 = pytest.mark.parametrize("name", [name for name in FILES if name.endswith("inf1")])


def part_of(name):
    return name.partition("/")[0]


def target_of(name):
    return "inf1" if name.endswith("inf1") else "cpu"


def hashed_of(name):
    """Return the name of the file of what an image installs by hash."""
    return f"{part_of(name)}-inf1" if name.endswith("inf1") else part_of(name)


def stages(name):
    return read(ROOT / name)[1]


def lineage(name):
    """Return the last stage and those that it begins from: what they hold is in the image."""
    found = stages(name)
    by_name = {stage.name: stage for stage in found}
    line = [found[-1]]
    while line[-1].base in by_name:
        line.append(by_name[line[-1].base])
    return line


def installed(stage_list, program):
    """Return the words that follow ``program install``, without options."""
    words = [
        shlex.split(command)
        for stage in stage_list
        for command in stage.commands()
        if command.startswith(f"{program} install")
    ]
    return [word for command in words for word in command[2:] if not word.startswith("-")]


def pip_commands(name):
    commands = [command for stage in stages(name) for command in stage.commands()]
    return [shlex.split(one) for one in commands if re.match(r"\S*pip (install|wheel) ", one)]


def is_neuron_s(words):
    return "$NEURON_INDEX" in words


def test_every_dockerfile_is_looked_at():
    found = {str(path.relative_to(ROOT)) for path in ROOT.glob("*/Dockerfile*")}
    assert found == set(FILES)


@each_file
def test_runs_as_the_number_that_pods_run_as(name):
    *_, user = lineage(name)[0].all("USER")
    assert user == f"{pods.POD_SECURITY['runAsUser']}:{pods.POD_SECURITY['runAsGroup']}"
    assert user.partition(":")[0] not in ("0", "root")


@each_file
def test_is_root_no_more_once_the_user_is_set(name):
    words = [word for word, _ in lineage(name)[0].instructions]
    assert words.count("USER") == 1
    assert not {"COPY", "ADD"} & set(words[words.index("USER") :])


@each_file
def test_begins_from_a_base_with_a_version(name):
    arguments, found = read(ROOT / name)
    names = {stage.name for stage in found}
    assert {stage.base for stage in found} <= names | {"${BASE}"}
    image, _, tag = arguments["BASE"].partition(":")
    assert image in ("python", "ubuntu")
    assert re.match(r"\d+\.\d+", tag)


@each_file
def test_copies_nothing_but_what_the_build_context_has(name):
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = [line.removeprefix("!") for line in patterns if line.startswith("!")]
    sources = [
        source
        for stage in stages(name)
        for rest in stage.all("COPY")
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert any(fnmatch.fnmatch(source, pattern) for pattern in admitted)


@each_file
def test_takes_nothing_but_the_environment_from_the_stage_that_made_it(name):
    copied = [rest for stage in lineage(name) for rest in stage.all("COPY")]
    assert copied == ["--from=build /opt/tracedmodel /opt/tracedmodel"]


@each_file
def test_installs_by_hash_whatever_has_one_and_the_rest_by_the_constraints_of_its_target(name):
    *fetched, wheel, own = [words for words in pip_commands(name) if not is_neuron_s(words)]
    files = [words[words.index("-r") + 1] for words in fetched]
    assert all("--require-hashes" in words for words in fetched)
    torch = [] if name == OPERATOR else [f"constraints/torch-{target_of(name)}.txt"]
    assert files == [*torch, f"constraints/{hashed_of(name)}.txt", "constraints/build.txt"]
    assert {"--no-deps", "--no-build-isolation", "."} <= set(wheel)
    assert {"--no-deps", "--no-index", "dist/*.whl"} <= set(own)
    for words in filter(is_neuron_s, pip_commands(name)):
        assert words[words.index("-c") + 1] == "constraints/inf1.txt"


@each_file
def test_builds_the_project_outside_of_the_environment_that_it_keeps(name):
    programs = [words[0] for words in pip_commands(name)]
    assert programs[-3:] == ["/opt/build/bin/pip", "/opt/build/bin/pip", "pip"]
    assert set(programs[:-3]) == {"pip"}


@each_file
def test_copies_the_hashes_that_it_installs_by(name):
    copied = {
        Path(source).name: source
        for rest in stages(name)[-2].all("COPY")
        for source in rest.split()[:-1]
    }
    for words in pip_commands(name):
        if "-r" in words:
            file = Path(words[words.index("-r") + 1]).name
            assert copied[file] == f"constraints/hashed/{file}"


@each_with_torch
def test_takes_torch_from_the_index_of_cpu_builds_and_from_nowhere_else(name):
    first = pip_commands(name)[0]
    assert first[first.index("--index-url") + 1] == "$TORCH_INDEX"
    assert first[-1] == f"constraints/torch-{target_of(name)}.txt"
    assert "--no-deps" in first


def test_the_operator_has_no_torch_and_no_library_of_models():
    words = [word for command in pip_commands(OPERATOR) for word in command]
    assert "torch" not in " ".join(words)
    hashed = (ROOT / "constraints/hashed/operator.txt").read_text(encoding="utf-8")
    assert not re.search(r"^(torch|transformers|numpy|tokenizers)==", hashed, re.MULTILINE)


@each_file
def test_has_no_build_tools(name):
    assert not COMPILERS & set(installed(lineage(name), "apt-get"))


@pytest.mark.parametrize("name", [name for name in FILES if part_of(name) == "server"])
def test_a_server_has_no_compiler_at_all(name):
    found = set(installed(stages(name), "apt-get")) | set(installed(stages(name), "pip"))
    assert not {re.split(r"[\[=<>~!]", word)[0] for word in found} & COMPILERS


@each_inf1
def test_a_build_for_inf1_fails_without_the_real_torch_neuron(name):
    (neuron,) = filter(is_neuron_s, pip_commands(name))
    assert neuron[neuron.index("--extra-index-url") + 1] == "$NEURON_INDEX"
    assert "torch-neuron" in neuron
    assert any("import torch_neuron" in command for command in lineage(name)[0].commands())


def test_the_exporter_for_inf1_has_the_compiler_and_the_server_makes_sure_that_it_has_not():
    exporter, server = (
        lineage(f"{part}/Dockerfile.inf1")[0].commands() for part in ("exporter", "server")
    )
    assert "neuron-cc[tensorflow]" in installed(stages("exporter/Dockerfile.inf1"), "pip")
    assert "neuron-cc compile --help" in exporter
    assert "! command -v neuron-cc" in server


@each_file
def test_starts_the_command_that_pods_start(name):
    entrypoint = lineage(name)[0].entrypoint()
    assert entrypoint == ["tracedmodel", COMMANDS[part_of(name)]]
    points = distribution("tracedmodel").entry_points
    assert entrypoint[0] in {point.name for point in points.select(group="console_scripts")}
    assert entrypoint[1] in {point.name for point in points.select(group="tracedmodel.commands")}


@each_file
def test_tries_its_command_before_it_is_an_image(name):
    last = lineage(name)[0]
    assert last.commands()[-1] == " ".join([*last.entrypoint(), "--help"])
    assert "pip check" in last.commands()


@each_file
def test_a_copy_that_changes_the_times_of_files_costs_no_start_any_bytecode(
    name, tmp_path, monkeypatch
):
    (build,) = (stage for stage in stages(name) if stage.name == "build")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", build.environment()["SOURCE_DATE_EPOCH"])
    source = tmp_path / "module.py"
    source.touch()
    header = Path(py_compile.compile(str(source), doraise=True)).read_bytes()[:8]
    assert int.from_bytes(header[4:], "little") & 0b1, "judged by the time of its source"


@each_file
def test_writes_to_the_scratch_volume_alone(name):
    environment = lineage(name)[0].environment()
    assert {environment["HOME"], environment["TMPDIR"]} == {pods.SCRATCH}
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


@each_file
def test_says_what_it_is(name):
    labels = lineage(name)[0].labels()
    keys = ("title", "description", "licenses", "version", "revision")
    assert set(labels) == {f"org.opencontainers.image.{key}" for key in keys}
    assert labels["org.opencontainers.image.version"] == "$VERSION"
    assert all(labels.values())


@each_file
def test_leaves_health_to_kubernetes(name):
    assert not any(stage.all("HEALTHCHECK") for stage in stages(name))


def image_of(name):
    """Return the image that the operator starts, or the chart the operator itself, without its tag."""
    if name == OPERATOR:
        values = (ROOT / "charts/tracedmodel-operator/values.yaml").read_text(encoding="utf-8")
        return yaml.safe_load(values)["image"]["repository"]
    settings = SETTINGS.inf1 if name.endswith("inf1") else SETTINGS.cpu
    return getattr(settings, f"{part_of(name)}_image").rpartition(":")[0]


@each_file
def test_its_head_says_how_to_build_the_image_that_the_operator_starts(name):
    image = image_of(name)
    head = (ROOT / name).read_text(encoding="utf-8").partition("\nARG")[0]
    assert f"docker build -f {name} -t {image}:VERSION" in head


def would_run(*arguments):
    """Return the commands that make would run, a list of words each."""
    told = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return [shlex.split(line) for line in told.stdout.replace("\\\n", " ").splitlines()]


def option(words, name):
    return [words[at + 1] for at, word in enumerate(words) if word == name]


@pytest.mark.parametrize("tool", ["docker", "podman", "buildah"])
def test_make_builds_every_image_with_the_tool_of_choice(tool):
    commands = would_run("images", "images-inf1", f"CONTAINER_TOOL={tool}")
    built = {option(words, "-f")[0]: option(words, "-t")[0] for words in commands}
    assert built == {name: f"{image_of(name)}:{__version__}" for name in FILES}
    assert all((words[0], words[1], words[-1]) == (tool, "build", ".") for words in commands)
    for words in commands:
        assert f"VERSION={__version__}" in option(words, "--build-arg")
        assert any(re.fullmatch(r"REVISION=\w+", one) for one in option(words, "--build-arg"))


def test_make_takes_another_registry_version_and_base():
    more = ["REGISTRY=registry.example/ml", "VERSION=7", "BUILD_ARGS=--build-arg BASE=python@x"]
    (words,) = would_run("image-operator", *more)
    assert option(words, "-t") == ["registry.example/ml/operator:7"]
    assert option(words, "--build-arg")[0] == "VERSION=7"
    assert option(words, "--build-arg")[-1] == "BASE=python@x"
