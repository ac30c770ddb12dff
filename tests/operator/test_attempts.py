"""Which Job is launched next, and under which number."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from resources import World, failed, report
from states import ended, launched


def test_launches_one_job_for_a_new_resource_and_waits_for_it():
    world = World()
    world.turn()
    assert len(world.jobs()) == 1
    assert world.turn().create == ()
    assert world.jobs()[0].startswith("minilm-export-")
    assert world.jobs()[0].endswith("-1")


def test_writes_the_attempt_into_the_status_of_the_turn_that_launches_its_job():
    world = World()
    world.turn()
    assert world.resource.status.export.attempt == 1


def test_an_export_for_an_older_spec_is_deleted_before_the_next_is_made():
    world = World()
    world.turn()
    (old,) = world.jobs()
    world.edit({"model": {"revision": "d" * 40}})
    assert world.turn().delete == (("Job", old),)
    assert world.jobs() == []
    world.turn()
    assert len(world.jobs()) == 1


def test_attempts_go_on_counting_when_old_jobs_are_gone():
    world = World()
    world.turn()
    world.finish(failed("StoreUnreachable"))
    world.turn()
    world.objects.clear()
    world.later(10)
    world.turn()
    assert world.jobs()[0].endswith("-2")


def test_a_failed_attempt_stands_in_the_status_before_the_next_is_launched():
    world = launched()
    world.finish(failed("StoreUnreachable", "no route"))
    world.later(1000)
    assert world.turn().create == ()
    assert world.resource.status.export.failure.message == "no route"
    world.turn()
    assert len(world.jobs()) == 2


def test_a_job_that_was_deleted_by_hand_is_made_again_under_its_number():
    world = launched()
    before = world.jobs()
    world.objects.clear()
    world.turn()
    assert world.jobs() == before


def test_a_job_that_is_being_deleted_is_waited_for():
    world = launched()
    (job,) = world.jobs()
    world.job()["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert (world.turn().create, world.plan.delete) == ((), ())
    assert world.conditions()["Exported"] == "!ExportPending"
    del world.objects["Job", job]
    world.turn()
    assert world.jobs() == [job]


def test_a_job_for_an_older_spec_that_is_being_deleted_is_waited_for():
    world = launched()
    world.job()["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    world.edit({"model": {"revision": "d" * 40}})
    assert (world.turn().create, world.plan.delete) == ((), ())


def test_another_request_of_the_same_base_gets_a_number_of_its_own():
    world = launched()
    world.edit({"export": {"resources": {"memory": "64Gi"}}})
    (old,) = world.jobs()
    assert world.turn().delete == (("Job", old),)
    world.turn()
    assert world.jobs() == [old.removesuffix("-1") + "-2"]


def test_a_job_that_the_status_names_and_nobody_sees_yet_is_not_taken_for_an_older_one():
    world = ended(failed("StoreUnreachable"))
    world.later(10)
    world.turn()
    new = world.jobs()[1]
    kept = world.objects.pop(("Job", new))
    world.turn()
    assert world.jobs()[1] == new == kept["metadata"]["name"]
    assert world.resource.status.failures == 1


class Walk:
    """Any sequence of what users, Kubernetes and time can do, with a look of the operator after each."""

    def __init__(self) -> None:
        self.world = World()
        self.failed: set[str] = set()
        self.look()

    def look(self) -> None:
        self.world.turn()
        created = [c["metadata"]["name"] for c in self.world.plan.create if c["kind"] == "Job"]
        assert len(self.running()) <= 1
        assert self.failed.isdisjoint(created)
        export = self.world.resource.status.export
        assert all(name.endswith(f"-{export.attempt}") for name in created)
        if export.failure:
            self.failed.add(f"minilm-export-{export.fingerprint[:8]}-{export.attempt}")

    def running(self) -> list[str]:
        jobs = self.world.jobs()
        return [name for name in jobs if "status" not in self.world.objects["Job", name]]

    def end(self, outcome) -> None:
        if self.running():
            self.world.finish(*outcome)

    def deadline(self) -> None:
        if self.running():
            self.world.end_job("Failed", reason="DeadlineExceeded")

    def lose(self, kind: str) -> None:
        for key in [key for key in self.world.objects if key[0] == kind]:
            del self.world.objects[key]

    def expire(self) -> None:
        for key, item in list(self.world.objects.items()):
            if key[0] == "Job" and "ttlSecondsAfterFinished" in item["spec"]:
                del self.world.objects[key]


ACTIONS = {
    "time passes": lambda walk: walk.world.later(700),
    "the export succeeds": lambda walk: walk.end([report()]),
    "the export fails in a passing way": lambda walk: walk.end([failed("StoreUnreachable")]),
    "the export fails for good": lambda walk: walk.end([failed("NotFinite")]),
    "the export's pods are deleted": lambda walk: walk.end([]),
    "the export takes too long": Walk.deadline,
    "a report is lost": lambda walk: walk.end([(0, "Completed")]),
    "finished Jobs are removed": Walk.expire,
    "Jobs are deleted by hand": lambda walk: walk.lose("Job"),
    "indexes are deleted by hand": lambda walk: walk.lose("ConfigMap"),
    "the Deployment is deleted by hand": lambda walk: walk.lose("Deployment"),
    "pods are deleted": lambda walk: walk.lose("Pod"),
    "more memory": lambda walk: walk.world.edit({"export": {"resources": {"memory": "64Gi"}}}),
    "less memory": lambda walk: walk.world.edit({"export": {"resources": {"memory": "4Gi"}}}),
    "suspended": lambda walk: walk.world.edit({"suspend": True}),
    "resumed": lambda walk: walk.world.edit({"suspend": False}),
    "nothing": lambda _: None,
}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=25))
def test_whatever_happens_one_job_runs_at_most_and_no_number_that_failed_is_used_again(names):
    walk = Walk()
    for name in names:
        ACTIONS[name](walk)
        walk.look()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=15), st.randoms())
def test_whatever_happened_a_resource_becomes_ready_when_all_goes_well(
    names, chance: random.Random
):
    walk = Walk()
    for name in names:
        ACTIONS[name](walk)
        walk.look()
    walk.world.edit({"suspend": False}, annotations={"tracedmodel.dev/requested-at": "x"})
    for _ in range(30):
        walk.look()
        walk.end([report()])
        walk.world.later(chance.randint(0, 700))
        if ("Deployment", "minilm") in walk.world.objects:
            walk.world.serve()
    assert walk.world.conditions()["Ready"] == "Succeeded"
