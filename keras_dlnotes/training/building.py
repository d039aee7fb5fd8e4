"""Builds a model whose layers infer their input shapes from a batch."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import layers_of


def built_on(
    model: keras.Model,
    batches: Sequence[tuple[Any, ...]] | keras.utils.PyDataset | Callable[[], Any],
) -> keras.Model:
    """Creates the variables of an unbuilt model, as Keras's `fit` on these batches would.

    Nothing is trained, and existing variables keep their values, including moving averages and the
    seeds of dropout layers. A resumed run builds its model in the same way, with the same
    variables.

    Args:
        model: if it is built, it is left alone and the batches are not read.
        batches: of (inputs, targets, …), in order, or a function that returns them; the batch size
            stays unknown, and so does a length in which the first two batches differ.

    Returns:
        The same model.

    Raises:
        ValueError: for a model that cannot be called on the inputs of the batches.
    """
    if all(layer.built for layer in layers_of(model)):
        return model
    found = batches() if callable(batches) else batches
    first, second = found[0], found[min(1, len(found) - 1)]
    try:
        specifications = keras.tree.map_structure(_specification, first, second)
        if isinstance(model, keras.Sequential) and not model.built:
            _build_in_line(model, specifications[0], len(keras.tree.flatten(first)[0]))
        _call(model, specifications, _trace)
    except Exception:  # a custom call may raise anything on symbolic tensors
        try:
            with keras.StatelessScope():
                _call(model, keras.tree.map_structure(_tensor, first), lambda function: function)
        except Exception as error:
            if not model.built:
                expected = "built, or a model that can be called on the inputs"
                raise argument_error("model", expected, model.name) from error
    return model


def _build_in_line(model: keras.Sequential, inputs: Any, rows: int) -> None:
    """Builds layer by layer; the batch size stays unknown unless a layer is stateful."""
    if hasattr(inputs, "shape"):
        is_fixed = any(getattr(layer, "stateful", False) for layer in layers_of(model))
        model.build((rows if is_fixed else None, *inputs.shape[1:]))


def _call(model: keras.Model, batch: tuple[Any, ...], wrap: Callable) -> None:
    """Calls the model for training and for inference, which may use different layers."""
    inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
    # in the order of Keras's `fit`, for the same initial weights
    flags = (True, False) if keras.backend.backend() == "tensorflow" else (False, True)
    outputs = [wrap(model)(inputs, training=training) for training in flags]
    with contextlib.suppress(Exception):  # a custom training step may not use it
        wrap(model.compute_metrics)(inputs, targets, outputs[0], sample_weight=weights)


class _Function(keras.Operation):
    """A function whose output shapes Keras infers without running it."""

    def __init__(self, function: Callable):
        super().__init__()
        self._function = function

    def call(self, *arguments, **settings):
        return self._function(*arguments, **settings)


def _trace(function: Callable) -> Callable:
    return _Function(function).compute_output_spec


def _specification(first: Any, second: Any) -> keras.KerasTensor | None:
    """Returns the symbolic tensor for an array of the first batch, given that of the second."""
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
    """Returns the dtype that Keras's `fit` gives an array."""
    if getattr(array.dtype, "kind", "") in "OSU":
        return "string"
    dtype = keras.backend.standardize_dtype(array.dtype)
    return keras.config.floatx() if "float" in dtype else dtype
