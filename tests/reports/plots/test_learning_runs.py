import numpy as np
import pytest
from matplotlib.colors import to_rgb

from keras_dlnotes.reports import plot_runs
from keras_dlnotes.reports.plots.theme import DARK, PAPER

RUNS = {
    "small": {"val_loss": [0.9, np.nan, 0.7, 0.8], "val_accuracy": [0.5, 0.6, 0.8, 0.7]},
    "large": {"val_loss": [0.8, 0.5], "val_accuracy": [0.6, 0.9]},
}


def lines(figure) -> dict:
    found = {line.get_label(): line for line in figure.axes[0].get_lines()}
    return {label: line for label, line in found.items() if not label.startswith("_")}


def test_each_run_is_a_line_of_its_own_length_with_its_best_epoch():
    figure = plot_runs(RUNS)
    small, large = lines(figure).values()
    np.testing.assert_array_equal(small.get_ydata(), RUNS["small"]["val_loss"])
    np.testing.assert_array_equal(large.get_xdata(), [1, 2])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "small: 0.7 at epoch 3",
        "large: 0.5 at epoch 2",
    ]
    assert figure.axes[0].get_ylabel() == "val loss"


def test_long_names_stand_one_below_the_other_within_the_figure():
    runs = {f"{name} with a name that is very long": run for name, run in RUNS.items()}
    for histories in (RUNS, runs):
        figure = plot_runs(histories)
        figure.draw_without_rendering()
        legend, page = figure.legends[0].get_window_extent(), figure.bbox
        assert legend.x0 >= page.x0 and legend.x1 <= page.x1


def test_the_best_of_a_score_is_the_highest():
    assert list(lines(plot_runs(RUNS, "val_accuracy"))) == [
        "small: 0.8 at epoch 3",
        "large: 0.9 at epoch 2",
    ]


def test_the_best_of_an_error_by_its_short_name_is_the_lowest():
    assert list(lines(plot_runs({"a": {"val_mae": [5, 1, 3]}}, "val_mae"))) == ["a: 1 at epoch 2"]


def test_the_direction_can_be_given():
    assert list(lines(plot_runs(RUNS, "val_accuracy", direction="min"))) == [
        "small: 0.5 at epoch 1",
        "large: 0.6 at epoch 1",
    ]


def linear(colour):
    """Its red, green and blue, as light adds up."""
    values = np.array(to_rgb(colour))
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)


def contrast(colour, paper):
    first, second = sorted(linear(one) @ [0.2126, 0.7152, 0.0722] + 0.05 for one in (colour, paper))
    return second / first


def test_a_formula_of_contrast_that_is_known():
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)


def test_each_of_many_runs_has_a_colour_of_its_own_that_is_seen_on_both_papers():
    runs = {str(number): {"loss": [1.0, 0.5]} for number in range(24)}
    figure = plot_runs(runs, "loss")
    colours = [line.get_color() for line in lines(figure).values()]
    for paper in (PAPER, DARK[PAPER]):
        shown = [DARK.get(colour, colour) if paper != PAPER else colour for colour in colours]
        assert min(contrast(colour, paper) for colour in shown) >= 3
        lights = np.cbrt([linear(colour) for colour in shown])
        apart = np.linalg.norm(lights[:, np.newaxis] - lights, axis=-1)
        assert apart[~np.eye(24, dtype=bool)].min() > 0.05
    dashes = {(line.get_color(), line.get_linestyle()) for line in lines(figure).values()}
    assert len(dashes) == 24


def test_a_long_legend_leaves_the_axes_their_height():
    heights = []
    for count in (2, 24):
        figure = plot_runs({str(number): {"loss": [1.0, 0.5]} for number in range(count)}, "loss")
        figure.draw_without_rendering()
        heights.append(figure.axes[0].get_window_extent().height)
    assert heights[1] > 0.8 * heights[0]


def test_a_run_of_nothing_but_nan_has_no_best_epoch():
    assert list(lines(plot_runs({"lost": {"loss": [np.nan]}}, "loss"))) == ["lost"]


def test_bad_runs_are_refused():
    with pytest.raises(ValueError, match="`histories` must be a non-empty mapping"):
        plot_runs({})
    with pytest.raises(
        ValueError, match="`metric` must be one of the metrics of run 'small': val_l"
    ):
        plot_runs(RUNS, "loss")
    with pytest.raises(ValueError, match="`direction` must be one of 'min', 'max'"):
        plot_runs(RUNS, direction="up")
