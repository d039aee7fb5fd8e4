"""What every test starts from: the same seeds, quiet logs, a non-interactive matplotlib."""

import gc
import math
import os
import subprocess
import sys
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

import keras
import pytest

from keras_dlnotes import config
from keras_dlnotes.ops import norm
from keras_dlnotes.ops.backends.current import framework
from keras_dlnotes.ops.vjp import Op

COMPILE_ALL = bool(os.environ.get("DLNOTES_TESTS_COMPILED"))
OPS: list = []  # those of the package
WAYS = ["own kernels", "hand-written"] if framework().prefers_own_kernels else ["hand-written"]


@pytest.hookimpl(tryfirst=True)  # before pytest reads the marks
def pytest_collection_modifyitems(items):
    """Of a test marked `sampled(every)`, leaves all but one case in `every` to the thorough run.

    The cases that stay are drawn by their names, so that they are the same in every run and no
    parameter is left out by the order of the others; the first case always stays.
    """
    begun = set()
    for item in items:
        mark = item.get_closest_marker("sampled")
        function = item.nodeid.partition("[")[0]
        if mark and function in begun and zlib.crc32(item.name.encode()) % mark.args[0]:
            item.add_marker(pytest.mark.thorough)
        begun.add(function)


def pytest_collection_finish(session):
    """Leaves what was imported and collected out of all later collections, which go through all.

    It stays to the end in any case: a million objects, which took half a second a file.
    """
    OPS[:] = _ops()
    gc.collect()
    gc.freeze()


def _ops():
    # isinstance asks each object, and some of PyTorch's warn
    return [found for found in gc.get_objects() if type(found) is Op]


@pytest.fixture(scope="module", autouse=True)
def compilation(request):
    """Lets XLA compile the ops of TensorFlow in files marked `compiled` alone, or in all of them.

    An op computes the same either way, and compiling it for each shape and setting takes time and
    memory that is never freed. `tox run -e compiled` sets DLNOTES_TESTS_COMPILED and compiles all.
    """
    is_marked = request.node.get_closest_marker("compiled") is not None
    before = config.is_compilation_enabled()
    if keras.backend.backend() == "tensorflow":
        config.set_compilation(is_marked or COMPILE_ALL)
    yield
    config.set_compilation(before)
    for op in (*OPS, *_ops()):  # frees what was compiled, so that a worker stays small
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


@pytest.fixture(params=["small", "large"] if framework().compiles_each_op else ["any"])
def small_or_large(request, monkeypatch):
    """Lets batch normalization take every tensor for a small one, or for one worth compiling.

    Where XLA is off, both are computed alike.
    """
    if request.param != "any":
        monkeypatch.setattr(norm, "_COMPILED_FROM", 0 if request.param == "large" else math.inf)


@pytest.fixture(params=[True, False] if framework().averages_natively else [False])
def averages(request, monkeypatch):
    """Averages by the framework's kernel, where there is one, and by what is written out."""
    monkeypatch.setattr(framework(), "averages_natively", request.param)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site: the one that DLNOTES_SITE names, or one that is built now."""
    if "DLNOTES_SITE" in os.environ:
        return Path(os.environ["DLNOTES_SITE"])
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    subprocess.run(build, cwd=Path(__file__).parents[1], check=True)
    return folder
