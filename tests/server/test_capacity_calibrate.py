import pytest

from tracedmodel_api.buckets import Bucket
from tracedmodel_api.report import Failure
from tracedmodel_server.capacity.calibrate import (
    BERT_BASE,
    DISTIL,
    MEASURED_LENGTH,
    PARAMETERS,
    ROWS,
    WORST_ERROR,
    CoreModel,
    Encoder,
    Row,
    fit,
    parse_encoder,
    published_spread,
)
from tracedmodel_server.capacity.judge import leave_configuration_out, leave_one_out, replay


def test_the_weights_and_operations_of_bert_base_are_those_of_its_layers():
    assert BERT_BASE.weights == 84_934_656
    # 12 layers of 2 x 7.08 million operations a token, and attention: 22.3 GFLOP for 128 tokens.
    assert BERT_BASE.flops(128) == 12 * (24 * 768**2 * 128 + 4 * 768 * 128**2)
    assert BERT_BASE.flops(128) / 1e9 == pytest.approx(22.3, abs=0.1)


def synthetic(truth, encoder, batch, models, workers):
    seconds = truth.seconds(encoder, batch, MEASURED_LENGTH, models)
    return Row("made", encoder, batch, models, workers, models * batch / seconds, seconds, seconds)


def test_a_fit_finds_the_numbers_that_made_the_rows():
    truth = CoreModel(0.0015, 9e12)
    settings = [(BERT_BASE, 1, 1, 1), (BERT_BASE, 8, 4, 2), (DISTIL, 6, 4, 1), (DISTIL, 3, 1, 1)]
    found = fit([synthetic(truth, *setting) for setting in settings])
    assert (found.overhead, found.rate) == (pytest.approx(0.0015), pytest.approx(9e12))


def test_what_is_fitted_is_physically_possible_and_leaves_degrees_of_freedom():
    model = fit(ROWS)
    assert 0 < model.overhead < 0.005
    # A chip has 64 TFLOPS, a core a quarter.
    assert 8e12 < model.rate < 16e12
    assert len(ROWS) - PARAMETERS == 8


@pytest.mark.parametrize("judged", [leave_one_out, leave_configuration_out])
def test_every_published_row_is_predicted_from_the_others_within_the_error_that_is_told(judged):
    verdicts = judged()
    assert [one.row for one in verdicts] == list(ROWS)
    assert max(abs(one.throughput_error) for one in verdicts) <= WORST_ERROR
    assert max(abs(one.p50_error) for one in verdicts) <= WORST_ERROR


def test_a_row_is_left_out_of_the_fit_that_judges_it():
    spoiled = [*ROWS[:-1], Row(*("odd", DISTIL, 3, 1, 1), 4.17, 0.7, 0.8)]
    assert leave_one_out(spoiled)[-1].throughput_error == pytest.approx(108.7, rel=0.01)


def test_rows_of_one_configuration_are_left_out_together():
    one, both = leave_one_out()[2], leave_configuration_out()[2]
    assert one.row.configuration == ROWS[3].configuration
    assert abs(both.throughput_error) > abs(one.throughput_error)


@pytest.mark.parametrize(("workers", "p50"), [(1, 0.020), (2, 0.040)])
def test_a_benchmark_is_replayed_with_its_clients(workers, p50):
    # Each model's core takes 20 ms for a batch of 8: two clients keep it as busy as one, and wait twice as long.
    model = CoreModel(0.0, 8 * DISTIL.flops(128) / (0.020 - DISTIL.weights * 2 / (50 * 2**30)))
    seen = replay(Row("made", DISTIL, 8, 4, workers, 1600.0, p50, p50), model)
    assert seen.texts_per_second == pytest.approx(1600, rel=0.02)
    assert seen.p50 == pytest.approx(p50)


def test_computed_times_have_the_spread_of_published_ones():
    model = fit(ROWS)
    times = model.times(BERT_BASE, [Bucket(1, 128), Bucket(8, 128)])
    assert times[Bucket(8, 128)].p50 == model.seconds(BERT_BASE, 8, 128, models=4)
    assert times[Bucket(1, 128)].p99 / times[Bucket(1, 128)].p50 == published_spread()
    assert published_spread() == pytest.approx(1.579, abs=0.001)


def test_no_time_of_a_translation_is_computed():
    with pytest.raises(Failure, match="1x32x32x4 can be computed: translation needs --times"):
        fit(ROWS).times(BERT_BASE, [Bucket(1, 32, 32, 4)])


def test_an_encoder_is_named_by_layers_and_width():
    assert parse_encoder("6x384") == Encoder(6, 384)


@pytest.mark.parametrize("text", ["bert", "12", "0x768", "12x1", "12x768x4", "12 x 768"])
def test_what_names_no_encoder_is_told_with_where_to_look(text):
    with pytest.raises(Failure, match="num_hidden_layers, hidden_size"):
        parse_encoder(text)
