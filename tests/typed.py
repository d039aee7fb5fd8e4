"""Checks the package's annotations against what its functions get and return while tests run.

A pytest plugin, which `conftest.py` loads where DLNOTES_TESTS_TYPED is set, as `tox run -e typed`
does. A wrong type changes nothing of what a function does; the test in which it was met fails at
its end. Arguments that are wrong on purpose, inside of `pytest.raises` or `refusal`, are not looked
at.
"""

import os
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import is_typeddict

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[1] / "keras_dlnotes"
# The package takes NumPy's scalars wherever it takes Python's.
SCALARS = {
    bool: (bool, np.bool_),
    int: (int, np.integer),
    float: (float, int, np.floating, np.integer),
}

_refusals = []
_found = {}  # the wrong types met so far, without repetitions and in order


@contextmanager
def refusal():
    """Allows wrong types, for the functions called inside to refuse them."""
    _refusals.append(True)
    try:
        yield
    finally:
        _refusals.pop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    return _checked((yield))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    return _checked((yield))


def _checked(outcome):
    found = "\n".join(_found)
    _found.clear()
    if found:
        pytest.fail(f"types that the annotations do not allow:\n{found}", pytrace=False)
    return outcome


def _install():
    import typeguard

    raises = pytest.raises

    @contextmanager
    def raises_where_refused(*arguments, **options):
        with raises(*arguments, **options) as caught, refusal():
            yield caught

    pytest.raises = raises_where_refused
    typeguard.install_import_hook("keras_dlnotes")
    typeguard.config.typecheck_fail_callback = _note
    typeguard.config.forward_ref_policy = typeguard.ForwardRefPolicy.IGNORE
    typeguard.checker_lookup_functions.insert(0, _checker)


def _note(error, memo):
    if not _refusals:
        frames = traceback.extract_stack()
        place = next(f for f in reversed(frames) if PACKAGE in Path(f.filename).parents)
        path = Path(place.filename).relative_to(PACKAGE.parent)
        _found[f"{path}:{place.lineno}, {place.name}: {error}"] = None


def _checker(kind, arguments, extras):
    """The checks that differ from typeguard's own."""
    import typeguard

    # the entries of a record are what `schema_error` looks at, and it may have more of them
    allowed = dict if is_typeddict(kind) else SCALARS.get(kind)

    def check(value, origin_type, arguments, memo):
        if not isinstance(value, allowed):
            raise typeguard.TypeCheckError(f"is not an instance of {kind.__name__}")

    return check if allowed else None


if os.environ.get("DLNOTES_TESTS_TYPED"):
    _install()
