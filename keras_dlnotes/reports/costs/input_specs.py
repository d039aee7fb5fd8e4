"""The symbolic inputs that a model is traced for, from the shapes that the caller gives."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, tree

from keras_dlnotes.common.checks import argument_error, is_integer
from keras_dlnotes.common.graph import graph_inputs
from keras_dlnotes.reports.arrays import as_numbers


def batch_for(model: keras.Model, inputs: Any) -> Any:
    """Returns inputs as tensors of the types that the model's graph takes, of one length."""
    specs = graph_inputs(model)
    if isinstance(inputs, Mapping):
        missing = [spec.name for spec in specs if spec.name not in inputs]
        if missing:
            raise argument_error(
                "inputs", f"a mapping with {missing}", list(inputs), part="its keys"
            )
        inputs = [inputs[spec.name] for spec in specs]
    arrays = inputs if len(specs) > 1 and isinstance(inputs, Sequence) else tree.flatten(inputs)
    if len(specs) == 1 and not hasattr(inputs, "shape"):
        arrays = inputs if isinstance(inputs, list | tuple) and len(inputs) == 1 else [inputs]
    if len(arrays) != len(specs):
        expected = f"a batch for each of the {len(specs)} inputs"
        raise argument_error("inputs", expected, len(arrays), part="len(inputs)")
    tensors = [_batch(spec, array) for spec, array in zip(specs, arrays, strict=True)]
    lengths = {len(tensor) for tensor in tensors}
    if len(lengths) > 1 or lengths == {0}:
        raise argument_error("inputs", "batches of one length ≥ 1", sorted(lengths), part="lengths")
    return tensors


def _batch(spec: KerasTensor, value: Any) -> Any:
    if spec.dtype == "string":
        return keras.ops.convert_to_tensor(value, dtype="string")
    array = as_numbers("inputs", value)
    shape = tuple(spec.shape)
    if array.ndim != len(shape) or any(
        known not in (None, given) for known, given in zip(shape, array.shape, strict=True)
    ):
        expected = f"of shape {shape} for the model's input {spec.name!r}"
        raise argument_error("inputs", expected, array.shape, part="inputs.shape")
    if not np.isfinite(array).all():
        raise argument_error("inputs", "finite numbers", value)
    return keras.ops.convert_to_tensor(array, dtype=spec.dtype)


def built_model(model: keras.Model, input_shape: Any, batch_size: int | None) -> keras.Model:
    if model.built:
        return model
    if input_shape is None:
        expected = "given for a model that is not built"
        raise argument_error("input_shape", expected, None)
    specs = _map_shapes(lambda shape: KerasTensor((batch_size, *shape)), input_shape)
    try:
        model(specs)
    except Exception as error:
        expected = "a shape that the model can be built for"
        cause = f"{type(error).__name__}: {error}"
        raise argument_error("input_shape", expected, input_shape, cause) from error
    return model


def _map_shapes(function: Callable, shapes: Any) -> Any:
    if isinstance(shapes, Mapping):
        return {name: function(_shape(shape)) for name, shape in shapes.items()}
    is_list = isinstance(shapes, Sequence) and not isinstance(shapes, str | bytes)
    if is_list and shapes and isinstance(shapes[0], Sequence):
        return [function(_shape(shape)) for shape in shapes]
    return function(_shape(shapes))


def _shape(shape: Any) -> tuple[int, ...]:
    lengths = (
        tuple(shape) if isinstance(shape, Iterable) and not isinstance(shape, str | bytes) else None
    )
    if lengths is None or not all(is_integer(n) and n > 0 for n in lengths):
        expected = "lengths ≥ 1 without the batch, such as (224, 224, 3)"
        raise argument_error("input_shape", expected, shape)
    return tuple(int(length) for length in lengths)


def input_specs(model: keras.Model, input_shape: Any, batch_size: int | None) -> Any:
    inputs = graph_inputs(model)
    if not inputs:
        return _map_shapes(lambda shape: KerasTensor((batch_size, *shape)), input_shape or ())
    if input_shape is None:
        shapes = [tensor.shape[1:] for tensor in inputs]
    elif isinstance(input_shape, Mapping):
        names = [tensor.name for tensor in inputs]
        if set(input_shape) != set(names):
            expected = f"a shape for each of the inputs {names}"
            raise argument_error("input_shape", expected, input_shape)
        shapes = [_shape(input_shape[name]) for name in names]
    else:
        given = _map_shapes(tuple, input_shape)
        shapes = given if isinstance(given, list) else [given]
    if len(shapes) != len(inputs):
        expected = f"one shape for each of the {len(inputs)} inputs"
        raise argument_error("input_shape", expected, input_shape)
    specs = []
    for tensor, shape in zip(inputs, shapes, strict=True):
        batch, *lengths = tensor.shape
        if len(shape) != len(lengths) or any(
            known not in (None, given) for known, given in zip(lengths, shape, strict=True)
        ):
            expected = f"of the form {tuple(lengths)}, as the model's input {tensor.name!r} is"
            raise argument_error("input_shape", expected, tuple(shape))
        if batch is None:
            batch = batch_size
        specs.append(KerasTensor((batch, *shape), dtype=tensor.dtype, name=tensor.name))
    return specs
