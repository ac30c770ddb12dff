"""Users, controllers, faults and restarts in whatever order: what must never be so never is, and in the end it is well.

The usual run is short and the same each time. For a long one, seeded, another with each seed::

    LIVES=5000 python -m pytest tests/operator/test_life_random.py --timeout=0 --hypothesis-seed=1
"""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from apiserver.faults import FAULTS, to, writes
from deeds import EDITS, HANDS
from moods import EXPORTERS, SERVERS
from random_life import RandomLife
from tracedmodel_operator.kinds import CHILDREN, WATCHED

LIVES = os.environ.get("LIVES")
EXPORTING = st.one_of(st.just("honest"), st.just("honest"), st.sampled_from(sorted(EXPORTERS)))
PROVING = st.one_of(st.just("ready"), st.sampled_from(sorted(SERVERS)))
WHICH = st.integers(0, 2)
EDIT = st.sampled_from(sorted(EDITS))
REQUESTS = st.integers(1, 9)


class Lives(RuleBasedStateMachine):
    """Lives of one to three resources. After each deed the world and the operator take some turns."""

    def __init__(self):
        super().__init__()
        self.life = None

    @initialize(
        count=st.sampled_from([1, 1, 2, 3]),
        nodes=st.integers(1, 2),
        pace=st.integers(0, 4),
        grown=st.booleans(),
    )
    def begin(self, count, nodes, pace, grown):
        self.life, self.pace = RandomLife("abc"[:count], nodes), pace
        self.operated = self.life.operated
        if grown:
            self.operated.settle()

    @invariant()
    def the_world_goes_on(self):
        if self.life:
            self.life.note()
            self.operated.go_on(self.pace)
            self.life.note()

    def name(self, which):
        return self.life.names[which % len(self.life.names)]

    @rule(which=WHICH, edit=EDIT)
    def edit(self, which, edit):
        self.life.edit(self.name(which), edit)

    @rule(which=WHICH, edit=EDIT, exporting=EXPORTING, proving=PROVING, rounds=st.integers(0, 9))
    def edit_and_fare(self, which, edit, exporting, proving, rounds):
        self.life.fare(exporting, proving)
        self.life.edit(self.name(which), edit)
        self.operated.go_on(rounds)

    @rule(which=WHICH, edit=EDIT, requests=REQUESTS)
    def edit_amid_a_look(self, which, edit, requests):
        name = self.name(which)
        self.operated.soon(requests, lambda: self.life.edit(name, edit))

    @rule(which=WHICH, text=st.sampled_from("xy"))
    def ask_again(self, which, text):
        self.life.ask_again(self.name(which), text)

    @rule(
        which=WHICH,
        policy=st.sampled_from(["Background", "Foreground", "Orphan"]),
        requests=st.integers(0, 9),
        again=st.booleans(),
    )
    def delete(self, which, policy, requests, again):
        name = self.name(which)
        amid = requests > 0
        self.operated.soon(requests, lambda: self.life.delete(name, policy, amid=amid))
        if again:
            self.operated.go_on(2)
            self.life.edit(name, "resume")

    @rule(which=WHICH, deed=st.sampled_from(sorted(HANDS)), number=st.integers(0, 3))
    def something_is_done_by_hand(self, which, deed, number):
        self.life.by_hand(self.name(which), deed, number)

    @rule(which=WHICH, end=st.sampled_from(["StoreUnreachable", "ProofFailed"]))
    def devices_fail(self, which, end):
        self.life.devices_fail(self.name(which), end)

    @rule(heal=st.booleans())
    def the_world_changes(self, heal):
        if heal:
            self.life.heal()
        else:
            self.life.branches_move()

    @rule(kinds=st.sets(st.sampled_from(WATCHED), max_size=4), events=st.integers(0, 5))
    def watches_lag(self, kinds, events):
        self.operated.trickle(events)
        self.operated.hold(kinds)

    @rule(rounds=st.integers(1, 4), deliver=st.booleans())
    def go_on(self, rounds, deliver):
        self.operated.go_on(rounds, deliver=deliver)

    @rule(lists=st.booleans())
    def all_is_heard_and_done(self, lists):
        if lists:
            self.operated.relist()
        self.operated.hold(())
        self.operated.settle()

    @rule(seconds=st.sampled_from([1, 11, 30, 700, 8000]), expire=st.booleans())
    def time_passes(self, seconds, expire):
        self.operated.pass_time(seconds)
        if expire:
            self.operated.expire_jobs()

    @rule(
        fault=st.sampled_from(sorted(FAULTS)),
        chance=st.sampled_from([0.05, 0.3, 1.0]),
        kind=st.none() | st.sampled_from(CHILDREN),
    )
    def faults_begin(self, fault, chance, kind):
        fitting = to(kind.plural, "POST", "PATCH") if kind else writes
        self.operated.faults.sometimes(FAULTS[fault], chance, fitting)

    @rule()
    def faults_end(self):
        self.operated.faults.clear()

    @rule(requests=REQUESTS, after=st.booleans())
    def the_operator_is_killed_soon(self, requests, after):
        self.operated.doom(self.operated.requests[0] + requests, after=after)

    @rule()
    def the_operator_starts_again(self):
        self.operated.start()

    def teardown(self):
        if self.life:
            self.life.end()


Lives.TestCase.settings = settings(
    max_examples=int(LIVES or 60),
    stateful_step_count=30,
    derandomize=LIVES is None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestLives = Lives.TestCase
