"""Normalization, whose axis may lie anywhere in the Keras tensor."""

import keras

from keras_dlnotes import layers
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value
from keras_dlnotes.interop.from_torch.windows import check_free, owner


def _with_vectors(conversion, layer, value: Value, tensor, **places) -> Value:
    """A normalization's result; `places` are its weights with PyTorch's tensors."""
    result = value.with_tensor(conversion.apply(layer, tensor))
    for name, free in places.items():
        if free is not None:
            conversion.place(layer, getattr(layer, name), free)
    return result


def batch_norm(
    conversion, value, weight, bias, mean, variance, training, momentum, epsilon, _cudnn
) -> Value:
    if not training or mean is None:
        raise UnsupportedError("batch normalization that has no running statistics, or is frozen")
    check_free(weight, bias, mean, variance)
    value, axis = value.one_dim(1)
    layer = conversion.layer(
        layers.BatchNormalization,
        owner(conversion, mean).removesuffix(".running_mean"),
        (mean, weight, bias),
        axis=axis,
        momentum=1 - momentum,
        epsilon=epsilon,
        center=bias is not None,
        scale=weight is not None,
        moving_statistic="variance",
    )
    places = {"gamma": weight, "beta": bias, "moving_mean": mean, "moving_variance": variance}
    return _with_vectors(conversion, layer, value, value.tensor, **places)


def layer_norm(conversion, value, shape, weight=None, bias=None, epsilon=1e-5, _=True) -> Value:
    check_free(weight, bias)
    numbers = list(range(value.rank - len(shape), value.rank))
    for number in numbers:
        value, _place = value.one_dim(number)
    if not all(value.axes[number] for number in numbers):
        raise UnsupportedError("normalization over an axis of length 1")
    places = [value.dims.index(value.axes[number]) for number in numbers]
    # last, as Keras demands on PyTorch, in the order in which they are stored
    rest = [dim for place, dim in enumerate(value.dims) if place not in places]
    value = value.arranged((*rest, *(value.dims[place] for place in sorted(places))))
    places = [value.dims.index(value.axes[number]) for number in numbers]
    order = sorted(range(len(places)), key=lambda n: places[n])
    layer = conversion.layer(
        keras.layers.LayerNormalization,
        owner(conversion, weight),
        (weight, bias),
        axis=sorted(places) if len(places) > 1 else places[0],
        epsilon=epsilon,
        center=bias is not None,
        scale=weight is not None,
    )
    result = value.with_tensor(conversion.apply(layer, value.tensor))
    for variable, free in (("gamma", weight), ("beta", bias)):
        if free is not None:
            conversion.place(layer, getattr(layer, variable), free, order)
    return result


def group_norm(conversion, value, groups, weight=None, bias=None, epsilon=1e-5, _=True) -> Value:
    check_free(weight, bias)
    value, axis = value.one_dim(1)
    layer = conversion.layer(
        keras.layers.GroupNormalization,
        owner(conversion, weight),
        (weight, bias),
        groups=groups,
        axis=axis,
        epsilon=epsilon,
        center=bias is not None,
        scale=weight is not None,
    )
    return _with_vectors(conversion, layer, value, value.tensor, gamma=weight, beta=bias)


def instance_norm(
    conversion, value, weight, bias, mean, variance, use_input, momentum, epsilon, _cudnn
) -> Value:
    if mean is not None or not use_input:
        raise UnsupportedError("instance normalization with running statistics")
    return group_norm(conversion, value, value.shape[1], weight, bias, epsilon)


OPERATIONS = {
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
}
