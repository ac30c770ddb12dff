import ast
import inspect
import re

from tracedmodel_api import conditions

TREE = ast.parse(inspect.getsource(conditions)).body
NAMES = {node.targets[0].id: node.value.value for node in TREE if isinstance(node, ast.Assign)}


def test_every_name_is_one_word_that_an_api_server_takes():
    assert all(re.fullmatch(r"[A-Z][A-Za-z]{2,63}", value) for value in NAMES.values())


def test_every_name_is_spelled_as_its_constant_and_stands_once():
    assert {name: value.lower() for name, value in NAMES.items()} == {
        name: name.replace("_", "").lower() for name in NAMES
    }


def test_every_name_says_what_it_means():
    for position, node in enumerate(TREE):
        if isinstance(node, ast.Assign):
            follower = TREE[position + 1]
            assert isinstance(follower, ast.Expr)
            assert follower.value.value.endswith(".")
