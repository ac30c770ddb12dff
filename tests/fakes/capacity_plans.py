"""Traffic, fleets and the command line for tests of the capacity plan."""

import argparse

from tracedmodel_api.buckets import Bucket
from tracedmodel_server.capacity import command
from tracedmodel_server.capacity.simulate import Fleet
from tracedmodel_server.capacity.times import Spread
from tracedmodel_server.capacity.traffic import Traffic

ONE, EIGHT = Bucket(1, 64), Bucket(8, 64)


def steady(*seconds_by_bucket):
    """Return times that never vary, from pairs of bucket and seconds."""
    return {bucket: Spread(seconds, seconds) for bucket, seconds in seconds_by_bucket}


def fleet(servers=1, workers=1, times=None, **settings):
    return Fleet(servers, workers, times or steady((ONE, 0.010), (EIGHT, 0.040)), **settings)


def traffic(rate=50.0, lengths=((64, 1),), texts=1):
    return Traffic.model_validate(
        {
            "requestsPerSecond": rate,
            "textsPerRequest": texts,
            "lengths": [{"tokens": tokens, "weight": weight} for tokens, weight in lengths],
        }
    )


def parsed(*words):
    """Return the arguments of ``tracedmodel plan-capacity``."""
    parser = argparse.ArgumentParser(prog="tracedmodel plan-capacity")
    command.configure(parser)
    return parser.parse_args(words)


def output(capsys, *words):
    """Run the command and return what it writes."""
    assert command.run(parsed(*words)) == 0
    return capsys.readouterr().out
