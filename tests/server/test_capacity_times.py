import json

import pytest

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_api.status import BucketStatus, Latency
from tracedmodel_server.capacity.times import (
    Spread,
    demand_times,
    of_status,
    parse_bucket,
    parse_buckets,
    parse_times,
)


def test_buckets_are_written_as_everywhere():
    assert parse_buckets("1x128, 8x128,1x128") == [Bucket(1, 128), Bucket(8, 128)]
    assert parse_bucket("1x32x32x4") == Bucket(1, 32, 32, 4)


@pytest.mark.parametrize("text", ["", "8", "8x", "8x128x4", "8x0", "axb", "1x2x3x4x5", "-1x8"])
def test_what_is_no_bucket_is_told_with_an_example(text):
    with pytest.raises(Failure, match="such as 8x128"):
        parse_bucket(text)


def test_a_number_is_the_time_of_every_batch():
    (spread,) = parse_times('{"8x128": 92}', "times.json").values()
    assert spread == Spread(0.092, 0.092)
    assert spread.sigma == 0


def test_p50_and_p99_are_the_quantiles_of_a_lognormal_distribution():
    (spread,) = parse_times('{"8x128": {"p50": 10, "p99": 20}}', "times.json").values()
    assert spread.sigma == pytest.approx(0.29796, abs=1e-5)
    assert spread.longer(1.5) == Spread(0.015, pytest.approx(0.03))


def test_the_answer_of_a_server_about_its_proof_is_read_as_it_is():
    proof = {
        "model": "minilm",
        "buckets": [
            {
                "batchSize": 8,
                "sequenceLength": 128,
                "digest": "d",
                "p50Microseconds": 51700,
                "p99Microseconds": 60000,
            }
        ],
    }
    assert parse_times(json.dumps(proof), "proof.json") == {Bucket(8, 128): Spread(0.0517, 0.06)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8x128: 92", "is no JSON"),
        ("[]", "write an object"),
        ("{}", "write an object"),
        ('{"8x128": "92"}', '8x128: given "92"; write an object'),
        ('{"8x128": true}', "given true"),
        ('{"8x128": 0}', "given 0"),
        ('{"8x128": NaN}', "given NaN"),
        ('{"8x128": {"p50": 9, "p99": 8}}', "given"),
        ('{"8x128": {"p50": 9, "p99": "8"}}', "given"),
        ('{"8x128": {"p99": 8}}', "given"),
        ('{"8x128": {"p50": 8, "p90": 8}}', "given"),
        ('{"8": 92}', "such as 8x128"),
        ('{"buckets": [{"batchSize": 8}]}', "write an object"),
        ('{"buckets": [8]}', "write an object"),
    ],
)
def test_what_holds_no_times_is_told_with_what_to_write(text, said):
    with pytest.raises(Failure, match=r"times\.json|such as") as caught:
        parse_times(text, "times.json")
    assert said in str(caught.value)
    assert caught.value.reason.name == "InvalidRequest"


def test_a_status_gives_the_times_that_it_has():
    def bucket(batch, **latency):
        return BucketStatus(
            batch_size=batch,
            sequence_length=64,
            digest="d",
            size_bytes=1,
            latency=Latency(**latency),
        )

    statuses = [
        bucket(1),
        bucket(4, p50_microseconds=4000),
        bucket(8, p50_microseconds=8000, p99_microseconds=9000),
    ]
    assert of_status(statuses) == {
        Bucket(4, 64): Spread(0.004, 0.004),
        Bucket(8, 64): Spread(0.008, 0.009),
    }


def test_buckets_without_a_time_are_named_with_what_to_give():
    times = {Bucket(1, 64): Spread(1, 1)}
    assert demand_times([Bucket(1, 64)], times) == times
    with pytest.raises(Failure, match="no time is known for 1x32, 8x64: give --times FILE"):
        demand_times([Bucket(8, 64), Bucket(1, 64), Bucket(1, 32)], times)
