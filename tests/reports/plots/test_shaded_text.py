import numpy as np
import pytest

from keras_dlnotes.reports import plot_shaded_text

TEXT = "ab c\nde"
VALUES = np.array([1.0, 2, 3, 4, 5, 6, 7])


def test_each_character_has_its_place_and_its_shade():
    figure = plot_shaded_text(TEXT, {"one": VALUES, "other": VALUES * 0}, "bits", columns=3)
    first, second = figure.axes[:2]
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["one", "other"]
    for axes in (first, second):
        found = {text.get_text(): text.get_position() for text in axes.texts}
        assert found == {"a": (0, 0), "b": (1, 0), "c": (0, 1), "d": (0, 2), "e": (1, 2)}
    np.testing.assert_array_equal(first.images[0].get_array(), [[1, 2, 3], [4, 5, 0], [6, 7, 0]])
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, 7)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"text": "short"}, "the same length"),
        ({"values": {}}, "`values`"),
        ({"values": {"one": VALUES[None]}}, r"values\['one'\]"),
        ({"columns": 0}, "`columns`"),
    ],
)
def test_what_does_not_fit_is_an_error(change, match):
    with pytest.raises(ValueError, match=match):
        plot_shaded_text(**{"text": TEXT, "values": {"one": VALUES}} | change)
