import re
import runpy
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from tracedmodel_api import __version__, cli
from tracedmodel_api.report import REASONS, Failure


def end_of(*words):
    """Return the exit code with which the argument parser ends the program."""
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    return caught.value.code


@pytest.fixture
def command(monkeypatch):
    """Return a function that makes ``tracedmodel try`` do what it is given."""

    def install(run):
        module = SimpleNamespace(
            summary="try something", configure=lambda parser: parser.add_argument("--word"), run=run
        )
        monkeypatch.setitem(sys.modules, "tracedmodel_try", module)
        entries = [
            EntryPoint("try", "tracedmodel_try", cli.GROUP),
            EntryPoint("export", "tracedmodel_nowhere.command", cli.GROUP),
        ]
        monkeypatch.setattr(
            cli, "entry_points", lambda group: entries if group == cli.GROUP else []
        )

    return install


def test_help_lists_the_commands(capsys):
    assert end_of("--help") == 0
    output = capsys.readouterr().out
    assert "check TracedModel manifests" in output
    assert "list, show and verify" in output
    for name in ("validate", "artifacts", "export", "serve", "run"):
        assert re.search(rf"^    {name}\s", output, re.MULTILINE)


def test_says_its_version(capsys):
    assert end_of("--version") == 0
    assert capsys.readouterr().out == f"tracedmodel {__version__}\n"


def test_an_unknown_command_is_a_wrong_call(capsys):
    assert end_of("nonsense") == 2
    assert "invalid choice: 'nonsense'" in capsys.readouterr().err


def test_no_command_is_a_wrong_call(capsys):
    assert end_of() == 2
    assert "COMMAND" in capsys.readouterr().err


def test_runs_the_command_with_its_arguments(command):
    command(lambda arguments: len(arguments.word))
    assert cli.main(["try", "--word", "four"]) == 4


def test_reads_the_arguments_of_the_program_by_itself(command, monkeypatch):
    command(lambda _: 5)
    monkeypatch.setattr("sys.argv", ["tracedmodel", "try"])
    assert cli.main() == 5


def test_a_failure_is_told_with_its_remedy_and_exits_by_its_reason(command, capsys):
    def fail(_):
        raise Failure("StoreUnreachable", "s3://models does not answer")

    command(fail)
    reason = REASONS["StoreUnreachable"]
    assert cli.main(["try"]) == reason.exit_code
    assert (
        capsys.readouterr().err
        == f"StoreUnreachable: s3://models does not answer\n{reason.remedy}\n"
    )


def test_an_interrupt_is_no_traceback(command):
    def interrupt(_):
        raise KeyboardInterrupt

    command(interrupt)
    assert cli.main(["try"]) == 130


def test_a_part_that_is_not_installed_says_how_to_install_it(command, capsys):
    command(lambda _: 0)
    assert end_of("--help") == 0
    assert "pip install 'tracedmodel[nowhere]'" in capsys.readouterr().out.replace("\n", " ")
    assert end_of("export") == 2
    assert "`export` needs `pip install 'tracedmodel[nowhere]'`" in capsys.readouterr().err
    assert cli.main(["try"]) == 0


def test_only_the_command_that_is_called_is_imported(command, monkeypatch):
    command(lambda _: 0)
    loaded = []
    monkeypatch.setattr(cli, "_load", lambda entry: loaded.append(entry.name) or entry.load())
    assert cli.main(["try"]) == 0
    assert loaded == ["try"]


def test_runs_as_a_module_too(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["tracedmodel", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("tracedmodel_api", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"tracedmodel {__version__}\n"
