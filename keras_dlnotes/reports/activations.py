"""What the layers of a model compute, as arrays."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import first_nodes, graph_inputs


def feature_maps(
    model: keras.Model, inputs: Any, layer_names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Returns the outputs of layers of a model for these inputs, at inference.

    Args:
        model: A Functional or Sequential model that knows its input shape.
        inputs: What the model is called on: an array, or the structure of arrays that a model of
            several inputs takes, with the batch axis first.
        layer_names: The layers to show, by default all whose output has four axes, except for the
            inputs. A nested model counts as one layer; a layer inside it is named
            "encoder/conv". Of a shared layer, the first call is shown.

    Returns:
        The output arrays by layer name, in the order of `layer_names` or else of the model, each in
        the layer's own layout: (batch, channels, height, width) if channels are first. Empty if no
        layer has four axes.

    Raises:
        ValueError: If the model is no such model, or a named layer does not exist or returns
            several tensors.

    Reference:
        Lecture notes, "How Convolution Works".

    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.MaxPooling2D(name="pool")])
    >>> feature_maps(model, np.ones((1, 4, 4, 1)))["pool"].shape
    (1, 2, 2, 1)
    """
    _check_graph("model", model)
    if layer_names is None:
        calls = first_nodes(model)
        layer_names = [name for name, call in calls.items() if _has_feature_maps(call)]
    listed = isinstance(layer_names, Iterable) and not isinstance(layer_names, str | bytes)
    names = list(layer_names) if listed else []
    if not listed or not all(isinstance(name, str) for name in names):
        raise argument_error("layer_names", "a list of names", layer_names)
    return _maps(model, inputs, names)


def _maps(model: keras.Model, inputs: Any, names: list[str]) -> dict[str, np.ndarray]:
    calls = first_nodes(model)
    within: dict[str, list[str]] = {}
    wanted: dict[str, Any] = {}
    for name in names:
        outer, slash, inner = name.partition("/")
        layer = model.get_layer(outer)  # raises where there is none
        if slash:
            _check_graph(f"layer_names[{name!r}]", layer)
            within.setdefault(outer, []).append(inner)
            wanted[f"{outer}/"] = list(calls[outer].input_tensors)
        else:
            wanted[name] = _one_output(
                calls[name].outputs if name in calls else [layer.output], name
            )
    if not wanted:
        return {}
    with keras.StatelessScope():  # the states of recurrent layers stay as they are
        outputs = keras.Model(_entrance(model), wanted)(inputs, training=False)
    maps = {
        name: keras.ops.convert_to_numpy(outputs[name]) for name in wanted if not name.endswith("/")
    }
    for outer, below in within.items():
        nested = model.get_layer(outer)
        values = tree.pack_sequence_as(_entrance(nested), outputs[f"{outer}/"])
        for name, value in _maps(nested, values, below).items():
            maps[f"{outer}/{name}"] = value
    return {name: maps[name] for name in names}


def first_kernel(model: keras.Model) -> np.ndarray | None:
    """Returns the first two-dimensional convolution kernel of a model, nested ones included.

    Args:
        model: Any built Keras model.

    Returns:
        An array of shape (height, width, input channels, output channels), or None if the model has
        no such convolution.

    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])
    >>> first_kernel(model).shape
    (3, 3, 1, 2)
    """
    for variable in model.weights:
        # A separable convolution calls its first kernel depthwise_kernel.
        if variable.name.endswith("kernel") and len(variable.shape) == 4:
            return variable.numpy()
    return None


def _check_graph(name: str, model: Any) -> None:
    if not graph_inputs(model):
        expected = "a Functional or Sequential model that knows its input shape"
        raise argument_error(name, expected, model)


def _entrance(model: keras.Model) -> Any:
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def _has_feature_maps(call: Any) -> bool:
    return len(call.outputs) == 1 and len(call.outputs[0].shape) == 4


def _one_output(outputs: list[Any], name: str) -> Any:
    if len(outputs) != 1:
        expected = f"names of layers that return one tensor, not {len(outputs)}"
        raise argument_error("layer_names", expected, name, part="a name")
    return outputs[0]
