"""The layers of a model that own weights, in the order of its graph."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import keras

from keras_dlnotes.common.graph import children
from keras_dlnotes.interop.parts import has_rule
from keras_dlnotes.interop.rules import find_rule


@dataclass(frozen=True, eq=False)
class Owner:
    """A layer with weights; its path by the layers' names, and what its user has called it."""

    layer: keras.Layer
    path: str
    labels: tuple[str, ...]


def owners_of(model: keras.Layer) -> list[Owner]:
    """Returns all layers that have a rule, those inside of wrappers and blocks too, each once."""
    return list(_walk(model, "", ("",), set()))


def _walk(layer, path, labels, seen) -> Iterator[Owner]:
    if id(layer) in seen or not layer.weights:
        return
    seen.add(id(layer))
    if has_rule(layer):
        yield Owner(layer, path or layer.name, tuple(label for label in labels if label))
        if find_rule(layer) is None:
            return
    for attribute, child in children(layer):
        name = "" if _is_automatic(child) else child.name
        inner = {_join(label, name) for label in labels if name or not has_rule(child)}
        inner |= {_join(label, attribute) for label in labels if attribute}
        yield from _walk(child, _join(path, child.name), tuple(sorted(inner)), seen)


def _join(outer: str, inner: str) -> str:
    return "/".join(part for part in (outer, inner) if part)


def _is_automatic(layer) -> bool:
    """Whether Keras has made the name up: the class's, and a number."""
    kind = type(layer).__name__
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    plain = layer.name.replace("_", "")
    return re.fullmatch(re.escape(snake.replace("_", "")) + r"\d*", plain) is not None
