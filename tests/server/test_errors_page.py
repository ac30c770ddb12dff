import re
from pathlib import Path

from tracedmodel_server.errors import RequestError

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")


def kinds(error=RequestError):
    yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


def test_the_page_explains_every_status_that_a_server_answers():
    section = PAGE.partition("## What a server answers\n")[2].partition("\n## ")[0]
    told = {int(status) for status in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert {kind.status for kind in kinds()} | {405, 431} == told
