"""Changes of the base that leave it a good manifest, each by a sentence."""

from manifest_base import (
    ARGS,
    BUCKET,
    BUCKETS,
    CLAIM,
    COMMIT,
    COMPILER,
    CORES,
    CPU,
    INF1,
    LARGEST,
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
    buckets_of,
    edges,
    rows_at,
)
from manifest_values import (
    GOOD_CPUS,
    GOOD_DECIMALS,
    GOOD_MEMORIES,
    GOOD_OBJECTS,
    GOOD_SOURCES,
    GOOD_URLS,
)

_GOOD = [
    ("the least that there is", {}),
    ("a name of 36 characters", {"metadata.name": "a" * 36}),
    ("a name with digits and '-'", {"metadata.name": "b-2-a"}),
    (
        "annotations and labels",
        {
            "metadata.annotations": {"tracedmodel.dev/requested-at": "now"},
            "metadata.labels": {"a": "b"},
        },
    ),
    ("no annotations", {"metadata.annotations": None}),
    ("an annotation without a value", {"metadata.annotations": {"a": None}}),
    (
        "nulls for what is optional",
        {"spec.store": None, SERVING: None, "spec.suspend": None, REVISION: None},
    ),
    (
        "nulls deep down",
        {
            f"{SERVING}.batching": None,
            f"{SERVING}.rollout": {"strategy": None},
            f"{TOLERANCE}": {"absolute": None},
        },
    ),
    ("a null argument list", {**INF1, COMPILER: {"args": None}}),
    (
        "empty mappings",
        {SERVING: {}, TOLERANCE: {}, "spec.export.resources": {}, f"{SERVING}.rollout": {}},
    ),
    ("32 buckets", {BUCKETS: buckets_of(32)}),
    (
        "buckets of one batch size",
        {BUCKETS: [{"batchSize": 2, "sequenceLength": n} for n in (8, 16)]},
    ),
    ("translation", {**TRANSLATION, BUCKET: LARGEST}),
    (
        "other target lengths",
        {
            **TRANSLATION,
            BUCKETS: [
                {"batchSize": 1, "sequenceLength": n, "targetLength": n, "beams": 4}
                for n in (8, 16)
            ],
        },
    ),
    ("BFloat16 on CPUs", {"spec.export.precision": "BFloat16"}),
    ("an Inf1 compiler", {**INF1, COMPILER: {}}),
    ("16 arguments", {**INF1, ARGS: ["--fast-math", "none"] * 8}),
    ("an argument of 128 characters", {**INF1, ARGS: ["a" * 128]}),
    ("a pipeline over a chip", {**INF1, CORES: 4, f"{SERVING}.neuronCores": 4}),
    ("parallel with a commit", {"spec.export.parallelism": 4, REVISION: COMMIT}),
    ("parallel without a Hub", {"spec.export.parallelism": 4, SOURCE: "s3://models/a"}),
    ("a claim as store", {CLAIM: "traced"}),
    ("credentials of a store", {URL: "s3://models", "spec.store.credentialsSecretName": "s3"}),
    ("autoscaling from none", {SCALING: {"minReplicas": 0, "maxReplicas": 1}}),
    ("autoscaling between equals", {SCALING: {"minReplicas": 3, "maxReplicas": 3}}),
    ("replaced in place", {f"{SERVING}.rollout.strategy": "InPlace"}),
    ("suspended", {"spec.suspend": True}),
    *[
        row
        for task in ("TextClassification", "TokenClassification", "QuestionAnswering", "FillMask")
        for row in rows_at("spec.model.task", {task: task})
    ],
    *[
        row
        for cores in (1, 4, 16, 64)
        for row in rows_at(f"{SERVING}.neuronCores", {str(cores): cores}, INF1)
    ],
    *[row for number in NUMBERS for row in edges(*number)],
    *[row for path, beside in NAMED_OBJECTS for row in rows_at(path, GOOD_OBJECTS, beside)],
    *rows_at(SOURCE, GOOD_SOURCES),
    *rows_at(
        REVISION,
        {"a tag": "v1.0_a", "a pull request": "refs/pr/1", "128 characters": "a" * 128},
    ),
    *rows_at(URL, GOOD_URLS),
    *rows_at(f"{TOLERANCE}.absolute", GOOD_DECIMALS),
    *rows_at(f"{TOLERANCE}.relative", GOOD_DECIMALS),
    *rows_at(f"{TOLERANCE}.minAgreement", {"0": "0", "1": "1.000000", "between": "0.123456"}),
    *rows_at(CPU, GOOD_CPUS),
    *rows_at(MEMORY, GOOD_MEMORIES),
]

GOOD = [row[:2] for row in _GOOD]
