import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import Layout, Part
from tracedmodel_server.policy import BatchQueue, Dispatch, Entry, Idle, WaitUntil

DELAY = 0.002
# As measured on MiniLM: a batch of 8 costs less than 8 of 1, and two of 1 cost less than a batch of 8.
SECONDS = {
    Bucket(1, 32): 0.006,
    Bucket(1, 128): 0.015,
    Bucket(8, 32): 0.026,
    Bucket(8, 128): 0.092,
}


def a_queue(seconds=None, delay=DELAY, workers=1):
    return BatchQueue(seconds or SECONDS, delay, workers)


def pushed(queue, *lengths, now=0.0):
    entries = [Entry(f"text {number}", length) for number, length in enumerate(lengths)]
    for entry in entries:
        queue.push(entry, now)
    return entries


def after_a_round_of(queue, count, length=20):
    """Let ``count`` texts come, run and be answered, so that as many are expected again."""
    pushed(queue, *[length] * count)
    dispatches = []
    while isinstance(action := queue.next_action(DELAY), Dispatch):
        dispatches.append(action)
    while dispatches:
        queue.finished(dispatches.pop(), 2 * DELAY)
        while isinstance(action := queue.next_action(3 * DELAY), Dispatch):
            dispatches.append(action)


def test_an_empty_queue_is_idle():
    assert a_queue().next_action(0.0) == Idle()


def test_a_single_text_leaves_at_once_in_the_smallest_bucket():
    queue = a_queue()
    entries = pushed(queue, 20)
    assert queue.next_action(0.0) == Dispatch(Bucket(1, 32), tuple(entries))
    assert len(queue) == 0


def test_a_full_batch_leaves_at_once_whatever_came_before():
    queue = a_queue()
    after_a_round_of(queue, 32)
    pushed(queue, *[20] * 8, now=1.0)
    action = queue.next_action(1.0)
    assert action.bucket == Bucket(8, 32)
    assert len(action.entries) == 8


def test_two_texts_run_one_by_one_where_that_costs_less_than_the_next_batch():
    queue = a_queue()
    pushed(queue, 20, 20)
    assert queue.next_action(0.0).bucket == Bucket(1, 32)


def test_five_texts_share_a_batch_where_that_costs_less_than_one_by_one():
    queue = a_queue()
    pushed(queue, *[20] * 5)
    action = queue.next_action(0.0)
    assert action.bucket == Bucket(8, 32)
    assert len(action.entries) == 5


def test_a_long_text_does_not_drag_short_ones_through_its_length():
    queue = a_queue()
    entries = pushed(queue, 100, *[20] * 7)
    assert queue.next_action(0.0) == Dispatch(Bucket(1, 128), (entries[0],))


def test_short_texts_fill_the_free_slots_of_a_batch_after_all_of_its_own_length():
    queue = a_queue({Bucket(8, 32): 0.02, Bucket(8, 128): 0.03})
    entries = pushed(queue, 100, 20, 20, 90, *[20] * 6)
    action = queue.next_action(0.0)
    assert action.bucket == Bucket(8, 128)
    assert action.entries[:2] == (entries[0], entries[3])
    assert len(action.entries) == 8


def test_a_text_takes_a_longer_bucket_where_its_own_length_has_none_of_the_batch_size():
    queue = a_queue({Bucket(1, 32): 0.01, Bucket(8, 128): 0.02})
    pushed(queue, *[20] * 6)
    assert queue.next_action(0.0).bucket == Bucket(8, 128)


def test_a_batch_waits_while_fewer_are_here_than_at_the_last_one():
    queue = a_queue()
    after_a_round_of(queue, 8)
    pushed(queue, 20, now=1.0)
    assert queue.next_action(1.0) == WaitUntil(1.0 + DELAY)
    pushed(queue, *[20] * 6, now=1.0005)
    assert isinstance(queue.next_action(1.0005), WaitUntil)
    pushed(queue, 20, now=1.001)
    assert len(queue.next_action(1.001).entries) == 8


def test_a_batch_leaves_when_its_oldest_has_waited_long_enough():
    queue = a_queue()
    after_a_round_of(queue, 8)
    pushed(queue, 20, now=1.0)
    assert isinstance(queue.next_action(1.0 + DELAY), Dispatch)


def test_clients_that_were_split_into_two_batches_come_together_again():
    queue = a_queue()
    pushed(queue, *[20] * 6)
    first = queue.next_action(0.0)
    assert len(first.entries) == 6
    pushed(queue, 20, 20, now=0.001)
    queue.finished(first, 0.026)
    assert queue.next_action(0.026) == WaitUntil(0.026 + DELAY)
    pushed(queue, *[20] * 6, now=0.027)
    assert len(queue.next_action(0.027).entries) == 8


def test_a_single_client_does_not_wait_again_after_the_crowd_has_gone():
    queue = a_queue()
    after_a_round_of(queue, 8)
    pushed(queue, 20, now=1.0)
    queue.finished(queue.next_action(1.0 + DELAY), 1.5)
    pushed(queue, 20, now=2.0)
    assert isinstance(queue.next_action(2.0), Dispatch)


def test_nobody_waits_where_only_batches_of_one_exist():
    queue = a_queue({Bucket(1, 128): 0.01})
    after_a_round_of(queue, 8)
    pushed(queue, 20, now=1.0)
    assert isinstance(queue.next_action(1.0), Dispatch)


def test_texts_on_another_worker_are_not_waited_for():
    queue = a_queue(workers=2)
    after_a_round_of(queue, 2)
    pushed(queue, 20, now=1.0)
    queue.next_action(1.0 + DELAY)
    pushed(queue, 20, now=1.1)
    assert isinstance(queue.next_action(1.1), Dispatch)


def test_there_is_nothing_to_do_while_every_worker_is_busy():
    queue = a_queue()
    pushed(queue, 20)
    first = queue.next_action(0.0)
    pushed(queue, 20)
    assert queue.next_action(9.0) == Idle()
    queue.finished(first, 9.0)
    assert isinstance(queue.next_action(9.0 + DELAY), Dispatch)


def test_a_cancelled_text_is_gone_and_cannot_be_cancelled_again():
    queue = a_queue()
    first, second = pushed(queue, 20, 100)
    assert queue.cancel(first)
    assert not queue.cancel(first)
    assert queue.next_action(0.0).entries == (second,)
    assert not queue.cancel(second)


def test_a_text_that_no_bucket_holds_is_refused():
    with pytest.raises(ValueError, match="no bucket holds 129 tokens"):
        pushed(a_queue(), 129)


def test_the_backlog_is_the_cheapest_plan_over_all_workers():
    queue = a_queue(workers=2)
    pushed(queue, *[20] * 16, 100)
    assert queue.backlog_seconds() == pytest.approx((2 * 0.026 + 0.015) / 2)


buckets = st.builds(
    Bucket, st.sampled_from([1, 2, 3, 4, 8]), st.sampled_from([16, 32, 64, 128, 384])
)
seconds = st.dictionaries(buckets, st.floats(1e-4, 1.0), min_size=1, max_size=12)


class AnyTraffic(RuleBasedStateMachine):
    """Texts come, go and are run in any order; what holds always is asserted at every step."""

    @initialize(
        seconds=seconds, delay=st.sampled_from([0.0, DELAY, 1.0]), workers=st.integers(1, 3)
    )
    def start(self, seconds, delay, workers):
        self.longest = max(bucket.sequence_length for bucket in seconds)
        self.queue = BatchQueue(seconds, delay, workers)
        self.delay, self.workers = delay, workers
        self.waiting, self.running = [], []
        self.now = 0.0
        self.idle_since = float("-inf")
        self.recent = 0

    def present(self):
        """Return how many texts wait or are run."""
        return len(self.waiting) + sum(len(one.entries) for one in self.running)

    @rule(lengths=st.lists(st.integers(1, 384), min_size=1, max_size=12))
    def texts_come(self, lengths):
        self.waiting += pushed(self.queue, *(min(n, self.longest) for n in lengths), now=self.now)

    @rule(step=st.floats(0, 1.5))
    def time_goes_by(self, step):
        self.now += step

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def a_client_goes(self, data):
        entry = data.draw(st.sampled_from(self.waiting))
        assert self.queue.cancel(entry)
        self.waiting.remove(entry)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_batch_ends(self, data):
        dispatch = data.draw(st.sampled_from(self.running))
        self.recent = self.present()
        self.running.remove(dispatch)
        self.queue.finished(dispatch, self.now)
        self.idle_since = self.now

    @rule()
    def the_queue_is_asked(self):
        action = self.queue.next_action(self.now)
        if isinstance(action, Dispatch):
            self.judge(action)
            return
        busy = len(self.running) == self.workers
        if isinstance(action, WaitUntil):
            assert not busy
            assert self.present() < self.recent
            assert (
                self.now < action.time == max(self.waiting[0].arrived, self.idle_since) + self.delay
            )
        else:
            assert busy or not self.waiting

    def judge(self, dispatch):
        oldest = self.waiting[0]
        entries = dispatch.entries
        assert oldest in entries
        assert len(set(map(id, entries))) == len(entries)
        assert all(entry in self.waiting for entry in entries)
        assert dispatch.bucket.holds(len(entries), max(entry.length for entry in entries))
        assert len(self.running) < self.workers
        self.waiting = [entry for entry in self.waiting if entry not in entries]
        self.running.append(dispatch)

    @invariant()
    def nothing_is_lost(self):
        if hasattr(self, "queue"):
            assert len(self.queue) == len(self.waiting)


AnyTraffic.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyTraffic = AnyTraffic.TestCase


@settings(deadline=None)
@given(seconds, st.lists(st.integers(1, 384), min_size=1, max_size=60))
def test_every_text_is_answered_in_order_of_arrival_within_its_length(seconds, lengths):
    queue = BatchQueue(seconds, DELAY)
    longest = max(bucket.sequence_length for bucket in seconds)
    entries = pushed(queue, *(min(n, longest) for n in lengths))
    left = []
    now = 0.0
    while len(queue):
        now += DELAY
        action = queue.next_action(now)
        left += action.entries
        queue.finished(action, now)
    assert sorted(map(id, left)) == sorted(map(id, entries))


SHORT, LONG = Bucket(4, 32), Bucket(4, 128)
APART = Layout((Part((SHORT,), 1), Part((LONG,), 1)))


def a_queue_apart():
    return BatchQueue({SHORT: 0.01, LONG: 0.04}, DELAY, layout=APART)


def test_a_text_waits_for_a_worker_that_holds_a_bucket_for_it_and_shorter_ones_pass_it():
    queue = a_queue_apart()
    pushed(queue, 100)
    assert queue.next_action(0.0).bucket == LONG
    pushed(queue, 100, 20)
    assert queue.next_action(DELAY).bucket == SHORT
    assert queue.next_action(DELAY) == Idle()
    assert len(queue) == 1


def test_a_worker_that_is_free_takes_a_short_text_though_its_bucket_is_long():
    queue = a_queue_apart()
    pushed(queue, 20)
    first = queue.next_action(0.0)
    assert first.bucket == SHORT
    pushed(queue, 20)
    assert queue.next_action(DELAY).bucket == LONG


def test_a_worker_is_given_back_to_those_who_hold_the_same():
    queue = a_queue_apart()
    pushed(queue, 100)
    running = queue.next_action(0.0)
    pushed(queue, 100)
    assert queue.next_action(DELAY) == Idle()
    queue.finished(running, DELAY)
    assert queue.next_action(2 * DELAY).bucket == LONG


@given(
    st.lists(st.tuples(st.integers(1, 128), st.booleans()), max_size=60),
    st.sampled_from([APART, Layout((Part((SHORT,), 2), Part((LONG,), 1)))]),
)
def test_every_text_is_run_once_in_a_bucket_that_holds_it_by_a_worker_that_holds_the_bucket(
    events, layout
):
    queue = BatchQueue({SHORT: 0.01, LONG: 0.04}, DELAY, layout=layout)
    room = {bucket: part.workers for part in layout.parts for bucket in part.buckets}
    running, ran, now = [], [], 0.0

    def run_all():
        while isinstance(action := queue.next_action(now), Dispatch):
            assert all(entry.length <= action.bucket.sequence_length for entry in action.entries)
            running.append(action)
            assert sum(one.bucket == action.bucket for one in running) <= room[action.bucket]
            ran.extend(action.entries)

    for length, ends in events:
        pushed(queue, length, now=now)
        run_all()
        now += 2 * DELAY
        if ends and running:
            queue.finished(running.pop(0), now)
    while running or len(queue):
        now += 2 * DELAY
        if running:
            queue.finished(running.pop(0), now)
        run_all()
    assert len(ran) == len(events) == len({id(entry) for entry in ran})
