"""Changes of the base that make it a bad manifest, each by a sentence, with the field at fault."""

from manifest_base import (
    ABSENT,
    ARGS,
    BATCH,
    BUCKET,
    BUCKETS,
    CLAIM,
    COMMIT,
    COMPILER,
    CORES,
    CPU,
    INF1,
    LARGEST,
    LENGTH,
    MEMORY,
    NAMED_OBJECTS,
    NUMBERS,
    REVISION,
    SCALING,
    SERVING,
    SOURCE,
    TOLERANCE,
    TRANSLATION,
    URL,
    bad_numbers,
    buckets_of,
    rows_at,
)
from manifest_values import BAD_CPUS, BAD_DECIMALS, BAD_MEMORIES, BAD_OBJECTS, BAD_SOURCES, BAD_URLS

UNKNOWN = (
    "specs",
    "spec.replicas2",
    "spec.int",
    "spec.service_account_name",
    "spec.model.revison",
    "spec.export.bucket-list",
    f"{BUCKET}.batch_size",
    f"{TOLERANCE}.min_agreement",
    "spec.export.resources.ephemeral-storage",
    f"{SERVING}.rollout.maxSurge",
    f"{SERVING}.neuron_cores",
)


BAD = [
    *rows_at(
        "apiVersion", {"another version": "tracedmodel.dev/v1", "absent": ABSENT, "null": None}
    ),
    *rows_at("kind", {"lower case": "tracedmodel", "absent": ABSENT, "a number": 1}),
    *rows_at(
        "metadata.name",
        {
            "37 characters": "a" * 37,
            "capitals": "MiniLM",
            "a leading digit": "1a",
            "a trailing '-'": "a-",
            "a leading '-'": "-a",
            "a dot": "a.b",
            "a number": 5,
            "an underscore": "a_b",
            "a line break at the end": "a\n",
            "nothing": "",
            "absent": ABSENT,
            "null": None,
        },
    ),
    *rows_at("spec", {"absent": ABSENT, "null": None, "a list": [], "text": "x"}),
    *[
        row
        for path in (
            "spec.model",
            "spec.target",
            "spec.export",
            SOURCE,
            "spec.model.task",
            BUCKETS,
            BATCH,
            LENGTH,
        )
        for row in rows_at(path, {"absent": ABSENT, "null": None})
    ],
    *rows_at(f"{SCALING}.maxReplicas", {"absent": None}),
    *[
        row
        for path in (
            "spec.model",
            "spec.export",
            BUCKET,
            TOLERANCE,
            "spec.store",
            SERVING,
            SCALING,
            f"{SERVING}.batching",
        )
        for row in rows_at(path, {"a list": [], "a number": 1})
    ],
    *[row for path in UNKNOWN for row in rows_at(path, {"unknown": "x", "unknown and null": None})],
    *rows_at(
        BUCKETS,
        {
            "none": [],
            "33": buckets_of(33),
            "twice the same": buckets_of(1) * 2,
            "a mapping": {},
            "text": "1x8",
        },
    ),
    *rows_at(BUCKETS, {"the same but for beams": [LARGEST, {**LARGEST, "beams": 1}]}, TRANSLATION),
    *rows_at(
        BUCKETS,
        {
            "translation without lengths": buckets_of(1),
            "without beams": [{**buckets_of(1)[0], "targetLength": 8}],
            "other beams": [
                {"batchSize": n, "sequenceLength": 8, "targetLength": 8, "beams": n} for n in (1, 2)
            ],
        },
        TRANSLATION,
    ),
    *rows_at(
        BUCKETS,
        {
            "only translation has a target": [{**buckets_of(1)[0], "targetLength": 8}],
            "or beams": [{**buckets_of(1)[0], "beams": 1}],
        },
    ),
    *rows_at(BUCKET, {"null": None, "text": "1x8"}),
    *rows_at("spec.target", {"another": "Inf2", "lower case": "cpu", "a number": 1}),
    *rows_at(
        "spec.model.task", {"another": "Summarization", "kebab case": "fill-mask", "a flag": True}
    ),
    *rows_at("spec.export.precision", {"another": "Float16", "on Inf1": "BFloat16"}, INF1),
    *rows_at(f"{SERVING}.rollout.strategy", {"another": "Recreate"}),
    *rows_at("spec.suspend", {"text": "true", "a number": 1}),
    *rows_at(COMPILER, {"on CPUs": {}, "on CPUs with a setting": {"timeoutSeconds": 60}}),
    *rows_at(ARGS, {"17": ["a"] * 17, "text": "--fast-math none"}, INF1),
    *rows_at(
        f"{ARGS}.0",
        {
            "white space": "--fast-math none",
            "nothing": "",
            "129 characters": "a" * 129,
            "beyond ASCII": "é",
            "null": None,
            "a number": 1,
            "cores": "--neuroncore-pipeline-cores",
            "cores and a number": "--num-neuroncores=4",
            "a framework": "--framework",
            "shapes": "--io-config={}",
            "an output": "--output",
            "a pipeline": "--pipeline=compile",
        },
        {**INF1, ARGS: [""]},
    ),
    *rows_at(CORES, {"more than a replica's": 5}, {**INF1, f"{SERVING}.neuronCores": 4}),
    *rows_at(CORES, {"more than the default": 2}, INF1),
    *rows_at(
        f"{SERVING}.neuronCores",
        {"none": 0, "2": 2, "128": 128, "a flag": True, "text": "4", "a fraction": 4.5},
        INF1,
    ),
    *rows_at(f"{SERVING}.neuronCores", {"on CPUs": 1}),
    *rows_at(
        REVISION,
        {"absent": None, "a branch": "main", "39 digits": COMMIT[1:], "capitals": COMMIT.upper()},
        {"spec.export.parallelism": 2},
    ),
    *rows_at(REVISION, {"of a bucket": "main"}, {SOURCE: "s3://models/a"}),
    *rows_at(
        REVISION,
        {
            "nothing": "",
            "a leading '-'": "-a",
            "white space": "a b",
            "a step up": "a/../b",
            "129 characters": "a" * 129,
            "a number": 12,
        },
    ),
    *rows_at(f"{SCALING}.minReplicas", {"more than most": 3}, {f"{SCALING}.maxReplicas": 2}),
    *rows_at(
        "spec.store",
        {"neither": {}, "both": {"url": "s3://models", "persistentVolumeClaimName": "traced"}},
    ),
    *rows_at("spec.store.credentialsSecretName", {"of a claim": "s3"}, {CLAIM: "traced"}),
    *rows_at("spec.store", {"credentials alone": {"credentialsSecretName": "s3"}}),
    *[row for number in NUMBERS for row in bad_numbers(*number)],
    *[row for path, beside in NAMED_OBJECTS for row in rows_at(path, BAD_OBJECTS, beside)],
    *rows_at(SOURCE, BAD_SOURCES),
    *rows_at(URL, BAD_URLS),
    *rows_at(f"{TOLERANCE}.absolute", BAD_DECIMALS),
    *rows_at(f"{TOLERANCE}.relative", BAD_DECIMALS),
    *rows_at(
        f"{TOLERANCE}.minAgreement",
        {
            "more than 1": "1.01",
            "2": "2",
            "a sign": "-0.5",
            "no quotes": 0.5,
            "an exponent": "1e-1",
            "9 characters": "0.1234567",
        },
    ),
    *rows_at(CPU, BAD_CPUS),
    *rows_at(MEMORY, BAD_MEMORIES),
]
