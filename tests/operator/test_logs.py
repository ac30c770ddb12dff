import asyncio
import io
import json
import logging
import re
import warnings

import pytest

from tracedmodel_operator import watch
from tracedmodel_operator.logs import _QUIET, about, set_up


@pytest.fixture(autouse=True)
def restored():
    names = ["", *_QUIET]
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    handlers = logging.getLogger().handlers[:]
    yield
    logging.captureWarnings(capture=False)
    for logger, level in before:
        logger.setLevel(level)
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def log(stream):
    set_up("json", stream=stream)
    return logging.getLogger("tracedmodel_operator.reconcile")


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def line(stream):
    (found,) = lines(stream)
    return found


def test_an_event_is_one_line_of_json_with_the_names_that_operators_use(log, stream):
    log.info("applied %s", "minilm")
    found = line(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("ts"))
    assert found == {
        "level": "info",
        "logger": "tracedmodel_operator.reconcile",
        "msg": "applied minilm",
    }


def test_the_time_is_utc(log, stream):
    record = log.makeRecord("x", logging.INFO, "", 0, "now", (), None)
    record.created = 1767323045.6789
    log.handle(record)
    assert line(stream)["ts"] == "2026-01-02T03:04:05.678Z"


def test_every_line_of_a_reconcile_says_whom_it_is_about(log, stream):
    with about(namespace="search", name="minilm"):
        log.info("observed")
        with about(fingerprint="abc"):
            logging.getLogger("tracedmodel_operator.kube").warning("slow")
        log.info("done")
    log.info("idle")
    keys = ("namespace", "name", "fingerprint")
    assert [[found.get(key) for key in keys] for found in lines(stream)] == [
        ["search", "minilm", None],
        ["search", "minilm", "abc"],
        ["search", "minilm", None],
        [None, None, None],
    ]


def test_a_reconcile_that_failed_leaves_no_name_behind(log, stream):
    def reconcile():
        with about(name="minilm"):
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        reconcile()
    log.info("next")
    assert "name" not in line(stream)


def test_reconciles_that_run_side_by_side_do_not_mix(log, stream):
    async def reconcile(name, turn):
        with about(name=name):
            await turn.wait()
            log.info(name)

    async def both():
        turn = asyncio.Event()
        tasks = [asyncio.create_task(reconcile(name, turn)) for name in ("a", "b")]
        await asyncio.sleep(0)
        turn.set()
        await asyncio.gather(*tasks)

    asyncio.run(both())
    assert [(found["msg"], found["name"]) for found in lines(stream)] == [("a", "a"), ("b", "b")]


def test_what_else_is_said_becomes_fields(log, stream):
    log.info("applied", extra={"kind": "Job", "seconds": 0.5, "path": io})
    found = line(stream)
    assert (found["kind"], found["seconds"]) == ("Job", 0.5)
    assert found["path"].startswith("<module 'io'")


def test_no_field_replaces_what_a_line_is(log, stream):
    with about(msg="other", level="other"):
        log.warning("mine")
    assert (line(stream)["msg"], line(stream)["level"]) == ("mine", "warning")


def test_an_exception_is_one_field_of_its_line(log, stream):
    try:
        int("no")
    except ValueError:
        log.exception("failed")
    found = line(stream)
    assert found["stacktrace"].startswith("Traceback")
    assert found["stacktrace"].endswith("ValueError: invalid literal for int() with base 10: 'no'")


def test_an_exception_that_is_none_is_no_field(log, stream):
    log.log(logging.ERROR, "failed", exc_info=(None, None, None))
    assert "stacktrace" not in line(stream)


def test_lines_for_people_have_the_same_in_one_line_and_the_trace_below(stream):
    set_up("text", stream=stream)
    log = logging.getLogger("x")
    with about(namespace="search", name="minilm"):
        log.info("applied", extra={"kind": "Job"})
    try:
        int("no")
    except ValueError:
        log.exception("failed")
    first, second, third, *_ = stream.getvalue().splitlines()
    assert first.endswith("Z INFO    x: applied namespace=search name=minilm kind=Job")
    assert second.endswith("Z ERROR   x: failed")
    assert third == "Traceback (most recent call last):"


def test_lines_go_to_standard_error_unless_told_otherwise(capsys):
    set_up("json")
    logging.getLogger("x").info("here")
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["msg"] == "here"


def test_nothing_below_the_level_is_told(stream):
    set_up("json", "WARNING", stream)
    logging.getLogger("x").info("not told")
    logging.getLogger("x").warning("told")
    assert line(stream)["msg"] == "told"


@pytest.mark.parametrize(
    "name",
    ["kopf", "kopf.objects", "aiohttp.access", "kubernetes.aio.client.rest", "asyncio", "urllib3"],
)
def test_libraries_are_heard_from_warnings_on_also_where_we_debug(stream, name):
    set_up("json", "DEBUG", stream)
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")
    assert line(stream)["msg"] == "trouble"


@pytest.mark.usefixtures("log")
def test_what_kopf_says_of_an_object_names_it_the_same_way(stream):
    reference = {"namespace": "search", "name": "minilm", "uid": "u-1", "kind": "TracedModel"}
    extra = {"k8s_ref": reference, "k8s_skip": False, "settings": watch._settings()}
    logging.getLogger("kopf.objects").warning("trouble", extra=extra)
    found = line(stream)
    assert found.pop("ts")
    assert found == {
        "level": "warning",
        "logger": "kopf.objects",
        "msg": "trouble",
        "namespace": "search",
        "name": "minilm",
    }


def test_warnings_of_python_go_the_same_way(stream):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        set_up("json", stream=stream)
        warnings.warn("old", UserWarning, stacklevel=1)
    assert "old" in line(stream)["msg"]
