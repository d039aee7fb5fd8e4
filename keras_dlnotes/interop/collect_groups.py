"""The weight groups of a model, in the order of its graph."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import keras

from keras_dlnotes.common.graph import children
from keras_dlnotes.interop.layout_tracing import Layouts
from keras_dlnotes.interop.names_argument import Name, declare
from keras_dlnotes.interop.rules import elementwise_layers, find_rule, weights_left_out
from keras_dlnotes.interop.weight_groups import WeightGroup, groups_of_layer, has_rule


@dataclass(frozen=True, eq=False)
class NamedLayer:
    """A layer with weights, its path by the layers' names, and the names that the user gave it."""

    layer: keras.Layer
    path: str
    labels: tuple[str, ...]


def collect_groups(model: keras.Layer, names: list[Name]) -> tuple[list[WeightGroup], Layouts]:
    """Returns all groups of the model, and its layouts; raises if a weight belongs to no group."""
    layouts = Layouts(model, elementwise_layers())
    owners = list(_walk(model, "", ("",), set()))
    declare(names, owners, layouts)
    groups = [
        group
        for owner in owners
        for group in groups_of_layer(owner.layer, owner.path, owner.labels, layouts)
    ]
    covered = {id(v) for group in groups for mapping in group.mappings for v in mapping.variables}
    covered |= {id(v) for owner in owners for v in weights_left_out(owner.layer)}
    unknown = [weight.path for weight in model.weights if id(weight) not in covered]
    if unknown:
        raise ValueError(
            "No rule gives the layout in PyTorch of these weights; add one by `interop.rule`: "
            + ", ".join(unknown)
        )
    return groups, layouts


def _walk(layer, path, labels, seen) -> Iterator[NamedLayer]:
    if id(layer) in seen or not layer.weights:
        return
    seen.add(id(layer))
    if has_rule(layer):
        yield NamedLayer(layer, path or layer.name, tuple(label for label in labels if label))
        if find_rule(layer) is None:
            return
    for attribute, child in children(layer):
        name = "" if _is_automatic(child) else child.name
        inner = {_join(label, name) for label in labels if name or not has_rule(child)}
        inner |= {_join(label, attribute) for label in labels if attribute}
        yield from _walk(child, _join(path, child.name), tuple(sorted(inner)), seen)


def _join(outer: str, inner: str) -> str:
    return "/".join(name for name in (outer, inner) if name)


def _is_automatic(layer) -> bool:
    """Returns whether Keras generated the name: that of the class, and a number."""
    kind = type(layer).__name__
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    plain = layer.name.replace("_", "")
    return re.fullmatch(re.escape(snake.replace("_", "")) + r"\d*", plain) is not None
