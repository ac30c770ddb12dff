"""docs/cli.md explains every command; what it shows of them is compared with tests/fakes/shown.py in tests/docs."""

from pathlib import Path

from tracedmodel_operator.cli import program

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def test_every_command_and_option_is_on_the_page():
    (commands,) = program.parser()._subparsers._group_actions
    for name, command in commands.choices.items():
        assert f"`{name} " in PAGE
        options = {o for a in command._actions for o in a.option_strings if o.startswith("--")}
        assert {o for o in options if f"`{o}" not in PAGE} == {"--help"}
