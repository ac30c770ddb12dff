"""What shells complete."""

import argparse

import pytest

from apiserver.faults import FORBIDDEN
from apiserver.running import running
from operated import Operated
from tracedmodel_operator.cli import program
from tracedmodel_operator.cli.options import complete_names


@pytest.fixture
def server(tmp_path, monkeypatch):
    operated = Operated()
    operated.apply()
    operated.apply(name="ner")
    with running(operated.cluster) as found:
        monkeypatch.setenv("KUBECONFIG", str(found.kubeconfig(tmp_path / "kubeconfig")))
        yield found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["st"], ["status"]),
        (["logs", "a", "--f"], ["--follow"]),
        (["status", "a", "-o", ""], ["json", "yaml"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_commands_options_and_choices_are_completed(words, found):
    assert {*program.complete(words)} == {*found}


def test_without_a_word_the_commands_are_offered():
    assert {"status", "buckets", "logs", "retry", "diff", "artifacts", "wait"} <= {
        *program.complete([])
    }


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("command", ["status", "buckets", "logs", "artifacts", "wait", "retry"])
def test_names_come_from_the_namespace_that_is_meant(command):
    assert program.complete([command, "-n", "search", "m"]) == ["minilm"]
    assert program.complete([command, "-n", "default", "m"]) == []


def test_a_cluster_that_says_no_offers_no_name(server):
    server.faults.next(FORBIDDEN)
    assert program.complete(["status", "-n", "search", "m"]) == []


def test_without_a_kubeconfig_no_name_is_offered(tmp_path):
    place = argparse.Namespace(kubeconfig=str(tmp_path / "none"), context=None, namespace=None)
    assert complete_names(place) == []


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["sta"], "status\n:4\n"),
        (["diff", "some"], ":0\n"),
        (["diff", "--kubec"], "--kubeconfig\n:4\n"),
    ],
)
def test_kubectl_reads_one_a_line_and_whether_files_are_meant(words, written, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["kubectl_complete-tracedmodel", *words])
    assert program.complete_for_kubectl() == 0
    assert capsys.readouterr().out == written


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_code_for_the_program(shell, capsys):
    assert program.main(["completion", shell]) == 0
    assert "kubectl-tracedmodel" in capsys.readouterr().out
