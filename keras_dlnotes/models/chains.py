"""Models that are chains of recurrent layers and layers that treat every step the same."""

from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error

# in inference, each treats every step the same, and independently of the others
EACH_STEP = (
    keras.layers.Activation,
    keras.layers.AlphaDropout,
    keras.layers.BatchNormalization,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
    keras.layers.SpatialDropout1D,
    keras.layers.TimeDistributed,
)
RECURRENT = ("RNN", "SimpleRNN", "LSTM", "GRU")


def chain_of(model: keras.Model) -> list[keras.Layer] | None:
    """Returns an embedding and the layers after it; None for a model that is no such chain."""
    layers = _unfolded(model)
    if not layers or not isinstance(layers[0], keras.layers.Embedding):
        return None
    first, *others = layers
    return layers if is_known(type(first)) and all(map(goes_step_by_step, others)) else None


def ends_in_softmax(layers: list[keras.Layer]) -> bool:
    """Returns whether the last layer of a chain is known to output probabilities."""
    last = layers[-1]
    while isinstance(last, keras.layers.TimeDistributed):
        last = last.layer
    is_softmax = getattr(last, "activation", None) is keras.activations.softmax
    return is_softmax or isinstance(last, keras.layers.Softmax)


def needs_time(layer: keras.Layer) -> bool:
    """Returns whether a layer of a chain takes only sequences, which may have one step."""
    sequential = (
        keras.layers.BatchNormalization,
        keras.layers.SpatialDropout1D,
        keras.layers.TimeDistributed,
    )
    return isinstance(layer, sequential) or 2 in keras.tree.flatten(getattr(layer, "axis", -1))


def ids_read(model: keras.Model, place: int) -> int | None:
    """Returns the number of ids of the embedding of one of the inputs, if it has one."""
    for layer in model.layers:
        try:
            reads = layer.input is model.inputs[place]
        except (AttributeError, IndexError, TypeError, ValueError):  # not built, or called twice
            continue
        if reads and isinstance(layer, keras.layers.Embedding):
            return layer.input_dim
    return None


def check_vocabularies(read: int, written: int) -> None:
    """Raises if a model knows no token but padding, or writes tokens that it cannot read."""
    if written < 2:
        raise argument_error("model", "one of two tokens or more; id 0 is padding", written)
    if read < written:
        expected = f"one whose embedding knows all of its {written} tokens"
        raise argument_error("model", expected, f"one that knows {read}")


def is_known(thing: Any) -> bool:
    """Returns whether a class or function is Keras's or ours, and so known by its name."""
    return (getattr(thing, "__module__", None) or "").split(".")[0] in ("keras", "keras_dlnotes")


def _unfolded(model: Any) -> list[keras.Layer] | None:
    """Returns the layers in the order of computation, with nested models unfolded."""
    if not is_known(type(model)) or not isinstance(model, keras.Model):
        return None
    found = []
    try:
        (tensor,), (output,) = model.inputs, model.outputs
        for layer in model.layers:
            if isinstance(layer, keras.layers.InputLayer):
                continue
            if not isinstance(model, keras.Sequential):
                # a recurrent layer gets the mask as well
                if keras.tree.flatten(layer.input)[0] is not tensor:
                    return None
                tensor = layer.output
            inner = _unfolded(layer) if isinstance(layer, keras.Model) else [layer]
            if inner is None:
                return None
            found.extend(inner)
    except (AttributeError, TypeError, ValueError):  # not built, several inputs, called twice
        return None
    return found if isinstance(model, keras.Sequential) or tensor is output else None


def goes_step_by_step(layer: keras.Layer) -> bool:
    if not is_known(type(layer)):
        return False
    if isinstance(layer, keras.layers.RNN):
        return type(layer).__name__ in RECURRENT and not layer.go_backwards
    if isinstance(layer, keras.layers.TimeDistributed):
        return True
    axes = keras.tree.flatten(getattr(layer, "axis", -1))
    activation = getattr(layer, "activation", None)
    return (
        isinstance(layer, EACH_STEP)
        and all(axis in (-1, 2) for axis in axes)
        and (activation is None or is_known(activation))
    )
