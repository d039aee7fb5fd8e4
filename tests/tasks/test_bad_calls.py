"""Wrong arguments of the example fits are refused by name, before data are loaded."""

import pytest

from keras_dlnotes import tasks
from tests import bad_calls


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("task", (*bad_calls.without(bad_calls.CHOICE), tasks.Task, "digit")),
        ("out", bad_calls.without(bad_calls.PATH, None)),
        ("epochs", bad_calls.without(bad_calls.COUNT, None)),
        ("batch_size", bad_calls.without(bad_calls.COUNT, None)),
        ("seed", (*bad_calls.without(bad_calls.INDEX, None), 2**32, 2**40)),
        ("data", (*bad_calls.without(bad_calls.TEXT, None), "", "digit", "notes.txt")),
        ("strategy", bad_calls.without(bad_calls.CHOICE, None)),
        ("resume", bad_calls.FLAG),
        ("overwrite", bad_calls.FLAG),
        ("quiet", bad_calls.FLAG),
    ],
)
def test_fit(argument, values, tmp_path):
    right = {"task": "digits", "out": tmp_path / "run"}
    bad_calls.assert_refused(tasks.fit, right, argument, values)
    assert not (tmp_path / "run").exists()


def test_names():
    bad_calls.assert_refused(tasks.get, {}, "name", bad_calls.CHOICE)
    values = bad_calls.without(bad_calls.CHOICE, None)
    bad_calls.assert_refused(tasks.check_strategy, {}, "strategy", values)
