"""What the layers of a model compute, as arrays."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_dlnotes.reports.arrays import argument_error


def feature_maps(
    model: keras.Model, inputs: np.ndarray, layer_names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Returns what layers of a model put out for these inputs, at inference.

    Args:
        model: A Functional or Sequential model that knows its input shape.
        inputs: What the model is called on: an array, or the structure of arrays that a model of
            several inputs takes, with the batch axis first.
        layer_names: The layers to show. By default all whose output has four axes, so (batch,
            height, width, channels), apart from the inputs. A nested model counts as one layer; of
            a shared layer its first call is shown.

    Returns:
        The output arrays by layer name, in the order asked for or else in the model's. Empty if no
        layer has four axes.

    Raises:
        ValueError: If the model is no such model or lacks a named layer.

    Reference:
        Lecture notes, "How Convolution Works".

    >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.MaxPooling2D(name="pool")])
    >>> feature_maps(model, np.ones((1, 4, 4, 1)))["pool"].shape
    (1, 2, 2, 1)
    """
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        expected = "a Functional or Sequential model that knows its input shape"
        raise argument_error("model", expected, f"model={model!r}")
    if layer_names is None:
        layers = [layer for layer in model.layers if _has_feature_maps(layer)]
    else:
        layers = [model.get_layer(name) for name in layer_names]
    if not layers:
        return {}
    entrance = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    extractor = keras.Model(entrance, {layer.name: layer.output for layer in layers})
    outputs = extractor(inputs, training=False)
    return {layer.name: keras.ops.convert_to_numpy(outputs[layer.name]) for layer in layers}


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


def _has_feature_maps(layer: keras.Layer) -> bool:
    if isinstance(layer, keras.layers.InputLayer):
        return False
    shape = getattr(layer.output, "shape", ())
    return len(shape) == 4
