import argparse

import pytest

from tracedmodel_api.report import Failure, Report
from tracedmodel_server import command


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args(arguments)


def test_a_failure_is_raised_for_people_and_reported_for_the_operator(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEDMODEL_REPORT_FILE", str(tmp_path / "report"))
    with pytest.raises(Failure, match="TRACEDMODEL_MODEL_NAME"):
        command.run(parsed("--store", "file:///s", "--index", "/i"))
    report = Report.parse((tmp_path / "report").read_bytes())
    assert (report.reason, report.rows) == ("InvalidRequest", ())


def test_what_nobody_foresaw_is_an_internal_error(tmp_path, monkeypatch, capsys):
    def broken(_):
        raise RuntimeError("who knows")

    monkeypatch.setattr(command, "_serve", broken)
    monkeypatch.setenv("TRACEDMODEL_REPORT_FILE", str(tmp_path / "report"))
    with pytest.raises(Failure, match="RuntimeError: who knows"):
        command.run(parsed())
    assert Report.parse((tmp_path / "report").read_bytes()).reason == "InternalError"
    assert "Traceback" in capsys.readouterr().err


def test_every_option_names_its_variable_and_its_default(capsys):
    with pytest.raises(SystemExit):
        parsed("--help")
    shown = capsys.readouterr().out
    for name in ("INDEX_FILE", "STORE_URL", "MODEL_NAME", "PORT", "WORKERS", "THREADS"):
        assert f"$TRACEDMODEL_{name}" in "".join(shown.split())
    words = " ".join(shown.split())
    assert "port to listen on; default 8080 ($TRACEDMODEL_PORT)" in words
    assert "the artifact's index; needed ($TRACEDMODEL_INDEX_FILE)" in words
    assert "None" not in words
