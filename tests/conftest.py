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

import pytest

# Keras and the package are imported where they are used: of several processes, the one that hands
# out the tests needs neither, and the others wait for it.

COMPILE_ALL = bool(os.environ.get("DLNOTES_TESTS_COMPILED"))
OPS: list = []  # those of the package


@pytest.hookimpl(tryfirst=True)  # before pytest reads the marks
def pytest_collection_modifyitems(items):
    """Of a test marked `sampled(every)`, leaves all but one case in `every` to the thorough run.

    The cases that stay are drawn by their names, so that they are the same in every run and no
    parameter is left out by the order of the others; the first case always stays, and stays alone
    where no number is given.
    """
    begun = set()
    for item in items:
        mark = item.get_closest_marker("sampled")
        function = item.nodeid.partition("[")[0]
        every = mark.args[0] if mark and mark.args else 2**32
        if mark and function in begun and zlib.crc32(item.name.encode()) % every:
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
    from keras_dlnotes.ops.vjp import Op

    # isinstance asks each object, and some of PyTorch's warn
    return [found for found in gc.get_objects() if type(found) is Op]


@pytest.fixture(scope="module", autouse=True)
def compilation(request):
    """Lets XLA compile the ops of TensorFlow in files marked `compiled` alone, or in all of them.

    An op computes the same either way, and compiling it for each shape and setting takes time and
    memory that is never freed. `tox run -e compiled` sets DLNOTES_TESTS_COMPILED and compiles all.
    """
    import keras

    from keras_dlnotes import config

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
    import keras

    keras.utils.set_random_seed(0)


def pytest_generate_tests(metafunc):
    """Runs a test once for each variant that the backend has, where it asks for these fixtures."""
    from keras_dlnotes.ops.backends.current import framework

    has = framework()
    variants = {
        "way": ["own kernels", "hand-written"] if has.prefers_own_kernels else ["hand-written"],
        "small_or_large": ["small", "large"] if has.compiles_each_op else ["any"],
        "averages": [True, False] if has.averages_natively else [False],
    }
    for name, values in variants.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, indirect=True)


@pytest.fixture
def way(request, monkeypatch):
    """Runs a test by the framework's own kernels, where ops take them, and by what is written out.

    For `pytest.mark.usefixtures("way")`.
    """
    from keras_dlnotes.ops.backends.current import framework

    monkeypatch.setattr(framework(), "prefers_own_kernels", request.param == "own kernels")
    return request.param


@pytest.fixture
def small_or_large(request, monkeypatch):
    """Lets batch normalization take every tensor for a small one, or for one worth compiling.

    Where XLA is off, both are computed alike.
    """
    from keras_dlnotes.ops import norm

    if request.param != "any":
        monkeypatch.setattr(norm, "_COMPILED_FROM", 0 if request.param == "large" else math.inf)


@pytest.fixture
def averages(request, monkeypatch):
    """Averages by the framework's kernel, where there is one, and by what is written out."""
    from keras_dlnotes.ops.backends.current import framework

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
