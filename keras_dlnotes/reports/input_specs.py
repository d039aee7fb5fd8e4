"""The symbolic inputs that a model is traced for, from the shapes that the caller gives."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
from keras import KerasTensor

from keras_dlnotes.reports.arrays import argument_error


def graph_inputs(model: Any) -> list[KerasTensor]:
    """Returns the inputs of the model's graph; none where Keras recorded no graph."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        return []
    return list(model.inputs)


def built_model(model: keras.Model, input_shape: Any, batch_size: int | None) -> keras.Model:
    if model.built:
        return model
    if input_shape is None:
        expected = "given for a model that is not built"
        raise argument_error("input_shape", expected, "input_shape=None")
    specs = _map_shapes(lambda shape: KerasTensor((batch_size, *shape)), input_shape)
    try:
        model(specs)
    except Exception as error:
        expected = "a shape that the model can be built for"
        received = f"input_shape={input_shape!r}. {type(error).__name__}: {error}"
        raise argument_error("input_shape", expected, received) from error
    return model


def _map_shapes(function: Callable, shapes: Any) -> Any:
    if isinstance(shapes, Mapping):
        return {name: function(_shape(shape)) for name, shape in shapes.items()}
    if isinstance(shapes, Sequence) and shapes and isinstance(shapes[0], Sequence):
        return [function(_shape(shape)) for shape in shapes]
    return function(_shape(shapes))


def _shape(shape: Any) -> tuple[int, ...]:
    lengths = tuple(shape) if isinstance(shape, Iterable) and not isinstance(shape, str) else None
    if lengths is None or not all(
        isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in lengths
    ):
        expected = "lengths ≥ 1 without the batch, such as (224, 224, 3)"
        raise argument_error("input_shape", expected, f"input_shape={shape!r}")
    return lengths


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
            raise argument_error("input_shape", expected, f"input_shape={input_shape!r}")
        shapes = [_shape(input_shape[name]) for name in names]
    else:
        given = _map_shapes(tuple, input_shape)
        shapes = given if isinstance(given, list) else [given]
    if len(shapes) != len(inputs):
        expected = f"one shape for each of the {len(inputs)} inputs"
        raise argument_error("input_shape", expected, f"input_shape={input_shape!r}")
    specs = []
    for tensor, shape in zip(inputs, shapes, strict=True):
        batch, *lengths = tensor.shape
        if len(shape) != len(lengths) or any(
            known not in (None, given) for known, given in zip(lengths, shape, strict=True)
        ):
            expected = f"of the form {tuple(lengths)}, as the model's input {tensor.name!r} is"
            raise argument_error("input_shape", expected, f"input_shape={tuple(shape)}")
        if batch is None:
            batch = batch_size
        specs.append(KerasTensor((batch, *shape), dtype=tensor.dtype, name=tensor.name))
    return specs
