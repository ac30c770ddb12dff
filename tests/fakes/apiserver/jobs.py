"""The status of a Job, as the Job controller words it."""

from __future__ import annotations

from typing import Any

from apiserver.outcomes import End

Object = dict[str, Any]
Why = tuple[str, str]
LATE: Why = ("DeadlineExceeded", "Job was active longer than specified deadline")


def is_over(job: Object) -> bool:
    """Return whether a Job has ended."""
    conditions = job.get("status", {}).get("conditions") or ()
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def is_indexed(job: Object) -> bool:
    """Return whether the pods of a Job have an index each."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def active(job: Object, pods: int, now: str) -> Object:
    """Return the status of a Job whose pods are there."""
    started = job.get("status", {}).get("startTime") or now
    return {"startTime": started, "active": pods, "ready": 0}


def over(job: Object, ends: list[End], now: str, why: Why | None = None) -> Object:
    """Return the status of a Job whose pods have ended; ``why`` is why it failed, if not for their ends."""
    good = [index for index, end in enumerate(ends) if not end.code]
    failure = why or _failure(job, ends)
    status = {
        "startTime": job.get("status", {}).get("startTime") or now,
        "active": None,
        "ready": 0,
        "terminating": 0,
        "succeeded": len(good) or None,
        "failed": len(ends) - len(good) or None,
    }
    if is_indexed(job):
        status["completedIndexes"] = ",".join(map(str, good)) or None
        bad = ",".join(str(index) for index, end in enumerate(ends) if end.code)
        if "backoffLimitPerIndex" in job["spec"]:
            status["failedIndexes"] = bad
    if failure is None:
        done = ("CompletionsReached", "Reached expected number of succeeded pods")
        conditions = [_condition(kind, done, now) for kind in ("SuccessCriteriaMet", "Complete")]
        return {**status, "completionTime": now, "conditions": conditions}
    conditions = [_condition(kind, failure, now) for kind in ("FailureTarget", "Failed")]
    return {**status, "conditions": conditions}


def _condition(kind: str, why: Why, now: str) -> Object:
    reason, message = why
    times = {"lastProbeTime": now, "lastTransitionTime": now}
    return {"type": kind, "status": "True", **times, "reason": reason, "message": message}


def _failure(job: Object, ends: list[End]) -> Why | None:
    bad = [(index, end) for index, end in enumerate(ends) if end.code]
    if not bad:
        return None
    if "backoffLimitPerIndex" in job["spec"]:
        return "FailedIndexes", "Job has failed indexes"
    rules = job["spec"].get("podFailurePolicy", {}).get("rules", ())
    for number, rule in enumerate(rules):
        codes = rule.get("onExitCodes", {}).get("values", ())
        index, end = bad[0]
        if rule["action"] == "FailJob" and end.code in codes:
            pod = f"{job['metadata']['namespace']}/{job['metadata']['name']}-{index}"
            container = rule["onExitCodes"].get("containerName", "")
            failed = f"Container {container} for pod {pod} failed with exit code {end.code}"
            return "PodFailurePolicy", f"{failed} matching FailJob rule at index {number}"
    return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
