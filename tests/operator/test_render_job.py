from rendered import ADMINISTERED, container, deployment, job, pod
from resources import SETTINGS
from tracedmodel_api.report import TERMINAL_EXIT_CODES


def test_exporters_run_on_other_nodes_than_servers():
    exporter, server = pod(job({}, ADMINISTERED)), pod(deployment({}, ADMINISTERED))
    assert exporter["nodeSelector"] == {"kubernetes.io/arch": "amd64", "pool": "batch"}
    assert server["nodeSelector"] == {"kubernetes.io/arch": "amd64", "pool": "online"}
    assert [exporter["tolerations"][0]["key"], server["tolerations"][0]["key"]] == [
        "batch",
        "online",
    ]
    assert "priorityClassName" not in exporter
    assert server["priorityClassName"] == "online"


def test_an_export_for_inf1_needs_no_inf1():
    exporter = job({"target": "Inf1"})
    assert not {"tolerations", "affinity", "schedulerName"} & pod(exporter).keys()
    assert set(container(exporter)["resources"]["limits"]) == {"cpu", "memory"}


def test_a_job_ends_for_good_by_the_exit_codes_of_the_one_table():
    ignore, fail = job()["spec"]["podFailurePolicy"]["rules"]
    assert ignore["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert ignore["action"] == "Ignore"
    assert fail["action"] == "FailJob"
    assert fail["onExitCodes"]["values"] == sorted(TERMINAL_EXIT_CODES)
    assert fail["onExitCodes"]["containerName"] == container(job())["name"]


def test_a_share_that_fails_lets_the_others_of_an_indexed_job_go_on():
    spec = job({"export": {"parallelism": 2}})["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert spec["backoffLimitPerIndex"] == 0
    assert not {"backoffLimit", "maxFailedIndexes"} & spec.keys()
    assert spec["podFailurePolicy"]["rules"][1]["action"] == "FailIndex"


def test_a_job_neither_tries_again_by_itself_nor_goes_away_before_its_report_is_read():
    spec = job()["spec"]
    assert (spec["completionMode"], spec["backoffLimit"]) == ("NonIndexed", 0)
    assert spec["podReplacementPolicy"] == "Failed"
    assert "ttlSecondsAfterFinished" not in spec
    assert pod(job())["restartPolicy"] == "Never"


def test_each_attempt_has_a_name_and_an_annotation_of_its_own():
    first, second = job(attempt=1)["metadata"], job(attempt=2)["metadata"]
    assert first["name"] != second["name"]
    assert second["annotations"]["tracedmodel.dev/attempt"] == "2"


def test_an_empty_place_for_downloads_leaves_it_to_the_library():
    def home(settings):
        variables = container(job({}, settings))["env"]
        return [one["value"] for one in variables if one["name"] == "HF_HOME"]

    assert home(SETTINGS) == ["/scratch/hub"]
    assert home(SETTINGS.with_(hub_cache="")) == []


def test_a_model_beside_the_store_on_one_claim_does_not_make_that_read_only():
    model = {"source": "pvc://traced/minilm", "revision": None}
    exporter = pod(job({"model": model, "store": {"persistentVolumeClaimName": "traced"}}))
    (claimed,) = [v for v in exporter["volumes"] if "persistentVolumeClaim" in v]
    assert claimed == {"name": "store", "persistentVolumeClaim": {"claimName": "traced"}}
    mounts = {m["mountPath"]: m for m in exporter["containers"][0]["volumeMounts"]}
    assert mounts["/store"] == {"name": "store", "mountPath": "/store"}
    assert mounts["/models"] == {"name": "store", "mountPath": "/models", "readOnly": True}
