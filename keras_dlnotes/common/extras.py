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
    keras_dlnotes.common.extras.MissingPackageError: no_such_package is not installed: \
pip install 'keras_dlnotes[reports]'
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise MissingPackageError(
            f"{', '.join(missing)} {verb} not installed: pip install 'keras_dlnotes[{extra}]'",
            name=missing[0],
        )


@contextlib.contextmanager
def chosen_backend() -> Iterator[None]:
    """Surrounds the first import of Keras, which imports the framework that its settings choose.

    Raises:
        MissingPackageError: if that framework is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in BACKENDS or find_spec(package) is not None:
            raise
        others = " or ".join(backend for backend in BACKENDS if backend != package)
        raise MissingPackageError(
            f"Keras is set to run on {package}, which is not installed: pip install "
            f"'keras_dlnotes[{package}]', or set KERAS_BACKEND to {others}",
            name=package,
        ) from error
