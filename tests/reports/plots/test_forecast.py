import numpy as np
import pytest

from keras_dlnotes.reports import plot_forecasts


def test_the_observations_and_every_forecast_are_drawn():
    times, truth = np.arange(4) + 1990, np.array([1.0, 3, 2, 5])
    forecasts = {name: truth + number for number, name in enumerate("abcd")}
    axes = plot_forecasts(times, truth, forecasts, "sunspots").axes[0]
    drawn = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_array_equal(drawn["observed"].get_ydata(), truth)
    np.testing.assert_array_equal(drawn["c"].get_ydata(), truth + 2)
    np.testing.assert_array_equal(drawn["c"].get_xdata(), times)
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 5
    assert axes.get_ylabel() == "sunspots"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([1], [1.0], {}), "`forecasts` must be a non-empty mapping"),
        (([1, 2], [1.0], {"a": [1.0]}), "same length"),
        (([1, 2], [1.0, 2], {"a": [1.0]}), r"`forecasts\['a'\]` must have the same length"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        plot_forecasts(*arguments)
