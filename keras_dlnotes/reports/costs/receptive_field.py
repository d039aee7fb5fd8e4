"""The receptive field: which part of the input one output depends on."""

import warnings
from typing import Any

import keras
from keras import KerasTensor

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.printable import printable
from keras_dlnotes.reports.costs.receptive_fields import ReceptiveField, ReceptiveFields, Unknown
from keras_dlnotes.reports.costs.trace import Trace, trace


class MisalignedBranchesWarning(UserWarning):
    """Branches meet whose receptive fields have different centres or strides."""


def receptive_field(
    model: keras.Model,
    layer: str | keras.Layer | None = None,
    input_shape: Any = None,
    input_index: int = 0,
) -> ReceptiveField:
    """Returns the part of the input that one output of a layer depends on.

    Along a chain of windows of length k_l, stride s_l and dilation d_l, the size is

        r = 1 + Σ_l d_l (k_l − 1) Π_{i<l} s_i

    Where branches meet, it is what any of them sees, from the first position to the last.

    Args:
        model: Any Keras model; a subclassed one if its `call` takes symbolic tensors.
        layer: A layer or its name as `summarize` shows it, "encoder/conv" if nested; its first call
            counts. By default the model's output, or the first of several.
        input_shape: As in `summarize`. "same" padding pads as the length demands, where the stride
            is above 1; an unknown length counts as a multiple of the strides.
        input_index: Which of several inputs.

    Returns:
        The field, with an entry for each axis between batch and channels: (height, width) of an
        image, (time,) of a sequence. Layers act as at inference.

    Raises:
        ValueError: If there is no such layer, or a layer up to it has no rule.

    Warns:
        MisalignedBranchesWarning: If branches meet whose fields have different centres or strides.

    Reference:
        Lecture notes, "Receptive Field". Araujo, Norris and Sim, "Computing Receptive Fields of
        Convolutional Neural Networks", Distill, 2019.

    >>> model = keras.Sequential(
    ...     [keras.Input((32, 32, 3)), keras.layers.Conv2D(8, 3), keras.layers.MaxPooling2D()]
    ... )
    >>> receptive_field(model).size
    (4, 4)
    """
    if layer is not None and not isinstance(layer, str | keras.Layer):
        raise argument_error("layer", "a layer of the model or its name", layer)
    traced = trace(model, input_shape, batch_size=None)
    fields = ReceptiveFields(traced, input_index)
    tensors, name = _tensors(traced, layer)
    state = fields.of(tensors[0])
    if isinstance(state, Unknown):
        expected = f"a model whose layers up to {name} all have a rule for what they see"
        hint, part = "`reports.rule(…, sees=…)` adds a rule", f"a layer of type {state.kind}"
        raise argument_error("model", expected, state.name, hint, part=part)
    field = fields.describe(tensors[0])
    assert field is not None  # None stands for an unknown state
    if field.misaligned:
        warnings.warn(
            f"Branches that see different places meet in {printable(', '.join(field.misaligned))}.",
            MisalignedBranchesWarning,
            stacklevel=2,
        )
    return field


def _tensors(traced: Trace, layer: str | keras.Layer | None) -> tuple[list[KerasTensor], str]:
    if layer is None:
        return traced.outputs, "the output"
    calls = traced.calls + traced.containers
    for call in calls:
        if call.name == layer or call.operation is layer:
            return call.outputs, f"layer {call.name!r}"
    for call in calls:
        if call.name.split("/")[-1] == layer:
            return call.outputs, f"layer {call.name!r}"
    received = getattr(layer, "name", layer)
    raise argument_error("layer", "a layer of the model or its name", received)
