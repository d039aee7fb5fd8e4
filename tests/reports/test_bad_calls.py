"""Wrong arguments of the plots are refused by name, and nothing wrong is drawn in silence."""

import numpy as np
import pytest

from keras_dlnotes import reports
from tests import bad_calls
from tests.bad_calls import CHOICE, COUNT, MAPPING, NOTHING, TEXT

IMAGES = np.zeros((2, 4, 4))
NUMBERS = (*bad_calls.ARRAY, 3, np.zeros((2, 2, 2, 2, 2)), np.array([]))
PICTURES = (*bad_calls.ARRAY, np.zeros((2, 4, 4, 5)), np.zeros(4), np.full((2, 4, 4), np.nan))
CLASSES = (
    *(*NUMBERS, [0.0, 1.0], [True, False], [0, 2], [0, -1], [0, 2**40], [[0], [1]], [0]),
    *(np.array([0, 1], "float16"), np.ma.masked_array([0, 1], [0, 1])),
)
NAMES = (*NOTHING, "ab", b"ab", 3, 2.5, {0: "a", 1: "b"}, {"a", "b"}, [None, "b"], [["a"], "b"])
LINES = (*NAMES, ["ab"], [])
PROBABILITIES = (*NUMBERS, [[0.5, 0.5]], [[1.5, 0], [0, 1]], [[-1, 0], [0, 1]], [[np.nan] * 2] * 2)
MASKS = (*bad_calls.ARRAY, np.zeros((2, 4, 4)), np.ones((2, 4, 4), "uint8"), np.ones((2, 4), bool))
FILLED = (*bad_calls.without(NUMBERS), [0.5, np.nan], [0.5, np.inf])
HISTORIES = (*MAPPING, {}, {"loss": "ab"}, {"loss": [None]}, {3: [1.0]}, {"loss": [1j]})
VALUES = (*MAPPING, {}, {"a": "ab"}, {"a": [1, 2, 3]}, {"a": [1j, 2]}, {"a": [1, float("inf")]})
SHARES = [0.1] * 8
CALLS = {
    reports.plot_captions: (
        {"images": IMAGES, "captions": ["a", "b"]},
        {"images": PICTURES, "captions": (*NAMES, ["a"]), "limit": COUNT, "columns": COUNT},
    ),
    reports.plot_confusion_matrix: (
        {"labels": [0, 1], "predictions": [0, 1], "class_names": ["a", "b"]},
        {"labels": CLASSES, "predictions": CLASSES, "class_names": (*NAMES, [])},
    ),
    reports.plot_mistakes: (
        {
            **{"images": IMAGES, "labels": [0, 1], "predictions": [1, 1]},
            **{"probabilities": np.full((2, 2), 0.5), "class_names": ["a", "b"]},
        },
        {
            **{"images": PICTURES, "labels": CLASSES, "predictions": CLASSES},
            **{"probabilities": PROBABILITIES, "class_names": (*NAMES, []), "limit": COUNT},
        },
    ),
    reports.plot_overlays: (
        {"images": IMAGES, "truth": IMAGES > 0, "found": IMAGES > 0},
        {"images": PICTURES, "truth": MASKS, "found": MASKS, "limit": COUNT, "columns": COUNT},
    ),
    reports.plot_forecasts: (
        {"times": [1, 2], "truth": [1, 2], "forecasts": {"a": [1, 2]}},
        {"times": NUMBERS, "truth": NUMBERS, "forecasts": VALUES[:-1], "name": TEXT},
    ),
    reports.plot_error_by_length: (
        {"lengths": [1, 2], "errors": [0.1, 0.2]},
        {
            **{"lengths": (*FILLED, [1, -1], [1, 1.5]), "errors": (*FILLED, [0.5, -0.5])},
            **{"name": TEXT, "length": TEXT},
        },
    ),
    reports.plot_image_rows: (
        {"rows": {"a": IMAGES}},
        {
            "rows": (*MAPPING, {}, {"a": None}, {"a": np.zeros(3)}, {3: IMAGES}, {"a": "abc"}),
            "limit": COUNT,
        },
    ),
    reports.plot_latent_map: (
        {"codes": np.eye(2), "labels": [0, 1]},
        {
            "codes": (*NUMBERS, np.ones((2, 1)), np.full((2, 3), np.nan), np.full((2, 2), np.inf)),
            "labels": bad_calls.without(CLASSES, None, [0, 2], [0, 2**40]),
            "class_names": (*bad_calls.without(NAMES, None), ["a", 2.5]),
            "limit": COUNT,
        },
    ),
    reports.latent_grid: (
        {"first": [0, 0], "second": [1, 0], "third": [0, 1]},
        {
            **dict.fromkeys(("first", "second", "third"), (*FILLED, [0, 0, 0])),
            "size": (*COUNT, 1, 2**40),
        },
    ),
    reports.plot_latent_grid: (
        {"images": IMAGES},
        {"images": PICTURES, "columns": (*bad_calls.without(COUNT, None), 3, 2**40)},
    ),
    reports.plot_learning_curves: (
        {"history": {"loss": [1.0, 0.5]}},
        {"history": HISTORIES, "best_epoch": (*bad_calls.without(COUNT, None), 3, 2**40)},
    ),
    reports.plot_runs: (
        {"histories": {"a": {"val_loss": [1.0]}}},
        {
            "histories": (*MAPPING, {}, {"a": None}, {"a": {"val_loss": None}}, {"a": "val_loss"}),
            "metric": (*TEXT, ""),
            "direction": bad_calls.without(CHOICE, None),
        },
    ),
    reports.plot_kernels: ({"kernel": np.ones((3, 3, 1, 2))}, {"kernel": NUMBERS, "limit": COUNT}),
    reports.plot_feature_maps: (
        {"image": np.eye(4), "feature_maps": {"a": np.ones((2, 2, 3))}},
        {
            **{"image": PICTURES, "channels": COUNT},
            "feature_maps": (*MAPPING, {}, {"a": None}, {"a": np.ones((2, 2, 2, 3))}),
        },
    ),
    reports.plot_shaded_text: (
        {"text": "ab", "values": {"a": [1, 2]}},
        {
            "text": (*TEXT, "", ["a", "b"]),
            "values": (*MAPPING, {}, {"a": [1]}, {"a": [1, np.nan]}, {"a": [1, -1]}),
            "label": TEXT,
            "columns": COUNT,
            "limit": (*bad_calls.without(bad_calls.NOT_NEGATIVE, None), 0),
        },
    ),
    reports.plot_marked_lines: (
        {"truth": ["a", "b"], "seen": ["a", "c"], "found": ["a", "b"]},
        {
            **{"truth": LINES, "seen": (*LINES, ["a", "bc"]), "found": (*LINES, ["a", "bc"])},
            "limit": COUNT,
        },
    ),
    reports.plot_gradient_flow: (
        {"norms": {"a": [0.1, 0.2]}},
        {
            "norms": (*MAPPING, {}, {"a": [-1]}, {"a": "ab"}, {"a": [1j]}, {3: [1]}),
            "xlabel": TEXT,
            "flat": bad_calls.FRACTION,
        },
    ),
    reports.plot_costs: (
        {"names": ["a", "b"], "multiplications": [1, 2], "parameters": [1, 2]},
        {
            "names": (*NAMES, ["a"]),
            "multiplications": (*NUMBERS, [1, -1], [1, np.inf]),
            "parameters": (*FILLED, [1, -1]),
            "limit": COUNT,
        },
    ),
    reports.plot_receptive_fields: (
        {"input_shape": (8, 8), "sizes": {"a": (3, 3)}},
        {
            "input_shape": (*NOTHING, "88", 8, (8, 8, 1), (8, 0), (8, 8.0), (8, True)),
            "sizes": (*MAPPING, {}, {"a": 3}, {"a": (3,)}, {"a": (3, -1)}, {"a": (3, 0.5)}),
            "image": bad_calls.without(PICTURES, None),
            "limit": COUNT,
        },
    ),
    reports.hyperparameter_importance: (
        {"hyperparameters": {"a": list(range(8))}, "objective": SHARES},
        {
            "hyperparameters": (
                *MAPPING,
                {},
                {"a": "abcdefgh"},
                {"a": [1j] * 8},
                {"a": [np.inf] * 8},
            ),
            "objective": (*NUMBERS, [1.0] * 7, [np.nan] * 8),
        },
    ),
    reports.plot_importance: (
        {"importance": {"a": 0.5}},
        {
            "importance": (
                *MAPPING,
                {},
                {"a": 1.5},
                {"a": -1},
                {"a": np.nan},
                {"a": "b"},
                {"a": None},
            ),
            "limit": COUNT,
        },
    ),
    reports.plot_search_progress: (
        {"objective": [1.0, 2.0]},
        {
            "objective": NUMBERS,
            "direction": CHOICE,
            "complete": (3, "no", [True], ["yes", "no"], [1, 0], [np.nan, 1.0]),
            "name": TEXT,
        },
    ),
    reports.plot_parallel_coordinates: (
        {"hyperparameters": {"a": [1, 2]}, "objective": [1.0, 2.0]},
        {
            **{"hyperparameters": VALUES, "objective": NUMBERS, "direction": CHOICE},
            **{"name": TEXT, "limit": bad_calls.without(COUNT, None)},
        },
    ),
}
ROWS = [(function, argument) for function, (_, wrong) in CALLS.items() for argument in wrong]


@pytest.mark.parametrize(
    ("function", "argument"), ROWS, ids=[f"{row[0].__name__}-{row[1]}" for row in ROWS]
)
def test_wrong_arguments_are_refused_by_name(function, argument):
    bad_calls.assert_row_refused(CALLS, function, argument)
