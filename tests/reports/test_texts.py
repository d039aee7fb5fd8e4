"""Pictures of what happened to texts: marked lines, and the error by length."""

import pytest

from keras_dlnotes.reports import plot_error_by_length, plot_marked_lines


def bold(figure):
    return [text.get_text() for text in figure.texts if text.get_fontweight() == "bold"]


def test_wrong_letters_restored_and_spoilt_ones_are_marked():
    figure = plot_marked_lines(["a cat sat"], ["a cot sar"], ["a cat sam"])
    assert bold(figure) == ["o", "r", "a", "m"]
    colours = [text.get_color() for text in figure.texts if text.get_fontweight() == "bold"]
    assert colours[0] == colours[1] == colours[3] != colours[2]


def test_no_more_lines_than_asked_for():
    lines = ["ab"] * 5
    assert len(plot_marked_lines(lines, lines, lines, limit=2).texts) == 4


def test_bars_are_means_and_say_how_many():
    axes = plot_error_by_length([2, 4, 4], [0.5, 0.0, 1.0]).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.5]
    assert [text.get_text() for text in axes.texts] == ["1", "2"]


@pytest.mark.parametrize(
    ("function", "arguments", "match"),
    [
        (plot_marked_lines, (["a"], ["a", "b"], ["a"]), "same length"),
        (plot_marked_lines, (["a"], ["ab"], ["a"]), "as long as"),
        (plot_marked_lines, ([], [], []), "at least one line"),
        (plot_error_by_length, ([1, 2], [0.5]), "same length"),
        (plot_error_by_length, ([-1], [0.5]), "numbers ≥ 0"),
    ],
)
def test_what_does_not_fit_is_refused(function, arguments, match):
    with pytest.raises(ValueError, match=match):
        function(*arguments)
