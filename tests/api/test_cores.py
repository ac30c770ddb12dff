from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.cores import (
    CORES_OF_A_REPLICA,
    Layout,
    Part,
    TooLarge,
    graphs_per_worker,
    lay_out,
    most_parameters,
    pipeline_for,
)

BERT_BASE = 110_000_000
BUCKETS = [Bucket(batch, length) for length in (32, 64, 128, 256) for batch in (1, 4, 8)]


def test_nine_graphs_of_bert_base_fit_on_a_core_as_aws_says():
    assert graphs_per_worker(BERT_BASE) == 9


def test_a_pipeline_holds_as_many_times_more_as_it_has_cores():
    assert graphs_per_worker(500_000_000, 4) == 8


def test_what_fits_goes_to_every_worker():
    layout = lay_out(BUCKETS[:9], BERT_BASE, cores=4)
    assert layout == Layout((Part(tuple(sorted(BUCKETS[:9])), 4),))
    assert layout.workers == 4


def test_what_does_not_fit_on_one_core_is_dealt_out_short_and_long_alike():
    layout = lay_out(BUCKETS, BERT_BASE, cores=4)
    assert [part.workers for part in layout.parts] == [2, 2]
    for part in layout.parts:
        assert {bucket.sequence_length for bucket in part.buckets} == {32, 64, 128, 256}
    assert layout.part_of(0) == layout.part_of(2) != layout.part_of(1)


def test_workers_that_the_parts_do_not_divide_go_to_the_first():
    layout = lay_out(BUCKETS, 200_000_000, cores=4)
    assert [part.workers for part in layout.parts] == [2, 1, 1]


@pytest.mark.parametrize(
    ("cores", "parameters", "pipeline", "sentence"),
    [
        (
            1,
            BERT_BASE,
            1,
            (
                "12 graphs of 110 million weights need 2 NeuronCores, since 1 NeuronCore holds 9 of them; "
                "the replica has 1: set serving.neuronCores to 4, or leave 3 buckets out"
            ),
        ),
        (
            4,
            2_500_000_000,
            1,
            (
                "a graph of 2500 million weights is too large: 1 NeuronCore holds 1000 million; "
                "set export.compiler.pipelineCores to 2"
            ),
        ),
        (1, BERT_BASE, 4, "a graph spans 4 NeuronCores, the replica has 1"),
        (
            16,
            3_000_000_000,
            16,
            (
                "12 graphs of 3000 million weights need 48 NeuronCores, since 16 NeuronCores hold 5 of them; "
                "the replica has 16: set serving.neuronCores to 64, or leave 7 buckets out"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_figures(cores, parameters, pipeline, sentence):
    with pytest.raises(TooLarge) as caught:
        lay_out(BUCKETS, parameters, cores, pipeline)
    assert str(caught.value) == sentence


def test_a_pipeline_of_all_cores_is_one_worker():
    assert lay_out(BUCKETS[:1], BERT_BASE, cores=4, pipeline_cores=4).workers == 1


def test_where_no_replica_is_large_enough_the_advice_is_to_leave_buckets_out():
    buckets = [Bucket(1, length) for length in range(8, 8 + 65)]
    with pytest.raises(TooLarge, match=r"the replica has 64: leave 1 bucket out$"):
        lay_out(buckets, 10**9, cores=64)


@given(
    st.sets(st.builds(Bucket, st.integers(1, 64), st.integers(8, 512)), min_size=1, max_size=32),
    st.integers(10**6, 3 * 10**9),
    st.sampled_from(CORES_OF_A_REPLICA),
    st.sampled_from((1, 2, 4)),
)
def test_every_bucket_has_a_worker_and_no_worker_more_than_fits(buckets, size, cores, pipeline):
    try:
        layout = lay_out(sorted(buckets), size, cores, pipeline)
    except TooLarge:
        workers = cores // pipeline
        each = graphs_per_worker(size, pipeline)
        assert len(buckets) > workers * each
        return
    assert sorted(b for part in layout.parts for b in part.buckets) == sorted(buckets)
    assert all(part.workers >= 1 for part in layout.parts)
    assert all(len(part.buckets) <= graphs_per_worker(size, pipeline) for part in layout.parts)
    assert layout.workers == cores // pipeline
    held = [layout.part_of(worker) for worker in range(layout.workers)]
    assert all(held.count(part) == part.workers for part in layout.parts)


@given(st.integers(1, 64), st.sampled_from((1, 4, 16)))
def test_the_most_weights_for_a_number_of_graphs_is_exact(graphs, pipeline):
    most = most_parameters(graphs, pipeline)
    assert graphs_per_worker(most, pipeline) >= graphs
    assert graphs_per_worker(most + 2, pipeline) < graphs


@given(st.integers(10**6, 10**11))
def test_the_advised_pipeline_holds_a_graph(parameters):
    advised = pipeline_for(parameters)
    assert graphs_per_worker(parameters, advised) >= 1
