"""The plots of the benchmarks: what they show, and that their titles say it."""

import re
from xml.etree import ElementTree as ET

import pytest

import plots
from recorded import EXPORT, LOAD, OPERATOR
from tracedmodel_server.capacity.calibrate import ROWS
from tracedmodel_server.capacity.drawing import BLUE, ORANGE, PALE
from tracedmodel_server.capacity.judge import Verdict

SVG = "{http://www.w3.org/2000/svg}"
VERDICTS = [Verdict(row, row.texts_per_second * 0.8, row.p50) for row in ROWS]
DRAWN = {
    "bars": plots.bars_plot({"export": EXPORT, "operator": OPERATOR}),
    "steps": plots.steps_plot(EXPORT),
    "batches": plots.batches_plot(EXPORT),
    "load": plots.load_plot(LOAD),
    "created": plots.created_plot(OPERATOR),
    "restart": plots.restart_plot(OPERATOR),
    "memory": plots.memory_plot(OPERATOR),
    "capacity": plots.capacity_plot(VERDICTS),
}


def texts(drawn):
    return [text.text for text in ET.fromstring(drawn).iter(f"{SVG}text")]


def filled(drawn, colour):
    """Return the widths of the areas of a colour, from top to bottom."""
    found = (r for r in ET.fromstring(drawn).iter(f"{SVG}rect") if r.get("fill") == colour)
    return [float(r.get("width")) for r in sorted(found, key=lambda r: float(r.get("y")))]


def points(drawn, colour, dash="none"):
    """Return the places of the lines of a colour."""
    return [
        [tuple(map(float, place.split())) for place in re.split("[ML]", path.get("d"))[1:]]
        for path in ET.fromstring(drawn).iter(f"{SVG}path")
        if (path.get("stroke"), path.get("stroke-dasharray")) == (colour, dash)
    ]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("bars", "14 of 14 figures are within their bars"),
        ("steps", "An export of 8 buckets takes 6.00 s, the plain script 5.00 s"),
        ("batches", "32 tokens: 400 texts/s in batches of 8, 100 one by one"),
        (
            "load",
            "99 of 100 answers within 100 ms: up to 40 requests/s, from the plain server up to 20",
        ),
        ("created", "1,000 resources at once: every Job after 6.0 s, all Ready after 19.0 s"),
        (
            "restart",
            "Restarted beside 10,000 resources: all looked at after 24.0 s, with 0 writes",
        ),
        ("memory", "210 MiB with 10,000 resources, settled; at most 260 while they came"),
        ("capacity", "Predicted from the other rows, none is missed by more than 20%"),
    ],
)
def test_a_title_says_what_is_found(name, title):
    assert texts(DRAWN[name])[0] == title


@pytest.mark.parametrize("name", DRAWN)
def test_no_words_leave_the_picture_or_lie_on_others(name):
    places = []
    for text in ET.fromstring(DRAWN[name]).iter(f"{SVG}text"):
        wide = len(text.text) * (9.6 if text.get("class") == "title" else 7.6)
        left = (
            float(text.get("x"))
            - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor", "start")]
        )
        assert left >= 0
        assert left + wide <= 848
        places.append((left, left + wide, float(text.get("y"))))
    for number, (left, right, y) in enumerate(places):
        for other_left, other_right, other_y in places[:number]:
            assert right <= other_left or other_right <= left or abs(y - other_y) >= 12


def test_bars_are_as_long_as_their_share():
    widths = filled(DRAWN["bars"], BLUE)
    room = 840 - 336 - 150
    assert widths[0] == pytest.approx(room * 1.1 / 1.15, abs=0.1)
    assert widths[-1] == pytest.approx(room, abs=0.1)
    assert "1.10 of 1.15" in texts(DRAWN["bars"])


def test_a_missed_bar_leaves_the_frame_room():
    missed = plots.bars_plot({"export": {**EXPORT, "server_start_ratio": 2.6}})
    assert texts(missed)[0] == "5 of 6 figures are within their bars"
    assert "2" in texts(missed)


def test_a_figure_that_should_be_nothing_has_no_share():
    assert "restart_writes_10000" not in texts(DRAWN["bars"])


def test_steps_stand_beside_those_of_the_plain_script():
    first, second = (filled(DRAWN["steps"], colour) for colour in (BLUE, ORANGE))
    assert first[0] == pytest.approx(first[1] * 2, abs=0.2)
    assert second[0] == pytest.approx(second[1] * 3, abs=0.2)
    assert {"rest", "trace", "exporter", "plain script"} <= set(texts(DRAWN["steps"]))


def test_throughput_is_the_batch_over_its_time():
    (traced,) = points(DRAWN["batches"], BLUE)
    (_, alone), (_, eight) = traced
    base = 344
    assert (base - eight) == pytest.approx(4 * (base - alone), rel=0.01)
    assert points(DRAWN["batches"], BLUE, dash="6 4")
    assert "eager, 128 tokens" in texts(DRAWN["batches"])


def test_latencies_of_both_servers_are_drawn_over_the_load():
    for colour, count in ((BLUE, 3), (ORANGE, 2)):
        for dash in ("none", "6 4"):
            (line,) = points(DRAWN["load"], colour, dash)
            assert len(line) == count
    assert {"server p99", "plain p50", "requests offered a second"} <= set(texts(DRAWN["load"]))


def test_the_operator_s_plots_show_their_bars():
    assert {"bar for all Ready", "bar for every Job"} <= set(texts(DRAWN["created"]))
    assert "bar" in texts(DRAWN["restart"])
    assert "bar, settled" in texts(DRAWN["memory"])


def test_a_pass_ends_at_the_number_of_all():
    (line,) = points(DRAWN["restart"], BLUE)
    assert line[-1][1] == 72


def test_a_predicted_row_stands_beside_what_was_published():
    assert len(filled(DRAWN["capacity"], PALE)) == len(ROWS)
    assert texts(DRAWN["capacity"]).count("-20%") == len(ROWS)
    assert "bert-base-cased, batch 8, 4x2" in texts(DRAWN["capacity"])
