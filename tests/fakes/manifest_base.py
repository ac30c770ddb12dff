"""A good manifest, and changes to it: paths with dots, and what stands there instead."""

import copy

ABSENT = object()
COMMIT = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
BASE = {
    "apiVersion": "tracedmodel.dev/v1alpha1",
    "kind": "TracedModel",
    "metadata": {"name": "minilm", "namespace": "default"},
    "spec": {
        "model": {
            "source": "hf://sentence-transformers/all-MiniLM-L6-v2",
            "task": "FeatureExtraction",
        },
        "target": "CPU",
        "export": {"buckets": [{"batchSize": 1, "sequenceLength": 128}]},
    },
}


def manifest(change=None):
    """Return the base with a change."""
    document = copy.deepcopy(BASE)
    for path, value in (change or {}).items():
        *above, last = path.split(".")
        place = document
        for part in above:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if value is ABSENT:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = copy.deepcopy(value)
    return document


# The paths that rows name again and again, and what other rows need beside them.
SOURCE, REVISION = "spec.model.source", "spec.model.revision"
BUCKETS, BUCKET = "spec.export.buckets", "spec.export.buckets.0"
BATCH, LENGTH = f"{BUCKET}.batchSize", f"{BUCKET}.sequenceLength"
TOLERANCE, COMPILER = "spec.export.tolerance", "spec.export.compiler"
ARGS, CORES = f"{COMPILER}.args", f"{COMPILER}.pipelineCores"
CPU, MEMORY = "spec.export.resources.cpu", "spec.serving.resources.memory"
URL, CLAIM = "spec.store.url", "spec.store.persistentVolumeClaimName"
SERVING, SCALING = "spec.serving", "spec.serving.autoscaling"
INF1 = {"spec.target": "Inf1"}
TRANSLATION = {"spec.model.task": "Translation"}
LARGEST = {"batchSize": 256, "sequenceLength": 4096, "targetLength": 512, "beams": 16}


def buckets_of(count):
    return [{"batchSize": 1 + number, "sequenceLength": 8} for number in range(count)]


def _spelled(path):
    """Return a path as messages spell it: a number in brackets."""
    parts = (f"[{part}]" if part.isdigit() else f".{part}" for part in path.split("."))
    return "".join(parts).removeprefix(".")


def rows_at(path, values, beside=None):
    """Return rows of one path: by name what is written there."""
    spelled = _spelled(path)
    return [
        (f"{spelled}: {name}", {**(beside or {}), path: value}, spelled)
        for name, value in values.items()
    ]


def bad_numbers(path, least, most, beside=None):
    """Return the bad rows that every whole number has."""
    values = {
        f"less than {least}": least - 1,
        f"more than {most}": most + 1,
        "a number in quotes": str(least),
        "a flag": True,
        "a fraction": least + 0.5,
        "more than 64 bits": 10**30,
    }
    return rows_at(path, values, beside)


def edges(path, least, most, beside=None):
    return rows_at(path, {str(least): least, str(most): most}, beside)


NUMBERS = (
    (BATCH, 1, 256, {}),
    (LENGTH, 8, 4096, {}),
    (f"{BUCKET}.targetLength", 1, 512, {**TRANSLATION, f"{BUCKET}.beams": 1}),
    (f"{BUCKET}.beams", 1, 16, {**TRANSLATION, f"{BUCKET}.targetLength": 1}),
    ("spec.export.parallelism", 1, 32, {REVISION: COMMIT}),
    (CORES, 1, 64, {**INF1, f"{SERVING}.neuronCores": 64}),
    (f"{COMPILER}.timeoutSeconds", 60, 86400, INF1),
    (f"{COMPILER}.minCompiledPercent", 0, 100, INF1),
    (f"{SERVING}.replicas", 0, 1000, {}),
    (f"{SCALING}.minReplicas", 0, 1000, {f"{SCALING}.maxReplicas": 1000}),
    (f"{SCALING}.maxReplicas", 1, 1000, {}),
    (f"{SCALING}.targetUtilizationPercent", 1, 85, {f"{SCALING}.maxReplicas": 2}),
    (f"{SERVING}.batching.maxDelayMilliseconds", 0, 1000, {}),
    (f"{SERVING}.batching.maxQueuedRequests", 1, 100000, {}),
    (f"{SERVING}.rollout.progressDeadlineSeconds", 60, 86400, {}),
)
NAMED_OBJECTS = (
    ("spec.model.credentialsSecretName", {}),
    ("spec.store.credentialsSecretName", {URL: "s3://models"}),
    (CLAIM, {}),
    ("spec.serviceAccountName", {}),
)
