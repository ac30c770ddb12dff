import pytest

from tracedmodel_operator.pulse import Pulse, Signs, deafness

LIMIT, PATIENCE = 60, 30


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pulse(clock):
    return Pulse(clock)


def deaf(pulse):
    return deafness(pulse.signs(), LIMIT, PATIENCE)


def test_a_standby_that_watches_nothing_misses_nothing(pulse, clock):
    pulse.found("Job", "search")
    clock.now += 86400
    assert deaf(pulse) is None


def test_a_kind_has_its_whole_limit_from_the_start(pulse, clock):
    pulse.expect(["Job"])
    clock.now += 60
    assert deaf(pulse) is None
    clock.now += 1
    assert deaf(pulse) is not None


@pytest.mark.parametrize(("sign", "told"), [("listed", ["Job"]), ("heard", ["Job", "search"])])
def test_a_list_or_a_watch_event_is_a_sign_of_life(pulse, clock, sign, told):
    pulse.expect(["Job"])
    clock.now += 50
    getattr(pulse, sign)(*told)
    clock.now += 60
    assert deaf(pulse) is None
    clock.now += 1
    assert deaf(pulse) is not None


def test_one_silent_kind_of_many_is_named_with_its_silence():
    signs = {"Job": Signs(900, 700, 800), "Pod": Signs(900, 10, 700), "Lease": Signs(650)}
    sentence = "neither a list nor a watch event for up to 700 s: Job, Lease"
    assert deafness(signs, 600, 600) == sentence


def test_lists_alone_are_no_sign_of_a_watch_that_does_not_tell_what_they_find(pulse, clock):
    pulse.expect(["Job", "Pod"])
    pulse.found("Job", "search")
    for _ in range(3):
        clock.now += 10
        pulse.listed("Job")
        pulse.found("Job", "search")
    assert deaf(pulse) is None
    clock.now += 1
    assert deaf(pulse) == "watches do not tell what lists found up to 31 s ago: Job"


def test_one_event_makes_up_for_everything_that_was_found(pulse, clock):
    pulse.expect(["Job"])
    pulse.found("Job", "search")
    clock.now += 31
    assert deaf(pulse)
    pulse.heard("Job", "search")
    assert deaf(pulse) is None


def test_an_event_of_another_kind_or_namespace_proves_nothing(pulse, clock):
    pulse.expect(["Job", "Pod"])
    pulse.found("Job", "search")
    clock.now += 31
    pulse.heard("Job", "other")
    pulse.heard("Pod", "search")
    assert deaf(pulse)


def test_what_was_found_before_anything_was_awaited_is_not_to_be_told(pulse, clock):
    pulse.found("Job", "search")
    pulse.expect(["Job"])
    clock.now += 31
    assert deaf(pulse) is None


def test_signs_of_a_kind_that_nobody_awaits_are_not_told(pulse):
    pulse.heard("Secret", "search")
    assert pulse.signs() == {}


def test_the_age_of_each_sign_is_told(pulse, clock):
    pulse.expect(["Job", "Pod"])
    clock.now += 5
    pulse.listed("Job")
    clock.now += 1
    pulse.found("Job", "a")
    pulse.found("Pod", "a")
    pulse.found("Pod", "b")
    clock.now += 1
    pulse.heard("Job", "a")
    pulse.heard("Pod", "b")
    clock.now += 1
    assert pulse.signs() == {"Job": Signs(8, 3, 1), "Pod": Signs(8, None, 1, 2)}
