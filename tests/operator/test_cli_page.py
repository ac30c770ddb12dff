"""docs/cli.md shows what the commands write."""

import re
from pathlib import Path

import pytest

from shown import SHOWN
from tracedmodel_operator.cli import program

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
BLOCKS = dict(
    re.findall(r"^```\n\$ kubectl tracedmodel ([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)


def test_every_example_is_checked():
    assert set(BLOCKS) == set(SHOWN)


@pytest.mark.parametrize("command", SHOWN)
def test_an_example_is_what_the_command_writes(command):
    assert BLOCKS[command] == SHOWN[command]()


def test_every_command_and_option_is_on_the_page():
    (commands,) = program.parser()._subparsers._group_actions
    for name, command in commands.choices.items():
        assert f"`{name} " in PAGE
        options = {o for a in command._actions for o in a.option_strings if o.startswith("--")}
        assert {o for o in options if f"`{o}" not in PAGE} == {"--help"}
