"""docs/autoscaling.md names values that the chart has, and they become the settings that it names."""

import json
import re
from pathlib import Path

import pytest
import yaml

import from_zero
from chart_cases import FOLDER, render, variables
from chart_readme import rows
from tracedmodel_operator.settings import ScalingSettings

PAGE = (Path(__file__).parents[2] / "docs" / "autoscaling.md").read_text(encoding="utf-8")
VALUES = {row.path for row in rows((FOLDER / "values.yaml").read_text(encoding="utf-8"))}
SHOWN = [
    values
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for values in [yaml.safe_load(block)]
    if "autoscaling" in values
]


def test_every_value_that_it_names_is_there():
    named = set(re.findall(r"`((?:autoscaling|settings)\.\w+)`", PAGE))
    assert {"autoscaling.engine", "autoscaling.behavior"} <= named <= VALUES


def test_it_shows_values():
    assert SHOWN


@pytest.mark.parametrize("values", SHOWN, ids=lambda values: str(sorted(values["autoscaling"])))
def test_values_that_it_shows_become_settings_that_there_are(values):
    told = variables(render(values))
    scaling = json.loads(told["TRACEDMODEL_OPERATOR_SCALING"])
    assert told["TRACEDMODEL_OPERATOR_AUTOSCALING"] == "KEDA"
    assert len(scaling) == len(values["autoscaling"]["behavior"])
    assert scaling.keys() <= ScalingSettings.model_fields.keys()
    ScalingSettings.model_validate(scaling)


@pytest.mark.parametrize("recipe", from_zero.RECIPES)
def test_the_examples_values_become_the_settings_that_other_tests_take_them_for(recipe):
    told = variables(render(from_zero.values(recipe)))
    wanted = from_zero.settings(recipe)
    assert told["TRACEDMODEL_OPERATOR_AUTOSCALING"] == wanted.autoscaling == "KEDA"
    scaling = json.loads(told["TRACEDMODEL_OPERATOR_SCALING"])
    assert ScalingSettings.model_validate(scaling) == wanted.scaling


def test_the_value_for_work_on_cpus_becomes_the_setting_beside_it():
    assert "set `workOnCpus: true`" in PAGE
    (text,) = re.findall(r"\(`(\{\"work_on_cpus.*?\})`\)", PAGE)
    told = variables(render({"autoscaling": {"behavior": {"workOnCpus": True}}}))
    assert json.loads(told["TRACEDMODEL_OPERATOR_SCALING"]) == json.loads(text)
