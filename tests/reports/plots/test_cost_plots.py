import math

import keras
import numpy as np
import pytest

from keras_dlnotes import reports
from keras_dlnotes.reports import plot_costs, plot_receptive_fields


def labels(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_the_largest_shares_keep_their_order_and_the_rest_is_one_bar():
    names = [f"layer_{number}" for number in range(6)]
    figure = plot_costs(names, [0, 50, 0, 30, 10, 10], [0, 0, 100, 0, 0, 0], limit=3)
    left, right = figure.axes
    assert labels(left) == ["layer_1", "layer_2", "layer_3", "all others"]
    assert [bar.get_width() for bar in left.patches] == pytest.approx([0.5, 0, 0.3, 0.2])
    assert [bar.get_width() for bar in right.patches] == pytest.approx([0, 1, 0, 0])
    assert left.get_title(loc="left") == "share of\n100 multiplications"


def test_a_cost_that_is_not_known_has_no_bar():
    left, _ = plot_costs(["a", "b"], [math.nan, 5], [1, 1]).axes
    assert [bar.get_width() for bar in left.patches] == [0, 1]
    left, _ = plot_costs(["a"], [0], [0]).axes
    assert [bar.get_width() for bar in left.patches] == [0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], [1, 2], [1]), "must have the same length"),
        ((["a"], [], []), "`multiplications` must be a non-empty array"),
        ((["a"], [1], [1], 0), "`limit` must be an integer ≥ 1"),
    ],
)
def test_bad_costs_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_costs(*arguments)


def frames(figure) -> list[tuple]:
    """Returns (left, top, width, height) of each frame but the input's."""
    patches = figure.axes[0].patches[1:]
    return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in patches]


def test_frames_stand_around_the_middle_of_the_input():
    sizes = {"a": (3, 5), "same as a": (3, 5), "b": (11, None)}
    figure = plot_receptive_fields((9, 20), sizes, image=np.eye(9, 20))
    assert frames(figure) == [(7.5, 3, 5, 3), (0, -1, 20, 11)]
    assert [text.get_text() for text in figure.axes[1].texts] == ["3 × 5  a", "11 × all  b"]


def test_a_sequence_has_a_bar_a_layer():
    figure = plot_receptive_fields((10,), {"a": (2,), "b": (None,)})
    assert frames(figure) == [(4, 0.1, 2, 0.8), (0, 1.1, 10, 0.8)]


def test_the_first_and_the_last_of_many_sizes_are_shown():
    sizes = {str(number): (number, number) for number in range(1, 40)}
    figure = plot_receptive_fields((64, 64), sizes, limit=4)
    assert [width for *_, width, _ in frames(figure)] == [1, 14, 26, 39]


@pytest.mark.parametrize(
    ("shape", "sizes", "message"),
    [
        ((8, 8, 8), {"a": (1, 1, 1)}, r"`input_shape` must be \(height, width\) or \(time,\)"),
        ((8, 8), {"a": (1,)}, "`sizes` must be sizes of 2 entries"),
        ((8, 8), {}, "`sizes` must be a non-empty mapping"),
    ],
)
def test_bad_fields_are_refused(shape, sizes, message):
    with pytest.raises(ValueError, match=message):
        plot_receptive_fields(shape, sizes)


def test_the_page_of_a_model_says_what_it_costs(tmp_path):
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, name="first"), keras.layers.Flatten()]
    )
    reports.summarize(model).to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("first", "Conv2D", "3 × 3", "21,168", "A multiply-add is two FLOPs."):
        assert text in page


def test_a_model_without_spatial_axes_has_a_page_without_receptive_fields(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    reports.summarize(model).to_html(tmp_path / "report.html")
    assert "What it sees" not in (tmp_path / "report.html").read_text(encoding="utf-8")
