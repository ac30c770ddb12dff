"""What is garbage: the pure core."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from builders import a_blob, a_graph
from tracedmodel_api.keeping import Note
from tracedmodel_api.manifest import Graph
from tracedmodel_api.objects import Entry
from tracedmodel_api.store import blob_path, graph_path
from tracedmodel_operator.gc.reach import PINNED, YOUNG, Name, Stock, judge, reach
from tracedmodel_operator.gc.roots import Roots

NOW = datetime(2026, 1, 31, tzinfo=timezone.utc)
CUTOFF = NOW - timedelta(days=7)
OLD, NEW = CUTOFF - timedelta(seconds=1), CUTOFF


def entry(path, moment=OLD, size=10):
    return Entry(path, size, moment, None)


def name(graph, moment=OLD):
    return Name(entry(graph_path(graph.fingerprint), moment), graph.identity(), graph)


def pin(*graphs, moment=NEW):
    words = frozenset(graph.identity() for graph in graphs)
    return Note(entry("pins/a.json", moment), words)


def digests(*graphs):
    found = {graph.identity() for graph in graphs}
    return found.union(*({blob.digest for blob in graph.blobs()} for graph in graphs))


def blobs(*graphs, moment=OLD, size=10):
    return {digest: entry(blob_path(digest), moment, size) for digest in digests(*graphs)}


def roots(*graphs, files=(), holder="c/s/n"):
    who = frozenset([holder])
    graphs_ = {graph.identity(): who for graph in graphs}
    return Roots(graphs_, dict.fromkeys(files, who), 1)


def stock(*graphs, named=(), pins=(), **more):
    known = {graph.identity(): graph for graph in graphs}
    return Stock(tuple(named), tuple(pins), blobs(*graphs, **more), known)


ONE, TWO = a_graph("one"), a_graph("two")


def gone(verdict):
    """Return the digests of the blobs that go."""
    return {blob.path.rpartition("/")[2] for blob in verdict.garbage.blobs}


def test_what_nothing_names_goes_and_what_is_named_stays():
    verdict = judge(stock(ONE, TWO, named=[name(ONE), name(TWO)]), roots(ONE), CUTOFF)
    assert verdict.garbage.names == (name(TWO),)
    assert gone(verdict) == digests(TWO) - digests(ONE)
    assert verdict.reached == digests(ONE)
    assert verdict.named_here == 1


def test_a_named_graph_is_kept_without_a_file_of_its_name():
    assert gone(judge(stock(ONE), roots(ONE), CUTOFF)) == set()


def test_a_named_graph_is_kept_by_its_file_where_its_manifests_blob_is_gone():
    found = Stock((name(ONE),), (), {d: e for d, e in blobs(ONE).items() if d != ONE.identity()})
    verdict = judge(found, roots(ONE), CUTOFF)
    assert (verdict.garbage.paths(), verdict.named_here) == (frozenset(), 1)


def test_a_file_whose_manifest_is_not_the_named_one_goes():
    other = ONE.model_copy(update={"created": "another"})
    found = stock(ONE, named=[name(other)])
    verdict = judge(found, roots(ONE), CUTOFF)
    assert verdict.garbage.names == (name(other),)
    assert gone(verdict) == set()


def test_files_that_an_index_names_are_kept_by_themselves():
    digest = a_blob("card").digest
    assert digest not in gone(judge(stock(ONE), roots(files=[digest]), CUTOFF))


def test_what_an_export_pinned_lately_is_kept():
    verdict = judge(stock(ONE, TWO, pins=[pin(ONE)]), roots(TWO), CUTOFF)
    assert verdict.garbage.paths() == frozenset()
    assert [(kept.why, kept.graphs) for kept in verdict.kept] == [("c/s/n", 1), (PINNED, 1)]


def test_an_old_pin_goes_and_keeps_nothing():
    verdict = judge(stock(ONE, pins=[pin(ONE, moment=OLD)]), Roots(), CUTOFF)
    assert [found.path for found in verdict.garbage.pins] == ["pins/a.json"]
    assert gone(verdict) == digests(ONE)


def test_a_pin_of_what_is_not_there_keeps_nothing_and_harms_nothing():
    assert judge(Stock(pins=(pin(ONE),)), Roots(), CUTOFF).kept[0].graphs == 0


def test_a_young_file_keeps_all_that_its_graph_needs():
    verdict = judge(stock(ONE, named=[name(ONE, NEW)]), Roots(), CUTOFF)
    assert verdict.garbage.paths() == frozenset()
    assert [(kept.why, kept.graphs) for kept in verdict.kept] == [(YOUNG, 1)]


def test_young_blobs_of_no_graph_are_spared():
    verdict = judge(stock(ONE, moment=NEW), Roots(), CUTOFF)
    assert gone(verdict) == set()
    assert {e.path for e in verdict.spared} == {blob_path(d) for d in digests(ONE)}


def test_a_file_that_is_no_manifest_goes_if_it_is_old_and_is_told_if_not():
    odd = [Name(entry(f"graphs/{'a' * 64}.json", moment), "b" * 64, None) for moment in (OLD, NEW)]
    verdict = judge(Stock((odd[0],)), Roots(), CUTOFF)
    assert (verdict.garbage.names, verdict.unreadable) == ((odd[0],), ())
    verdict = judge(Stock((odd[1],)), Roots(), CUTOFF)
    assert (verdict.garbage.names, verdict.unreadable) == ((), (odd[1].entry.path,))


def test_kept_graphs_are_told_by_who_names_them_with_the_bytes_that_they_reach():
    both = roots(ONE, TWO)
    verdict = judge(stock(ONE, TWO, size=7), both, CUTOFF)
    (kept,) = verdict.kept
    assert (kept.why, kept.graphs, kept.size) == ("c/s/n", 2, 7 * len(digests(ONE, TWO)))


@dataclass(frozen=True)
class Random:
    """A random store: graphs of few blobs, so that they share many."""

    graphs: tuple[Graph, ...]
    stock: Stock
    roots: Roots


MOMENTS = st.sampled_from((OLD, NEW, NOW, OLD - timedelta(days=90)))
POOL = [a_blob(f"blob {number}") for number in range(12)]


@st.composite
def random_graph(draw, number):
    weights, graph, golden, card, tokenizer = draw(st.tuples(*[st.sampled_from(POOL)] * 5))
    base = a_graph(f"graph {number}").as_json()
    base["modules"] = [{"name": "main", "graph": graph.as_json(), "weights": weights.as_json()}]
    base["files"] = {"model.json": card.as_json(), "tokenizer.json": tokenizer.as_json()}
    base["golden"]["blob"] = golden.as_json()
    return Graph.model_validate(base)


@st.composite
def random_store(draw):
    graphs = tuple(draw(random_graph(number)) for number in range(draw(st.integers(0, 6))))
    some = st.lists(st.sampled_from(graphs), unique_by=id) if graphs else st.just([])
    names = tuple(name(graph, draw(MOMENTS)) for graph in draw(some))
    pins = tuple(pin(*draw(some), moment=draw(MOMENTS)) for _ in range(draw(st.integers(0, 2))))
    there = sorted(
        {blob.digest for blob in draw(st.lists(st.sampled_from(POOL)))} | digests(*draw(some))
    )
    held = {digest: entry(blob_path(digest), draw(MOMENTS)) for digest in there}
    known = {graph.identity(): graph for graph in graphs if graph.identity() in held}
    files = draw(st.lists(st.sampled_from([blob.digest for blob in POOL]), max_size=2))
    return Random(graphs, Stock(names, pins, held, known), roots(*draw(some), files=files))


def needed(world):
    """Return what must stay, told otherwise than the code does: graph by graph."""
    found = set(world.roots.files)
    young = [pin for pin in world.stock.pins if pin.entry.modified >= CUTOFF]
    for graph in world.graphs:
        digest = graph.identity()
        named = digest in world.roots.graphs or any(digest in pin.words for pin in young)
        held = [n for n in world.stock.names if n.digest == digest]
        fresh = any(n.entry.modified >= CUTOFF for n in held)
        if named or fresh:
            found.add(digest)
            if held or digest in world.stock.blobs:
                found |= digests(graph)
    return found


@given(random_store())
def test_nothing_that_is_needed_ever_goes(world):
    verdict = judge(world.stock, world.roots, CUTOFF)
    assert not gone(verdict) & needed(world)
    assert {n.digest for n in verdict.garbage.names}.isdisjoint(needed(world))
    assert not [e for e in (*verdict.garbage.blobs, *verdict.garbage.pins) if e.modified >= CUTOFF]


@given(random_store())
def test_everything_that_is_old_and_not_needed_goes(world):
    verdict = judge(world.stock, world.roots, CUTOFF)
    old = {d for d, held in world.stock.blobs.items() if held.modified < CUTOFF}
    assert gone(verdict) == old - needed(world)
    assert {n.digest for n in verdict.garbage.names} == {
        n.digest for n in world.stock.names if n.digest not in needed(world)
    }
    assert len(verdict.garbage.pins) == sum(p.entry.modified < CUTOFF for p in world.stock.pins)


@given(random_store())
def test_a_second_look_after_all_went_finds_no_more(world):
    first = judge(world.stock, world.roots, CUTOFF)
    stock_ = Stock(
        tuple(n for n in world.stock.names if n not in first.garbage.names),
        tuple(p for p in world.stock.pins if p.entry not in first.garbage.pins),
        {d: e for d, e in world.stock.blobs.items() if e not in first.garbage.blobs},
        {d: g for d, g in world.stock.graphs.items() if d not in gone(first)},
    )
    assert judge(stock_, world.roots, CUTOFF).garbage.paths() == frozenset()


def test_a_blob_is_reached_by_the_manifests_that_name_it():
    assert reach([ONE.identity()], {ONE.identity(): ONE}) == digests(ONE)
    assert reach([ONE.identity()], {}) == {ONE.identity()}
