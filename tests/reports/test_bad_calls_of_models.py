"""Wrong arguments of what reports on models, and of pages, are refused by name."""

import keras
import numpy as np
import pandas
import pytest
from matplotlib.figure import Figure

from keras_dlnotes import reports
from tests import bad_calls
from tests.bad_calls import CHOICE, COUNT, FLAG, INDEX, MAPPING, PATH, TEXT

NUMBERS = (*bad_calls.ARRAY, 3, np.zeros((2, 2, 2, 2, 2)), np.array([]))
INPUT_SHAPES = ("88", b"88", 8, (8,), (8, 8, -1), (8, 8, 2.0), (8, 8, True), {"a": (8, 8, 1)})


def image_model(*layers):
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), *layers])


def recurrent():
    return keras.Sequential([keras.Input((3, 1)), keras.layers.SimpleRNN(2)])


def trials():
    return pandas.DataFrame(
        {"trial": ["a", "b"], "status": "COMPLETED", "execution": 0, "epoch": 1, "val_loss": 0.5}
    )


def of_models(*more):
    return lambda: (*bad_calls.models(), *more)


CALLS = {
    reports.search_page: (
        {"frame": trials, "objective": "val_loss"},
        {
            "frame": lambda: (
                *(None, 3, 2.5, [], "", b"a", trials().drop(columns="epoch"), trials()[:0]),
                *(trials().assign(epoch=0.5), trials().assign(epoch=-1)),
                *(trials().assign(val_loss="low"), pandas.concat([trials()] * 2, axis=1)),
            ),
            "objective": (*TEXT, "", "loss"),
            "direction": bad_calls.without(CHOICE, None),
            "hyperparameters": ("epoch", 3, ["units"], [None], {"a": 1}),
            "title": TEXT,
        },
    ),
    reports.gradient_flow: (
        {"model": recurrent, "inputs": np.zeros((2, 3, 1)), "targets": None},
        {
            "model": of_models(),
            "inputs": (
                *NUMBERS,
                np.zeros((2, 4, 1)),
                np.zeros((0, 3, 1)),
                np.full((2, 3, 1), np.nan),
            ),
            "targets": ("ab", 3, np.zeros(3), np.array([None, None])),
            "loss": ("mse", "mze", 3, 2.5, keras.losses.MeanSquaredError()),
            "by": bad_calls.without(CHOICE, None),
            "training": FLAG,
            "vanishing": bad_calls.NOT_NEGATIVE,
            "exploding": bad_calls.NOT_NEGATIVE,
        },
    ),
    reports.GradientFlow: (
        {"inputs": np.zeros((2, 3, 1))},
        {
            "inputs": (None, "ab", b"ab"),
            "every": COUNT,
            "by": bad_calls.without(CHOICE, None),
            "log_dir": bad_calls.without(PATH, None),
            "loss": ("mze", 3, 2.5),
        },
    ),
    reports.receptive_field: (
        {"model": image_model},
        {
            "model": lambda: bad_calls.models()[:-1],
            "layer": (3, 2.5, True, b"conv", "none", ["conv"], keras.layers.Dense(2)),
            "input_shape": INPUT_SHAPES,
            "input_index": (*INDEX, 1, 2**40),
        },
    ),
    reports.summarize: (
        {"model": image_model},
        {
            "model": lambda: bad_calls.models()[:-1],
            "input_shape": INPUT_SHAPES,
            "batch_size": COUNT,
        },
    ),
    reports.savings: (
        {"model": image_model, "measure": False},
        {
            "model": lambda: bad_calls.models()[:-1],
            "layer": (3, 2.5, True, b"conv", "none", ["conv"]),
            "input_shape": INPUT_SHAPES,
            "measure": FLAG,
            "batch_size": (*COUNT, 2**40),
            "repeats": (*COUNT, 2**40),
        },
    ),
    reports.Page: ({"title": "a"}, {"title": TEXT, "subtitle": TEXT}),
}
ROWS = [(function, argument) for function, (_, wrong) in CALLS.items() for argument in wrong]


@pytest.mark.parametrize(
    ("function", "argument"), ROWS, ids=[f"{row[0].__name__}-{row[1]}" for row in ROWS]
)
def test_wrong_arguments_are_refused_by_name(function, argument):
    bad_calls.assert_row_refused(CALLS, function, argument)


@pytest.mark.parametrize(
    ("method", "right", "argument", "values"),
    [
        ("add_heading", {}, "text", TEXT),
        ("add_text", {}, "text", TEXT),
        ("add_facts", {}, "facts", (*MAPPING, {})),
        ("add_table", {"caption": "a"}, "table", (None, 3, "ab", [], {}, [3], ["ab"], {"a": "bc"})),
        ("add_table", {"table": [{"a": 1}]}, "caption", TEXT),
        ("add_figure", {"caption": "a", "alt": "b"}, "figure", (None, "a", 3)),
        ("add_figure", {"figure": Figure(), "alt": "b"}, "caption", TEXT),
        ("add_figure", {"figure": Figure(), "caption": "b"}, "alt", (*TEXT, "", " ")),
        *[
            ("add_figure", {"figure": Figure(), "caption": "b", "alt": "c"}, name, TEXT)
            for name in ("look_for", "see")
        ],
        ("add_passages", {"caption": "a"}, "passages", (*MAPPING, {}, {"a": 3}, {"a": None})),
        ("add_passages", {"passages": {"a": "b"}}, "caption", TEXT),
        ("write", {}, "path", PATH),
    ],
)
def test_a_page_refuses_what_it_can_not_show(method, right, argument, values):
    bad_calls.assert_refused(getattr(reports.Page("a"), method), right, argument, values)


@pytest.mark.parametrize("name", ["size", "strides", "padding", "dilation"])
def test_a_window_of_wrong_numbers_is_refused(name):
    def moves(**settings):
        return reports.Window(**{"size": 3, **settings}).moves([1, 2])

    values = (*bad_calls.without(COUNT, *((0, -1) if name == "padding" else ())), (1,), (1, 2, 3))
    bad_calls.assert_refused(moves, {}, name, bad_calls.without(values, [1, 2]))


def test_a_rule_needs_a_layer_and_a_function():
    bad_calls.assert_refused(
        lambda sees: reports.rule(keras.layers.Dense, sees=sees), {}, "sees", CHOICE[1:]
    )
    for layers in ((), (3,), (None,), (keras.layers.Dense(2),)):
        with pytest.raises(ValueError, match="Argument `layers` must be "):
            reports.rule(*layers)
    with pytest.raises(ValueError, match="Argument `function` must be "):
        reports.rule("nobody>Nothing")(3)


def test_a_table_that_is_none_is_refused(tmp_path):
    for content in (b"", b"\xff\xfe\x00text", b'a,b\n"1'):
        path = tmp_path / "results.csv"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="Argument `frame` must be a table"):
            reports.search_page(path, "val_loss")
