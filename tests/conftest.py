"""What every test starts from: the same seeds, quiet logs, a non-interactive matplotlib."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

import keras
import pytest

from keras_dlnotes.ops.backends.current import framework
from keras_dlnotes.ops.vjp import Op

gc.freeze()  # what is imported by now stays, so no collection need look at it

WAYS = ["own kernels", "hand-written"] if framework().prefers_own_kernels else ["hand-written"]


@pytest.fixture(scope="module", autouse=True)
def compiled_calls_are_freed():
    """Frees what a file's tests compiled, so that a worker does not grow with each file."""
    yield
    for op in gc.get_objects():
        if isinstance(op, Op):
            op._joined.cache_clear()
    keras.utils.clear_session()


@pytest.fixture(autouse=True)
def same_seeds():
    keras.utils.set_random_seed(0)


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Runs a test by the framework's own kernels, where ops take them, and by what is written out.

    For `pytest.mark.usefixtures("way")`.
    """
    monkeypatch.setattr(framework(), "prefers_own_kernels", request.param == "own kernels")
    return request.param
