"""A caller that looks like a converter, for tests of what an exported model computes."""

from collections.abc import Callable
from typing import Any


def as_exported(
    function: Callable, module: str | None = "keras.src.export.of_the_tests"
) -> Callable:
    """The function as a model's export traces it, by a converter of that name."""
    converter: dict[str, Any] = {"__name__": module}
    exec("def call(function, *arguments):\n    return function(*arguments)", converter)
    return lambda *arguments: converter["call"](function, *arguments)
