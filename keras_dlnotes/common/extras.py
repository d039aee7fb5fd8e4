"""Packages that not every user has, and the sentence that says which extra brings them."""

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec

BACKENDS = ("tensorflow", "jax", "torch")


class MissingPackageError(ModuleNotFoundError):
    """A package is not installed; the message says which extra brings it."""


def require(extra: str, *packages: str) -> None:
    """Raises a MissingPackageError that names the extra unless all packages are installed.

    Args:
        extra: name of the extra in setup.cfg that brings the packages.
        packages: names as they are imported.

    >>> require("reports", "matplotlib", "no_such_package")
    Traceback (most recent call last):
    keras_dlnotes.common.extras.MissingPackageError: no_such_package is not installed. \
Install it: pip install 'keras_dlnotes[reports]'.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        is_one = len(missing) == 1
        what = "is not installed. Install it" if is_one else "are not installed. Install them"
        message = f"{', '.join(missing)} {what}: pip install 'keras_dlnotes[{extra}]'."
        raise MissingPackageError(message, name=missing[0])


@contextlib.contextmanager
def chosen_backend() -> Iterator[None]:
    """Surrounds the first import of Keras, which imports the framework that its settings choose.

    Raises:
        MissingPackageError: if that framework is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in BACKENDS:
            raise
        others = " or ".join(backend for backend in BACKENDS if backend != error.name)
        raise MissingPackageError(
            f"Keras's backend {error.name} is not installed. Install it: pip install "
            f"'keras_dlnotes[{error.name}]', or set the environment variable KERAS_BACKEND to "
            f"{others}.",
            name=error.name,
        ) from error
