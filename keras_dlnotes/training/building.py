"""Building a model on data: one whose layers learn from a batch what shape their inputs have."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import layers_of


def built_on(model: keras.Model, batches: Sequence[tuple[Any, ...]]) -> keras.Model:
    """Makes the variables of a model that is not built, as Keras's `fit` on these batches would.

    Nothing is trained, and no value of a variable that is there already changes: neither a moving
    average nor the seed of a dropout layer. A run that goes on builds its model this way, too, and
    so finds the variables that it left.

    Args:
        model: built or not; one that is built is left alone, and the batches are not read.
        batches: of (inputs, targets, …), in order; the number of examples stays open, and so does a
            length in which the first two batches differ.

    Returns:
        The same model.

    Raises:
        ValueError: for a model that cannot be called on the inputs of the batches.
    """
    if all(layer.built for layer in layers_of(model)):
        return model
    first, second = batches[0], batches[min(1, len(batches) - 1)]
    try:
        specifications = keras.tree.map_structure(_specification, first, second)
        if isinstance(model, keras.Sequential) and not model.built:
            _build_in_line(model, specifications[0], len(keras.tree.flatten(first)[0]))
        _call(model, specifications, _trace)
    except Exception:  # whatever a call of the user's own may raise on tensors without values
        try:
            with keras.StatelessScope():
                _call(model, keras.tree.map_structure(_tensor, first), lambda function: function)
        except Exception as error:
            if not model.built:
                expected = "built, or a model that can be called on the inputs"
                raise argument_error("model", expected, model.name) from error
    return model


def _build_in_line(model: keras.Sequential, inputs: Any, rows: int) -> None:
    """Builds layer after layer: so the rows stay open, unless a layer keeps a state for each."""
    if hasattr(inputs, "shape"):
        is_fixed = any(getattr(layer, "stateful", False) for layer in layers_of(model))
        model.build((rows if is_fixed else None, *inputs.shape[1:]))


def _call(model: keras.Model, batch: tuple[Any, ...], way: Callable) -> None:
    """Calls the model for training and for inference: either may have layers of its own."""
    inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
    # the one that Keras's `fit` begins with comes first, so that initial weights are its
    flags = (True, False) if keras.backend.backend() == "tensorflow" else (False, True)
    outputs = [way(model)(inputs, training=training) for training in flags]
    with contextlib.suppress(Exception):  # a training step of the user's own may do without
        way(model.compute_metrics)(inputs, targets, outputs[0], sample_weight=weights)


class _Function(keras.Operation):
    """A function whose outputs' shapes Keras finds without running it."""

    def __init__(self, function: Callable):
        super().__init__()
        self._function = function

    def call(self, *arguments, **settings):
        return self._function(*arguments, **settings)


def _trace(function: Callable) -> Callable:
    return _Function(function).compute_output_spec


def _specification(first: Any, second: Any) -> keras.KerasTensor | None:
    """Returns what stands for an array of the first batch, the same place of the second known."""
    if first is None:
        return None
    lengths = (
        length if length == other else None
        for length, other in zip(first.shape[1:], second.shape[1:], strict=True)
    )
    return keras.KerasTensor((None, *lengths), dtype=_dtype(first))


def _tensor(array: Any) -> Any:
    return None if array is None else keras.ops.convert_to_tensor(array, dtype=_dtype(array))


def _dtype(array: Any) -> str:
    """The type that Keras's `fit` gives an array."""
    if getattr(array.dtype, "kind", "") in "OSU":
        return "string"
    dtype = keras.backend.standardize_dtype(array.dtype)
    return keras.config.floatx() if "float" in dtype else dtype
