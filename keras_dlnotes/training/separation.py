"""Replaces trained convolutions by spatially separable ones."""

from typing import NamedTuple

import keras
import numpy as np

from keras_dlnotes.common.calls import Call, CallTracer
from keras_dlnotes.common.checks import flag, probability
from keras_dlnotes.common.graph import graph_inputs
from keras_dlnotes.layers import SpatiallySeparableConv2D
from keras_dlnotes.training.arguments import built_model


class Separation(NamedTuple):
    """A model with separable layers, the error of each kernel, and what each layer costs.

    Args:
        model: the new model.
        residuals: name of each replaceable convolution → relative error of its pair,
            ‖K − R·C‖ / ‖K‖, in [0, 1). The pair has N channels between its steps, so it has room
            for any K where N ≥ k·M, and then the error is 0.
        replaced: the names of the convolutions that were replaced.
        costs: name → multiplications (before, after) by the convolution and by its pair, for one
            example; where the image's lengths are open, for one output position.
        kernel_residuals: name → (M, N) relative errors of the k×k kernels one by one, each by the
            column and the row closest to it alone, as `ops.separate_kernel` finds them.
    """

    model: keras.Model
    residuals: dict[str, float]
    replaced: list[str]
    costs: dict[str, tuple[int, int]]
    kernel_residuals: dict[str, np.ndarray]


def separate_convolutions(
    model: keras.Model, tolerance: float = 1.0, only_cheaper: bool = True
) -> Separation:
    """Returns the model with its k×k convolutions replaced by the closest k×1 and 1×k pairs.

    The pair is that of `layers.SpatiallySeparableConv2D.from_convolution`: no other is closer to
    the kernel K. It takes k·M·N + k·N·N multiplications per output position instead of k²·M·N,
    which is fewer only where N < (k − 1)·M; for one channel and one filter it is 2k instead of k².
    Evaluate the model to see the loss of accuracy; a few epochs of training recover some of it.

    Args:
        model: a built functional or sequential model; it is not changed, and all other layers keep
            their weights in the copy.
        tolerance: the largest relative error of a kernel that is replaced, in [0, 1]; 1 replaces
            all. Groups and kernels of length 1 along an axis stay as they are.
        only_cheaper: whether a layer stays as it is where its pair takes no fewer multiplications.

    Returns:
        A `Separation`: the new model, uncompiled, and for each convolution that could be replaced
        the errors, whether it was, and its multiplications before and after.

    Raises:
        ValueError: for a tolerance out of range, or a model that Keras cannot clone.

    Reference:
        Lecture notes, "Spatial Separable Convolutions": "All kernels are not spatially separable".

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((8, 8, 1)),
    ...     keras.layers.Conv2D(8, 3, name="first"),
    ...     keras.layers.Conv2D(8, 3, name="second"),
    ... ])
    >>> separation = separate_convolutions(model)
    >>> separation.costs
    {'first': (2592, 8064), 'second': (9216, 7680)}
    >>> separation.replaced, separation.model.count_params()
    (['second'], 472)
    """
    built_model(model)
    tolerance = probability("tolerance", tolerance)
    flag("only_cheaper", only_cheaper)
    residuals: dict[str, float] = {}
    replaced: list[str] = []
    costs: dict[str, tuple[int, int]] = {}
    kernel_residuals: dict[str, np.ndarray] = {}
    copies: list[tuple[keras.Layer, keras.Layer]] = []
    calls = _calls(model)

    def copy(layer: keras.Layer) -> keras.Layer:
        if _can_be_separated(layer):
            separable, residuals[layer.name] = SpatiallySeparableConv2D.from_convolution(layer)
            kernel_residuals[layer.name] = _residuals_of_kernels(layer)
            counts = [_costs(layer, call) for call in calls if call.operation is layer]
            before, after = sum(one for one, _ in counts), sum(two for _, two in counts)
            costs[layer.name] = before, after
            if residuals[layer.name] <= tolerance and (after < before or not only_cheaper):
                replaced.append(layer.name)
                return separable
        copies.append((layer, type(layer).from_config(layer.get_config())))
        return copies[-1][1]

    clone = keras.models.clone_model(model, clone_function=copy, recursive=True)
    for original, duplicate in copies:
        duplicate.set_weights(original.get_weights())
    return Separation(clone, residuals, replaced, costs, kernel_residuals)


def _can_be_separated(layer: keras.Layer) -> bool:
    return (
        isinstance(layer, keras.layers.Conv2D) and layer.groups == 1 and min(layer.kernel_size) > 1
    )


def _calls(model: keras.Model) -> list[Call]:
    """All calls of layers, those in nested models included; none for a model without a graph."""
    tracer = CallTracer(is_known=lambda operation: not graph_inputs(operation))
    if inputs := graph_inputs(model):
        tracer.trace(model, (inputs,))
    return tracer.calls


def _costs(layer: keras.layers.Conv2D, call: Call) -> tuple[int, int]:
    """The multiplications of one call, and of the same call of the pair."""
    first = 1 if layer.data_format == "channels_last" else 2
    (_, width), (rows, columns) = (
        tensors[0].shape[first : first + 2] for tensors in (call.operands, call.outputs)
    )
    if None in (width, rows, columns):
        width, rows, columns = layer.strides[1], 1, 1
    (k_h, k_w), channels, filters = layer.kernel_size, layer.kernel.shape[2], layer.filters
    before = rows * columns * k_h * k_w * channels * filters
    by_column = rows * width * k_h * channels * filters
    return before, by_column + rows * columns * k_w * filters * filters


def _residuals_of_kernels(layer: keras.layers.Conv2D) -> np.ndarray:
    kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), "float64")
    sigma = np.linalg.svd(kernel.transpose(2, 3, 0, 1), compute_uv=False)
    norm = np.linalg.norm(sigma, axis=-1)
    return np.linalg.norm(sigma[..., 1:], axis=-1) / np.where(norm, norm, 1)
