import json
import logging

import pytest

from tracedmodel_server.logs import set_up


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before[0], before[1]


def test_an_event_is_one_line_of_json_with_its_fields(capsys):
    set_up("json", access=False)
    logging.getLogger("x").info("ready", extra={"workers": 2})
    line = json.loads(capsys.readouterr().err)
    assert line.pop("time")
    assert line == {"level": "INFO", "message": "ready", "workers": 2}


def test_a_trace_stays_in_its_line(capsys):
    set_up("json", access=False)
    try:
        int("no")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["trace"].startswith("Traceback")


def test_an_event_is_one_line_of_text_with_its_fields(capsys):
    set_up("text", access=False)
    logging.getLogger("x").info("ready", extra={"workers": 2})
    assert capsys.readouterr().err.endswith("INFO ready workers=2\n")


@pytest.mark.parametrize(("access", "level"), [(False, logging.WARNING), (True, logging.INFO)])
def test_requests_are_logged_only_where_that_is_asked_for(access, level):
    set_up("text", access=access)
    assert logging.getLogger("uvicorn.access").level == level
