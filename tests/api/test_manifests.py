import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from manifest_base import BASE, manifest
from tracedmodel_api import manifests
from tracedmodel_api.manifests import InvalidManifest, parse, read_documents

ANY_TEXT = st.text()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.dates()
KEYS = st.sampled_from(
    ["apiVersion", "kind", "metadata", "name", "annotations", "spec", "model", "source", "task", "target",
     "export", "buckets", "batchSize", "resources", "cpu", "serving", "neuronCores", "status", "conditions",
     "replicas", "store", "url", "compiler", "args"]
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | ANY_TEXT, inner, max_size=6),
    max_leaves=15,
)
YAML_TEXT = st.lists(
    st.sampled_from(
        ["- ", "? ", ": ", "a", "b: ", "{", "}", "[", "]", ",", "&x ", "*x", "<<: ", "!!int ", "!!set ", "!!omap ",
         "!!binary ", "!!timestamp ", "!!python/object:a.b ", "!x ", "|", ">", "\n", "\n  ", "\n---\n", "\n...\n", "%YAML 1.1\n",
         "'", '"', "\\ud800", "0b_", "0x", "1e5", "1:30", "2024-01-01", "=", "~", "#", "\t", "\x00", "\ufeff", "é"]
    )
).map("".join)  # fmt: skip


def assert_fine_or_explained(action):
    """Any other exception than InvalidManifest fails the test by itself."""
    problems = [manifests.Problem("", "", "nothing is wrong")]
    try:
        action()
    except InvalidManifest as error:
        problems = error.problems
    assert problems
    assert all(problem.write for problem in problems)


def problems_of(document):
    with pytest.raises(InvalidManifest) as caught:
        parse(document)
    return [str(problem) for problem in caught.value.problems]


def syntax_error(text):
    with pytest.raises(InvalidManifest) as caught:
        list(read_documents(text))
    return str(caught.value)


@given(ANYTHING)
def test_anything_is_parsed_or_refused(document):
    assert_fine_or_explained(lambda: parse(document))


@given(
    st.sampled_from(
        ["metadata", "metadata.name", "metadata.annotations", "spec", "spec.model", "spec.export.buckets", "spec.export.resources.cpu",
         "spec.serving", "spec.serving.neuronCores", "spec.export.tolerance", "spec.export.compiler.args", "spec.store", "status",
         "status.conditions", "status.replicas", "status.artifact"]
    ),
    ANYTHING,
)  # fmt: skip
def test_anything_at_a_known_place_is_parsed_or_refused(path, value):
    assert_fine_or_explained(lambda: parse(manifest({path: value})))


@given(ANY_TEXT | YAML_TEXT)
def test_any_text_is_read_or_refused(text):
    assert_fine_or_explained(lambda: list(read_documents(text)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"spec.export.tolerance.absolute": 0.02},
            ("spec.export.tolerance.absolute: given 0.02; "
            'write a decimal number in quotes, such as "0.02" or "1e-4"'),
        ),
        (
            {"spec.model.revision": 1234567},
            ("spec.model.revision: given 1234567; "
            "write a branch, a tag or a commit of the Hub repository, such as main, in quotes"),
        ),
        (
            {"spec.export.buckets.0.sequenceLength": 5000},
            "spec.export.buckets[0].sequenceLength: given 5000; write a whole number from 8 to 4096",
        ),
        ({"spec.target": "Inf2"}, 'spec.target: given "Inf2"; write one of CPU, Inf1'),
        ({"spec.suspend": "no"}, 'spec.suspend: given "no"; write true or false'),
        ({"spec.serving": [1]}, "spec.serving: given a list of 1; write a mapping with replicas, "),
        ({"spec.store": "s3://models"}, 'spec.store: given "s3://models"; write a mapping with url, '),
        ({"spec.export.buckets": {}}, "spec.export.buckets: given a mapping; write a list of 1 to 32 elements"),
        ({"spec.model.task": None}, "spec.model.task: missing; write one of FeatureExtraction, "),
        ({"spec.modle": {}}, "spec.modle: unknown field; did you mean model?"),
        (
            {"spec.model.zzz": 1},
            ("spec.model.zzz: unknown field; leave it out; "
            "known here are credentialsSecretName, revision, source, task"),
        ),
        (
            {"spec.target": "Inf1", "spec.export.precision": "BFloat16"},
            'spec.export.precision: given "BFloat16"; BFloat16 needs target CPU',
        ),
        ({"metadata.name": "A"}, 'metadata.name: given "A"; write a name of at most 36 lower-case letters'),
        ({"metadata.name": 5}, "metadata.name: given 5; write a string, in quotes"),
        ({"metadata": 5}, "metadata: given 5; write a mapping"),
        ({"metadata.annotations": ["a"]}, "metadata.annotations: given a list of 1; write a mapping"),
        ({"metadata.annotations": {"a/b.c": 1}}, "metadata.annotations.a/b.c: given 1; write a string, in quotes"),
        ({"metadata.generation": "x"}, 'metadata.generation: given "x"; write what kubectl accepts'),
        (
            {"spec.export.resources.cpu": 1.5},
            'spec.export.resources.cpu: given 1.5; write CPUs as "4", "1.5" or "500m", more than none',
        ),
        ({"status": {"replicas": "x"}}, 'status.replicas: given "x"; write a whole number'),
        ({"status": {"selector": "x" * 2000}}, 'status.selector: given "xxx'),
        ({"kind": "Deployment"}, 'kind: given "Deployment"; write TracedModel'),
        ({"apiVersion": None}, "apiVersion: given null; write tracedmodel.dev/v1alpha1"),
    ],
)  # fmt: skip
def test_says_the_field_what_was_given_and_what_to_write(change, sentence):
    (problem,) = problems_of(manifest(change))
    assert problem.startswith(sentence)


def test_a_missing_kind_is_missing():
    assert problems_of({"apiVersion": "tracedmodel.dev/v1alpha1"}) == [
        "kind: missing; write TracedModel"
    ]


def test_tells_every_problem_and_each_once():
    change = {"spec.target": "GPU", "spec.export.buckets": [], "spec.export.resources": {"cpu": []}}
    assert [sentence.partition(":")[0] for sentence in problems_of(manifest(change))] == [
        "spec.target",
        "spec.export.buckets",
        "spec.export.resources.cpu",
    ]


def test_cuts_what_was_given_where_it_is_long():
    (problem,) = problems_of(manifest({"spec.model.source": "x" * 500}))
    assert len(problem) < 350


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_mapping_is_refused(document):
    (problem,) = problems_of(document)
    assert problem.startswith("manifest: given ")


def test_a_mapping_that_contains_itself_is_refused():
    text = yaml.safe_dump(manifest()).replace("spec:", "spec: &a\n  serving: *a")
    (document,) = read_documents(text)
    assert problems_of(document)[0].startswith("spec.serving")


def test_reads_every_document_and_leaves_empty_ones_out():
    assert list(read_documents("---\na: 1\n---\n---\n# nothing\n---\n[2]\n")) == [{"a": 1}, [2]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1e-4", 1e-4),
        ("-1E5", -1e5),
        ("0.5", 0.5),
        ("yes", True),
        ("'1e-4'", "1e-4"),
        ("c9745ed", "c9745ed"),
    ],
)
def test_reads_a_value_as_kubectl_does(text, value):
    (document,) = read_documents(f"a: {text}")
    assert document == {"a": value}


def test_merges_a_mapping_into_another():
    (document,) = read_documents("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}")
    assert document["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: [\n", "line 3, column 1: "),
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' stands twice: leave one out"),
        ("a:\n  b: {c: 1, c: 2}\n", "line 2, column 13: the key 'c' stands twice: leave one out"),
        ("1: a\n", "line 1, column 1: the key 1 is not a string: put it in quotes"),
        ("{? [a] : 1}\n", "line 1, column 4: the key ['a'] is not a string: put it in quotes"),
        (
            "a: !!python/object:os.system {}\n",
            "line 1, column 4: could not determine a constructor",
        ),
        ("a: 0b_\n", "line 1, column 4: cannot be read: "),
        ("a: " + "9" * 5000, "line 1, column 4: cannot be read: "),
        ("a: !!timestamp x\n", "line 1, column 4: cannot be read: "),
        ("a: \x00\n", "YAML: "),
        ("[" * 5000, "YAML: "),
    ],
)
def test_says_where_the_text_is_not_yaml(text, sentence):
    message = syntax_error(text)
    assert message.startswith(sentence)
    assert "\n" not in message


def test_a_problem_without_a_place_says_that_it_is_yaml(monkeypatch):
    def fail(*_):
        raise yaml.MarkedYAMLError

    monkeypatch.setattr(manifests.yaml, "load_all", fail)
    assert syntax_error("a: 1") == "YAML: not YAML"


def test_the_base_is_good():
    assert parse(BASE).metadata.name == "minilm"


@pytest.mark.parametrize("text", ["!!set 0", "!!map 0", "!!omap 0", "!!pairs [0]", "a: !!set 0"])
def test_a_tag_on_what_it_does_not_fit_is_told_as_bad_yaml(text):
    with pytest.raises(InvalidManifest):
        list(read_documents(text))
