"""The layers of a model that own weights, in the order of its graph."""

import math
from collections.abc import Iterator

import keras

from keras_dlnotes.interop.parts import (
    CONVOLUTIONS,
    DEPTHWISE,
    SEPARABLE,
    TRANSPOSED,
    Part,
    parts_of_layer,
)

_IMAGE_LAYERS = (
    *CONVOLUTIONS,
    *TRANSPOSED,
    *DEPTHWISE,
    *SEPARABLE,
    keras.layers.MaxPooling1D,
    keras.layers.AveragePooling1D,
    keras.layers.UpSampling1D,
    keras.layers.UpSampling2D,
    keras.layers.UpSampling3D,
)
_ELEMENTWISE = (
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianNoise,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)


def parts_of_model(model: keras.Layer) -> list[Part]:
    """Returns all parts, the layers inside of wrappers and blocks included, each once.

    Raises ValueError for a model that is not built, or has a weight that no part covers.
    """
    if not model.built:
        raise ValueError(f"Model {model.name} has no weights yet: call it once, or build it.")
    parts = list(_walk(model, "", _Neighbours(), set()))
    covered = {id(field.variable) for part in parts for field in part.fields}
    unknown = [weight.path for weight in model.weights if id(weight) not in covered]
    if unknown:
        raise ValueError("No rule says how PyTorch holds these weights: " + ", ".join(unknown))
    return parts


def _walk(layer, path, neighbours, seen) -> Iterator[Part]:
    if id(layer) in seen or not layer.weights:
        return
    seen.add(id(layer))
    parts = parts_of_layer(layer, path or layer.name, *neighbours.maps(layer))
    if parts is not None:
        yield from (part for part in parts if part.fields)
        return
    inner = _Neighbours(layer) if isinstance(layer, keras.Model) else neighbours
    for child in _children(layer):
        yield from _walk(child, f"{path}/{child.name}" if path else child.name, inner, seen)


def _children(layer) -> list[keras.Layer]:
    if isinstance(layer, keras.Sequential) or hasattr(layer, "inputs"):
        return layer.layers
    children = []
    # on the PyTorch backend a layer is a module, too, which keeps layers apart from other values
    modules = dict(layer.named_children()) if hasattr(layer, "named_children") else {}
    for name, value in (modules | vars(layer)).items():
        if not name.startswith("_"):
            values = value.values() if isinstance(value, dict) else value
            values = values if isinstance(value, list | tuple | dict) else [value]
            children += [entry for entry in values if isinstance(entry, keras.Layer)]
    return children


class _Neighbours:
    """Finds which maps a layer's features were, or become, where a model's graph tells."""

    def __init__(self, model=None):
        self._before, self._after = {}, {}
        if isinstance(model, keras.Sequential):
            pairs = zip(model.layers, model.layers[1:], strict=False)
        elif hasattr(model, "inputs"):
            pairs = _edges(model)
        else:
            pairs = ()
        for source, target in pairs:
            self._before.setdefault(id(target), []).append(source)
            self._after.setdefault(id(source), []).append(target)

    def maps(self, layer) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """The channels-last shapes that features come from and go to, None for neither."""
        return self._flattened(layer), self._unflattened(layer)

    def _flattened(self, layer):
        source = self._passed(layer, self._before)
        if not isinstance(source, keras.layers.Flatten | keras.layers.Reshape):
            return None
        shape, flat = tuple(source.input.shape[1:]), tuple(source.output.shape[1:])
        if len(flat) != 1 or None in shape or len(shape) < 2 or flat[0] != math.prod(shape):
            return None
        before = self._passed(source, self._before)
        if _is_channels_first(source):
            shape = (*shape[1:], shape[0])  # Keras brings the channels behind, then flattens
        elif _is_channels_first(before):
            return None
        # a sequence lies as (time, features) in PyTorch too, unless convolutions went over it
        return shape if len(shape) > 2 or isinstance(before, _IMAGE_LAYERS) else None

    def _unflattened(self, layer):
        target = self._passed(layer, self._after)
        if not isinstance(target, keras.layers.Reshape):
            return None
        shape = tuple(target.output.shape[1:])
        if len(target.input.shape) != 2 or None in shape or len(shape) < 2:
            return None
        behind = self._passed(target, self._after)
        is_image = len(shape) > 2 or isinstance(behind, _IMAGE_LAYERS)
        return shape if is_image and not _is_channels_first(behind) else None

    @staticmethod
    def _passed(layer, neighbours):
        """The next layer that does more than to change each value in its place."""
        while True:
            found = neighbours.get(id(layer), [])
            if len(found) != 1:
                return None
            layer = found[0]
            if not isinstance(layer, _ELEMENTWISE):
                return layer


def _is_channels_first(layer) -> bool:
    return getattr(layer, "data_format", None) == "channels_first"


def _edges(model):
    """Pairs of layers of a functional model, the second called on an output of the first."""
    makers = {}
    for layer in model.layers:
        for output in keras.tree.flatten(layer.output):
            makers[id(output)] = layer
    for layer in model.layers:
        for tensor in keras.tree.flatten(layer.input):
            if id(tensor) in makers and makers[id(tensor)] is not layer:
                yield makers[id(tensor)], layer
