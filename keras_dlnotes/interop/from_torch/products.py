"""Matrix products: linear layers, attention, einsum, embeddings."""

import math

import keras
import torch
from keras import ops

from keras_dlnotes.interop.from_torch.conversion import Conversion, Free
from keras_dlnotes.interop.from_torch.elementwise import combined
from keras_dlnotes.interop.from_torch.values import (
    Atom,
    UnsupportedError,
    Value,
    flat,
    replaced,
    unified,
)
from keras_dlnotes.interop.from_torch.windows import owner


def linear(conversion: Conversion, value, weight, bias=None) -> Value:
    """y = x Wᵀ + b along the last axis; its rows follow the order in which features are stored."""
    value = conversion.value(value)
    free = isinstance(weight, Free) and (bias is None or isinstance(bias, Free))
    if not free or weight.path in conversion.tied:
        product = matmul(conversion, value, _transposed(conversion.value(weight)))
        return product if bias is None else combined(conversion, ops.add, product, bias)
    features = value.axes[-1]
    value = value.separated(features)
    inside = [n for n, dim in enumerate(value.dims) if dim and set(dim) <= set(features)]
    stored = flat(value.dims[n] for n in inside)
    virtual = [atom for atom in features if atom not in stored]
    rest = [dim for n, dim in enumerate(value.dims) if n not in inside]
    if not rest:
        raise UnsupportedError("a linear layer of one example without a batch")
    value = value.arranged((*rest, (*stored, *virtual)))
    last = value.dims[-1]
    layer = conversion.layer(
        keras.layers.Dense,
        owner(conversion, weight),
        (weight, bias),
        units=weight.tensor.shape[0],
        use_bias=bias is not None,
    )
    tensor = conversion.apply(layer, value.tensor)
    split = [weight.tensor.shape[0], *(atom.size for atom in features)]
    order = [1 + features.index(atom) for atom in last]
    conversion.place(layer, layer.kernel, weight, (*order, 0), split)
    if bias is not None:
        conversion.place(layer, layer.bias, bias)
    (units,) = conversion.atoms([conversion.sizes()[-1]])
    return Value(tensor, (*value.dims[:-1], units), (*value.axes[:-1], units))


def _transposed(value: Value) -> Value:
    return value.with_axes((*value.axes[:-2], value.axes[-1], value.axes[-2]))


def matmul(conversion: Conversion, one, two) -> Value:
    """Products over the last axis of one and the axis before the last of the other."""
    one, two = conversion.value(one), conversion.value(two)
    vectors = one.rank == 1, two.rank == 1
    if vectors[0]:
        one = one.with_axes(((), *one.axes))
    if vectors[1]:
        two = two.with_axes((*two.axes, ()))
    result = _product(one, two)
    axes = result.axes
    if vectors[1]:
        axes = axes[:-1]
    if vectors[0]:
        axes = (*axes[:-2], axes[-1]) if not vectors[1] else axes[:-1]
    return result.with_axes(axes)


def _product(one: Value, two: Value) -> Value:
    """(…, m, k)·(…, k, n): the axes as (…, m, n, k), then a sum over k."""
    two = _fresh(two)
    left = one.with_axes((*one.axes[:-1], (), one.axes[-1]))
    right = two.with_axes((*two.axes[:-2], (), two.axes[-1], two.axes[-2]))
    left, right = unified([left, right])
    return contracted([left, right], left.rank - 1)


def _fresh(value: Value) -> Value:
    """The same with atoms of its own, so that no axis is one of another value's."""
    return replaced(
        value, {a: (Atom(a.size, a.zeros),) for a in {*flat(value.axes), *value.stored}}
    )


def contracted(values: list[Value], summed: int) -> Value:
    """The product of values of the same atoms, summed over one axis, by `einsum`.

    What is summed or shared keeps its place in each operand; nothing is transposed before.
    """
    one, two = (value.separated(value.axes[summed]) for value in values)
    for atom in one.axes[summed] or two.axes[summed]:
        if atom not in one.stored and atom not in two.stored:
            one = one.arranged(((atom,), *one.dims))
    one, two = one.separated(two.stored), two.separated(one.stored)
    one, two = (value.arranged([dim for dim in value.dims if dim]) for value in (one, two))
    letters: dict = {}
    shared = [dim for dim in one.dims if dim in two.dims]
    if {*flat(shared)} != {*one.stored} & {*two.stored}:  # stored in another order in each
        one = one.arranged([(atom,) for atom in one.stored])
        two = two.arranged([(atom,) for atom in two.stored])
    for dim in (*one.dims, *two.dims):
        letters.setdefault(dim, "abcdefghijklmnopqrstuvwxyz"[len(letters)])
    gone = set(one.axes[summed] or two.axes[summed])
    kept_one = [dim for dim in one.dims if not set(dim) & gone]
    kept_two = [dim for dim in two.dims if not set(dim) & gone and dim not in one.dims]
    common = [dim for dim in kept_one if dim in two.dims]
    own = [dim for dim in kept_one if dim not in two.dims]
    dims = [*common, *own, *kept_two]
    equation = f"{_word(one.dims, letters)},{_word(two.dims, letters)}->{_word(dims, letters)}"
    tensor = ops.einsum(equation, one.tensor, two.tensor)
    axes = [
        left or right
        for n, (left, right) in enumerate(zip(one.axes, two.axes, strict=True))
        if n != summed
    ]
    return Value(tensor, tuple(dims), tuple(axes))


def _word(dims, letters) -> str:
    return "".join(letters[dim] for dim in dims)


def attention(
    conversion,
    query,
    key,
    value,
    mask=None,
    rate=0.0,
    causal=False,
    *,
    scale=None,
    enable_gqa=False,
) -> Value:
    """softmax(q kᵀ·scale + mask) v, with dropout of the weights in training."""
    if enable_gqa:
        raise UnsupportedError("attention of grouped queries")
    query, key, value = (conversion.value(entry) for entry in (query, key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    query = query.with_tensor(query.tensor * scale)
    scores = _product(query, _transposed(key))
    if causal:
        lengths = scores.shape[-2:]
        if not all(isinstance(n, int) for n in lengths):
            raise UnsupportedError("causal attention of an open length")
        mask = ~torch.ones(lengths, dtype=torch.bool).tril()
        scores = combined(conversion, ops.where, mask, -math.inf, scores)
    elif mask is not None:
        mask = conversion.value(mask)
        if keras.backend.standardize_dtype(mask.tensor.dtype) == "bool":
            scores = combined(conversion, ops.where, mask, scores, -math.inf)
        else:
            scores = combined(conversion, ops.add, scores, mask)
    scores, place = scores.one_dim(scores.rank - 1)
    weights = scores.with_tensor(ops.softmax(scores.tensor, axis=place))
    if rate:
        layer = keras.layers.Dropout(rate, name=conversion.name(f"{conversion.path}.dropout"))
        weights = weights.with_tensor(layer(weights.tensor))
    return _product(weights, value)


def einsum(conversion, equation: str, values, **_) -> Value:
    """By letters, two operands at a time; PyTorch's order of the axes in each."""
    if len(values) != 2 or "." in equation:
        raise UnsupportedError(f"einsum {equation!r}")
    inputs, _arrow, output = equation.replace(" ", "").partition("->")
    one, two = inputs.split(",")
    if len({*one}) != len(one) or len({*two}) != len(two) or not _arrow:
        raise UnsupportedError(f"einsum {equation!r}")
    left, right = (conversion.value(value) for value in values)
    right = _fresh(right)
    summed = [letter for letter in dict.fromkeys(one + two) if letter not in output]
    if any(letter not in one or letter not in two for letter in summed):
        raise UnsupportedError(f"einsum {equation!r}")
    letters = [*output, *summed]
    lined = []
    for word, value in ((one, left), (two, right)):
        axes = dict(zip(word, value.axes, strict=True))
        lined.append(value.with_axes(axes.get(letter, ()) for letter in letters))
    left, right = unified(lined)
    result = _multiplied(left, right, len(output))
    return result


def _multiplied(left: Value, right: Value, kept: int) -> Value:
    """The product, summed over all axes from `kept` on: first they become one axis."""
    merged = [
        value.with_axes((*value.axes[:kept], flat(value.axes[kept:]))) for value in (left, right)
    ]
    return contracted(merged, kept)


def embedding(
    conversion, weight, numbers, padding=-1, scale_by_frequency=False, sparse=False
) -> Value:
    if padding >= 0:
        raise UnsupportedError("padding_idx, whose row PyTorch does not train")
    if scale_by_frequency or not isinstance(weight, Free):
        raise UnsupportedError("an embedding that is computed or scaled by frequency")
    numbers = conversion.value(numbers)
    count, width = weight.tensor.shape
    if weight.path in conversion.tied:
        table = conversion.value(weight)
        tensor = ops.take(table.tensor, numbers.tensor, axis=0)
        return Value(tensor, (*numbers.dims, table.axes[1]), (*numbers.axes, table.axes[1]))
    layer = conversion.layer(
        keras.layers.Embedding,
        owner(conversion, weight),
        (weight,),
        input_dim=count,
        output_dim=width,
    )
    tensor = conversion.apply(layer, numbers.tensor)
    conversion.place(layer, layer.embeddings, weight)
    (features,) = conversion.atoms([width])
    return Value(tensor, (*numbers.dims, features), (*numbers.axes, features))


OPERATIONS = {
    "linear": linear,
    **dict.fromkeys(["matmul", "bmm", "mm"], matmul),
    "scaled_dot_product_attention": attention,
    "einsum": einsum,
    "embedding": embedding,
}
