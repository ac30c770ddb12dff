"""Pictures: what stands where, and that it can be read."""

from xml.etree import ElementTree as ET

import pytest

from tracedmodel_server.capacity.drawing import BLUE, GREEN, GREY, ORANGE, Axis, Picture, steps

SVG = "{http://www.w3.org/2000/svg}"
TEN = Axis("tens", 0, 10, [(0, "0"), (10, "10")])
FRAME_LEFT, FRAME_RIGHT, FRAME_TOP, FRAME_BASE = 76, 804, 72, 344


def picture(**more):
    return Picture("Ten is enough", TEN, Axis.upto("seconds", 100), **more)


def parsed(drawn):
    return ET.fromstring(drawn.svg())


def found(drawn, tag, **attributes):
    """Return the elements of a tag that have all of some attributes."""
    return [
        element
        for element in parsed(drawn).iter(f"{SVG}{tag}")
        if all(element.get(name) == value for name, value in attributes.items())
    ]


def written(drawn):
    return {text.text: text for text in parsed(drawn).iter(f"{SVG}text")}


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (3, ["0", "0.5", "1", "1.5", "2", "2.5", "3"]),
        (7, ["0", "1", "2", "3", "4", "5", "6", "7"]),
        (8, ["0", "2", "4", "6", "8"]),
        (31.5, ["0", "5", "10", "15", "20", "25", "30", "35"]),
        (2100, ["0", "500", "1,000", "1,500", "2,000", "2,500"]),
        (0.3, ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"]),
    ],
)
def test_an_axis_ends_at_a_round_tick_that_is_not_below_the_most(most, ticks):
    axis = Axis.upto("seconds", most)
    assert [word for _, word in axis.ticks] == ticks
    assert axis.least == 0
    assert axis.most == pytest.approx(axis.ticks[-1][0])
    assert axis.most >= most


def test_things_that_are_counted_have_whole_ticks():
    assert [word for _, word in Axis.upto("replicas", 3, finest=1).ticks] == ["0", "1", "2", "3"]


def test_a_logarithmic_axis_holds_both_ends_and_gives_each_factor_the_same_room():
    axis = Axis.powers("ms", 7, 1300)
    words = ["5", "10", "20", "50", "100", "200", "500", "1,000", "2,000"]
    assert [word for _, word in axis.ticks] == words
    assert (axis.share(5), axis.share(2000)) == (0, 1)
    assert axis.share(100) - axis.share(10) == pytest.approx(axis.share(1000) - axis.share(100))


def test_a_line_is_where_its_values_are():
    drawn = picture()
    drawn.line("time", [(0, 0), (10, 100)], BLUE, dots=True)
    (path,) = found(drawn, "path", stroke=BLUE)
    assert path.get("d") == f"M{FRAME_LEFT}.0 {FRAME_BASE}.0L{FRAME_RIGHT}.0 {FRAME_TOP}.0"
    assert len(found(drawn, "circle", fill=BLUE)) == 2
    assert "time" in written(drawn)


def test_a_line_may_go_by_the_right_axis():
    right = Axis.upto("requests/s", 1000)
    drawn = picture(right=right)
    drawn.line("rate", [(0, 1000), (10, 500)], GREY, axis=right)
    (path,) = found(drawn, "path", stroke=GREY)
    assert path.get("d").endswith(f" {(FRAME_TOP + FRAME_BASE) / 2}")
    assert {"requests/s", "800"} <= set(written(drawn))


def test_areas_and_dots_are_named_once():
    drawn = picture()
    for place in (1, 3):
        drawn.area((place, place + 1), (0, 50), ORANGE, "late")
        drawn.dot(place, 50, GREEN, "seen")
    drawn.dot(9, 9, GREEN)
    assert len(found(drawn, "rect", fill=ORANGE)) == 2
    # Three, and one in the legend.
    assert len(found(drawn, "circle", fill=GREEN)) == 4
    names = [text.text for text in parsed(drawn).iter(f"{SVG}text")]
    assert (names.count("late"), names.count("seen")) == (1, 1)


def test_a_row_that_counts_downwards_is_filled_all_the_same():
    drawn = Picture("Rows", TEN, Axis("", 2, 0, [(0.5, "first"), (1.5, "second")]))
    drawn.area((0, 5), (0.25, 0.75), ORANGE)
    (rect,) = found(drawn, "rect", fill=ORANGE)
    assert float(rect.get("height")) == pytest.approx((FRAME_BASE - FRAME_TOP) / 4)
    assert float(rect.get("y")) == pytest.approx(FRAME_TOP + (FRAME_BASE - FRAME_TOP) / 8)


def test_bars_are_lines_through_the_frame_with_their_words():
    drawn = picture()
    drawn.bar("not above", 50)
    drawn.limit("not right of", 5)
    across, upright = (
        line for line in parsed(drawn).iter(f"{SVG}line") if line.get("stroke-dasharray")
    )
    assert (across.get("x1"), across.get("x2")) == (str(FRAME_LEFT), str(FRAME_RIGHT))
    assert across.get("y1") == across.get("y2") == "208.0"
    assert (upright.get("y1"), upright.get("y2")) == (str(FRAME_TOP), str(FRAME_BASE))
    assert upright.get("x1") == upright.get("x2") == "440.0"
    assert {"not above", "not right of"} <= set(written(drawn))


def test_words_stand_right_of_their_place():
    drawn = picture()
    drawn.words(0, 0, "begin")
    assert float(written(drawn)["begin"].get("x")) > FRAME_LEFT


def test_a_picture_has_a_ground_of_its_own_and_a_title_for_those_who_cannot_see_it():
    drawn = picture()
    root = parsed(drawn)
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Ten is enough"
    ground = root.find(f"{SVG}rect")
    assert ground.get("fill") == "#fff"
    assert (ground.get("width"), ground.get("height")) == (root.get("width"), root.get("height"))


def test_what_xml_would_misread_is_escaped():
    drawn = Picture("p99 < 100 ms & more", TEN, TEN)
    assert "p99 < 100 ms & more" in written(drawn)


def test_steps_keep_a_value_until_the_next():
    points = [(0, 1.0), (2, 1.0), (4, 3.0)]
    assert steps(points, end=5) == [(0, 1.0), (4, 1.0), (4, 3.0), (5, 3.0)]
