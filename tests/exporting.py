"""A caller that looks like a converter, for tests of what an exported model computes."""

from collections.abc import Callable
from typing import Any

_CONVERTER: dict[str, Any] = {"__name__": "tf2onnx.of_the_tests"}
exec("def call(function, *arguments):\n    return function(*arguments)", _CONVERTER)


def as_exported(function: Callable) -> Callable:
    """The function as a model's export traces it."""
    return lambda *arguments: _CONVERTER["call"](function, *arguments)
