"""What a block must not say is refused, and told by a sentence; beside each stands what it may say."""

import pytest

from pages.blocks import ROOT, blocks, blocks_of, pages
from pages.languages import LANGUAGES, refusal
from shown import SHOWN
from tracedmodel_operator.names import MANAGED_BY, MANAGER

RESOURCE = """\
apiVersion: tracedmodel.dev/v1alpha1
kind: TracedModel
metadata: {name: minilm}
spec:
  model: {source: "hf://acme/minilm", task: FeatureExtraction}
  target: CPU
  export: {buckets: [{batchSize: 1, sequenceLength: 128}]}
"""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: b}]}\n"
MONITOR = f"""\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {{name: a}}
spec:
  selector: {{matchLabels: {{{MANAGED_BY}: {MANAGER}}}}}
  podMetricsEndpoints: [{{port: http}}]
"""
SCALED_OBJECT = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: a}
spec:
  scaleTargetRef: {name: minilm}
  triggers: [{type: prometheus, metadata: {serverAddress: "http://a", query: a, threshold: "1"}}]
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: a}
spec:
  ignoreDifferences: [{group: tracedmodel.dev, kind: TracedModel, jsonPointers: [/spec/serving/replicas]}]
  source: {chart: tracedmodel-operator, helm: {valuesObject: {replicas: 3}}}
"""
ALERTS = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: a}
spec: {groups: [{name: a, rules: [{alert: A, expr: sum(tracedmodel_workers)}]}]}
"""
ADAPTER = "rules:\n  - {seriesQuery: tracedmodel_workers, metricsQuery: 'sum(a{<<.LabelMatchers>>}) by (<<.GroupBy>>)'}\n"
TABLE = """\
$ kubectl get tm
NAME     READY   REASON      TASK                TARGET   BUCKETS   REPLICAS   AGE
minilm   True    Succeeded   FeatureExtraction   CPU      2         2          3d
"""
PLAN = "tracedmodel plan-capacity --traffic examples/traffic/search.yaml --encoder 12x768 --buckets"
CASES = {
    # By what is judged: the language, a block, what is wrong written for what in it, and what is said of that.
    "another resource of ours": ("yaml", RESOURCE, "CPU", "GPU", "spec.target"),
    "a field of ours": ("yaml", RESOURCE, "batchSize", "batchsize", "did you mean batchSize"),
    "a rule of the definition": ("yaml", RESOURCE, "CPU", "CPU\n  serving: {neuronCores: 4}", "neuronCores"),
    "a resource of Kubernetes": ("yaml", POD, "image", "picture", "picture"),
    "a kind": ("yaml", POD, "kind: Pod", "kind: Pot", "v1 Pot is in no schema"),
    "a key that stands twice": ("yaml", POD, "kind", "apiVersion: v1\nkind", "stands twice"),
    "YAML": ("yaml", POD, "{name: a}", "{name: a", "expected ','"),
    "a fragment of a spec": ("yaml", "spec: {serving: {replicas: 2}}", "replicas", "replica", "replicas"),
    "a fragment below spec": ("yaml", "serving: {replicas: 2}", "2", "two", "spec.serving.replicas"),
    "buckets": ("yaml", "- {batchSize: 1, sequenceLength: 8}", "8", "7", "sequenceLength"),
    "values of the chart": ("yaml", "settings: {workers: 3}", "workers", "worker", "the chart does not take it"),
    "a fragment of nothing": ("yaml", "serving: {replicas: 2}", "serving", "servings", "neither a resource nor"),
    "a monitor": ("yaml", MONITOR, MANAGER, "somebody", "chooses nothing"),
    "a scaled object": ("yaml", SCALED_OBJECT, '"1"', "1", "is not of type 'string'"),
    "a group of ours": ("yaml", APPLICATION, "group: tracedmodel.dev", "group: ml.dev", "is of tracedmodel.dev"),
    "a pointer": ("yaml", APPLICATION, "serving/replicas", "replicas", "has no spec.replicas"),
    "values in an Application": ("yaml", APPLICATION, "replicas: 3", "replica: 3", "the chart does not take it"),
    "an alert": ("yaml", ALERTS, "sum(", "sum((", "no PromQL"),
    "a rule of the adapter": ("yaml", ADAPTER, "sum(", "sum(sum(", "no PromQL"),
    "a metric in a rule": ("yaml", ADAPTER, "tracedmodel_workers", "tracedmodel_worker", "no such metric"),
    "PromQL": ("promql", "rate(tracedmodel_work_seconds_total[2m])", "[2m]", "[2m", "no PromQL"),
    "a metric": ("promql", "rate(tracedmodel_work_seconds_total[2m])", "_total", "_sum", "no such metric"),
    "JSON": ("json", '{"up_pods": 2}', "2", "2,", "no JSON"),
    "a setting": ("json", '{"up_pods": 2, "poll_seconds": 9}', "up_pods", "up_pod", "no such setting: up_pod"),
    "a setting's value": ("json", '{"up_pods": 2}', "2", '"two"', "up_pods"),
    "a request": ("json", '{"instances": ["a text"]}', '"a text"', "1", "the server answers 400"),
    "a program in Python": ("python", "assert 1 + 1 == 2", "2", "3", "AssertionError"),
    "a client in Python": ("python", "import httpx\nurl = 'http://localhost:8080/v1/models/minilm:predict'\nhttpx.post(url, json={'instances': ['a']}).raise_for_status()", "instances", "instance", "400"),
    "a variable": ("text", "TRACEDMODEL_OPERATOR_WORKERS=3", "WORKERS", "WORKER", "no such variable"),
    "an annotation": ("text", "tracedmodel.dev/requested-at", "-at", "", "no such version, label or annotation"),
    "an image": ("text", "ghcr.io/tracedmodel/server:1", "server", "sever", "no such image: sever"),
    "a definition": ("text", "tracedmodels.tracedmodel.dev", "models", "modls", "no such definition"),
    "a text": ("text", "a picture", "a", "$ a", "a text block has no commands"),
    "an sh block": ("sh", "make test", "make", "$ make", "has no prompts"),
    "a shell's line": ("sh", "make test", "test", "'test", "no shell takes it"),
    "a placeholder": ("sh", "kubectl get tm NAME", "NAME", "<name> -n a", "write NAME"),
    "a shell's variable": ("sh", "A=tm\nkubectl get $A", "A=tm", "B=tm", "$A is set nowhere"),
    "a command in a substitution": ("sh", 'echo "$(date)"', "date", "dat", "dat: say in"),
    "a command in a loop": ("sh", "for x in a b; do make test; done", "test", "tset", "make has no such target"),
    "a console block": ("console", "$ make test\nfine", "$ ", "", "begins with a command after `$ `"),
    "a program": ("sh", "git clone https://github.com/a/b", "git", "got", "got: say in"),
    "a file of the project": ("sh", "docker build -f server/Dockerfile .", "server/D", "server/d", "server/dockerfile is not there"),
    "a file for a program": ("sh", "curl -fsSLo a.yaml https://a/b\neksctl create cluster -f a.yaml", "Lo a", "Lo b", "a.yaml is no file"),
    "a target of make": ("sh", "make test", "test", "tests", "make has no such target"),
    "an extra of pip": ("sh", "pip install 'tracedmodel[operator]'", "operator", "operators", "no extra operators"),
    "a module": ("sh", "python -m pytest tests/docs", "pytest", "pytests", "no module pytests"),
    "our program's command": ("sh", "tracedmodel validate examples/minilm.yaml", "validate", "check", "no command check"),
    "our program's option": ("sh", "tracedmodel gc --store s3://a", "--store", "--stores", "--store"),
    "our program's file": ("sh", "tracedmodel validate minilm.yaml", "minilm", "maxilm", "is no file of the project"),
    "our program's answer": ("sh", "tracedmodel validate examples/minilm.yaml", "minilm", "gitops/flux-healthchecks", "no TracedModel in it"),
    "our program's output": ("console", "$ tracedmodel validate minilm.yaml\nminilm.yaml: TracedModel minilm is valid", "is valid", "is good", "it writes something else:\nminilm.yaml: TracedModel minilm is valid"),
    "an option of the plugin": ("sh", "kubectl tracedmodel wait minilm --timeout 1h", "--timeout", "--timout", "--timout"),
    "a table of TracedModels": ("console", TABLE, "Succeeded  ", "Successful ", "REASON is never Successful"),
    "its columns": ("console", TABLE, "TARGET ", "TARGETS", "the columns are"),
    "its alignment": ("console", TABLE, "True ", "True", "kubectl aligns it so"),
    "a verb of kubectl": ("sh", "kubectl get tm", "get", "fetch", "does not know it"),
    "an option of kubectl": ("sh", "kubectl get tm --all-namespaces", "namespaces", "namespace", "unrecognized arguments"),
    "a kind for kubectl": ("sh", "kubectl get tm,hpa", "hpa", "hpas", "kubectl knows no hpas"),
    "a kind with a name": ("sh", "kubectl logs -f job/a", "job", "jab", "kubectl knows no jab"),
    "nothing for kubectl": ("sh", "kubectl delete tm NAME", " tm NAME", "", "it names nothing"),
    "a field for kubectl": ("sh", "kubectl get tm -o jsonpath='{.items[*].status.serving.url}'", "url", "uri", "has no status.serving.uri"),
    "a condition in a path": ("sh", "kubectl get tm a -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].reason}'", "Ready", "Done", "no condition Done"),
    "a condition": ("sh", "kubectl wait --for=condition=Ready tm/NAME --timeout=1h", "Ready", "Readi", "no condition Readi"),
    "a field to wait for": ("sh", "kubectl wait tm/a --for=jsonpath='{.status.readyReplicas}'=2", "readyR", "r.readyR", "has no status.r"),
    "a patch": ("sh", "kubectl patch tm a --type merge -p '{\"spec\": {\"suspend\": true}}'", "suspend", "suspended", "spec.suspended"),
    "a file for kubectl": ("sh", "kubectl apply -f examples/minilm.yaml", "minilm", "maxilm", "is not there"),
    "a folder for kubectl": ("sh", "kubectl apply --server-side -f crds/", "crds", "crd", "crd/ is no file of the project"),
    "a kustomization": ("sh", "kubectl apply --server-side -k config/default", "/default", "", "has no kustomization.yaml"),
    "standard input": ("sh", f"cat <<'END' | kubectl apply -f -\n{RESOURCE}END", "CPU", "GPU", "spec.target"),
    "a command in a pod": ("sh", "kubectl exec deploy/a -- date", "-- date", "-- dat", "dat: say in"),
    "a chart": ("sh", "helm install a charts/tracedmodel-operator", "operator", "operators", "is not there"),
    "a verb of helm": ("sh", "helm uninstall a", "uninstall", "remove", "does not know it"),
    "an option of helm": ("sh", "helm install a charts/tracedmodel-operator --wait", "--wait", "--weight", "unrecognized"),
    "a value of helm": ("sh", "helm install a charts/tracedmodel-operator --set replicas=3", "replicas", "replica", "the chart does not take it"),
    "a text for helm": ("sh", "helm install a charts/tracedmodel-operator --set 'namespaces={a}'", "{a}", "{a", "}"),
    "a request by curl": ("sh", "curl -s http://127.0.0.1:8080/v1/models/minilm:predict -d '{\"instances\": [\"a\"]}'", "instances", "instance", "the server answers 400"),
    "an answer to curl": ("console", '$ curl -s localhost:8080/v2/models/minilm/ready\n{"ready": true}', '"ready"', '"reddy"', "the answer has no reddy"),
}  # fmt: skip


def judged(ask, language, text, above=""):
    page = list(blocks_of("page.md", f"{above}\n\n```{language}\n{text.rstrip()}\n```\n"))
    return refusal(page, len(page) - 1, ask)


@pytest.mark.parametrize("name", CASES)
def test_what_is_right_is_taken_and_what_is_wrong_is_refused(name, ask):
    language, text, right, wrong, told = CASES[name]
    assert judged(ask, language, text) is None
    assert text.count(right) >= 1
    refused = judged(ask, language, text.replace(right, wrong, 1))
    assert refused is not None
    assert refused.startswith("page.md:3: ")
    assert told in refused


@pytest.mark.parametrize("text", ["```\na\n```", "```bash\nmake test\n```", "a:\n\n    make test"])
def test_a_block_without_a_language_that_is_known_is_refused(text):
    (block,) = blocks_of("page.md", text)
    assert "write ```LANGUAGE, one of " in refusal([block], 0)


def test_a_file_that_the_page_shows_is_the_one_that_a_command_below_reads(ask):
    shown = f"Save this as `mine.yaml`:\n\n```yaml\n{RESOURCE}```"
    assert judged(ask, "sh", "kubectl apply -f mine.yaml", shown) is None
    assert judged(ask, "sh", "tracedmodel validate mine.yaml", shown) is None
    refused = judged(ask, "sh", "kubectl apply -f mine.yaml", shown.replace("CPU", "GPU"))
    assert "spec.target" in refused
    assert "is no file" in judged(ask, "sh", "kubectl apply -f other.yaml", shown)


def test_variables_and_files_of_a_block_are_those_of_the_blocks_below_it(ask):
    above = f"```sh\nexport A=mine.yaml\ncat > $A <<'END'\n{RESOURCE}END\n```"
    assert judged(ask, "sh", "tracedmodel validate $A", above) is None
    assert "spec.target" in judged(
        ask, "sh", "tracedmodel validate $A", above.replace("CPU", "GPU")
    )


@pytest.mark.parametrize(
    "above",
    ["cp examples/minilm.yaml mine.yaml", "cp -r examples mine", "tee mine.yaml <<'END'\n{}END"],
)
def test_a_file_that_the_page_copies_or_writes_is_there_for_the_commands_below_it(ask, above):
    name = "mine/minilm.yaml" if "-r" in above else "mine.yaml"
    block = f"```sh\n{above.format(RESOURCE)}\n```"
    assert judged(ask, "sh", f"tracedmodel validate {name}", block) is None
    assert "is no file" in judged(ask, "sh", f"tracedmodel validate {name}")


def test_an_output_that_nothing_writes_is_refused(ask):
    refused = judged(ask, "console", "$ kubectl tracedmodel status minilm\nfine")
    assert "add it to tests/fakes/shown.py" in refused


def test_a_fault_is_told_with_its_line_on_the_page(ask):
    refused = judged(ask, "sh", "make test\nmake \\\n  tset")
    assert refused.startswith("page.md:3: line 5: `make tset`: ")


def test_there_is_a_block_that_is_refused_for_every_language():
    assert {language for language, *_ in CASES.values()} == set(LANGUAGES)


def test_every_output_that_is_kept_is_on_its_page():
    for page, command in SHOWN:
        texts = [block.text for block in blocks(ROOT / page) if block.language == "console"]
        assert any(f"$ {command}\n" in text for text in texts)


def test_every_page_is_read():
    names = {page.relative_to(ROOT).as_posix() for page in pages()}
    wanted = {
        "README.md",
        "CONTRIBUTING.md",
        "docs/cli.md",
        "charts/tracedmodel-operator/README.md",
    }
    assert names >= wanted
