"""Every package that is not Keras or NumPy is asked for by name, from the extra that brings it."""

import ast
import configparser
import re
import sys
from pathlib import Path

import pytest

import keras_dlnotes
from keras_dlnotes.common.extras import MissingPackageError, chosen_backend, require

PACKAGE = Path(keras_dlnotes.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "vendored" not in path.parts)
IMPORTED_AS = {"scikit-image": "skimage", "scikit-learn": "sklearn"}
CORE = {"keras", "numpy", "keras_dlnotes", *sys.stdlib_module_names}
# A framework is imported where Keras runs on it, TensorBoard where it and TensorFlow are there,
# and MarkupSafe is Jinja's own.
UNASKED = {"tensorflow", "jax", "torch", "tensorboard", "markupsafe"}


def declared():
    """The packages of each extra in setup.cfg, as they are imported."""
    parser = configparser.ConfigParser()
    parser.read(PACKAGE.parent / "setup.cfg")
    section = parser["options.extras_require"]
    return {
        extra: {_imported_as(line) for line in section[extra].split("\n") if line}
        for extra in section
    }


def _imported_as(requirement):
    name = re.match(r"[\w.-]+", requirement)[0]
    return IMPORTED_AS.get(name, name.replace("-", "_"))


def required(path):
    """What the calls of `require` in a file ask for, as (extra, package)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
            extra, *packages = (getattr(argument, "value", None) for argument in node.args)
            yield from ((extra, package) for package in packages)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        yield from {name.partition(".")[0] for name in names} - CORE


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_required_comes_with_the_extra_named(path):
    extras = declared()
    for extra, package in required(path):
        if isinstance(extra, str):  # else the command line's choice, of a backend or for a command
            assert package in extras[extra]


@pytest.mark.parametrize("part", sorted({path.relative_to(PACKAGE).parts[0] for path in FILES}))
def test_a_part_requires_what_it_imports(part):
    files = [path for path in FILES if path.relative_to(PACKAGE).parts[0] == part]
    asked = {package for path in files for _, package in required(path)}
    assert {package for path in files for package in imported(path)} <= asked | UNASKED


def test_two_missing_packages_are_named_together():
    with pytest.raises(MissingPackageError) as caught:
        require("text", "no_such_package", "keras", "neither_this_one")
    assert str(caught.value) == (
        "no_such_package, neither_this_one are not installed. Install them: "
        "pip install 'keras_dlnotes[text]'."
    )


@pytest.mark.parametrize("name", ["h5py", "tensorflow.no_such_module"])
def test_what_is_missing_beside_the_backend_is_told_as_it_is(name):
    with pytest.raises(ModuleNotFoundError) as caught, chosen_backend():
        raise ModuleNotFoundError("as it is", name=name)
    assert type(caught.value) is ModuleNotFoundError and str(caught.value) == "as it is"
