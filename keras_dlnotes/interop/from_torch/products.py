"""Matrix products: linear layers, embeddings, attention, einsum."""

import math
import string

import keras
import torch
from keras import ops

from keras_dlnotes.interop.from_torch.conversion import Conversion, Free, enter
from keras_dlnotes.interop.from_torch.elementwise import combined
from keras_dlnotes.interop.from_torch.reading import operation
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, flat, joined, unified


def _is_weight(c: Conversion, matrix: Free) -> bool:
    """Whether one layer alone has a matrix; several, with a bias of its own each, may share it."""
    names, users = c.graph.names, set()
    for node in c.graph.nodes:
        paths = [names.get(one.name) for one in node.all_input_nodes]
        if operation(node) in ("linear", "embedding") and matrix.path in paths:
            users.add((operation(node), *filter(None, paths)))
    return len(users) == 1


def linear(c: Conversion, x, weight, bias=None) -> Value:
    """y = x Wᵀ + b along the last axis; its rows follow the order in which features are stored."""
    if not isinstance(bias, Free | None):
        return combined(ops.add, linear(c, x, weight), bias)
    if not isinstance(weight, Free) or not _is_weight(c, weight):
        product = matmul(c, x, _transposed(weight))
        return product if bias is None else combined(ops.add, product, bias)
    features = x.axes[-1]
    x, inside = x.parted(features)
    last = flat(x.dims[n] for n in inside)
    rest = [dim for n, dim in enumerate(x.dims) if n not in inside]
    if not rest:
        raise UnsupportedError("a linear layer of one example without a batch")
    order, split = [1 + features.index(atom) for atom in last], [atom.size for atom in features]
    tensor = c.layer(
        keras.layers.Dense,
        x.arranged((*rest, last)).tensor,
        {"kernel": weight, "bias": bias},
        {"kernel": ((*order, 0), (weight.shape[0], *split))},
        units=weight.shape[0],
    )
    (units,) = c.atoms(weight.shape[:1])
    return Value(tensor, (*rest, units), (*x.axes[:-1], units))


def embedding(c: Conversion, weight, numbers, padding=-1, by_frequency=False, _sparse=False):
    if padding >= 0:
        raise UnsupportedError("padding_idx, whose row PyTorch does not train")
    if by_frequency:
        raise UnsupportedError("an embedding that is scaled by frequency")
    count, width = weight.shape
    if isinstance(weight, Free) and _is_weight(c, weight):
        arguments = {"input_dim": count, "output_dim": width}
        given = {"embeddings": weight}
        tensor = c.layer(keras.layers.Embedding, numbers.tensor, given, **arguments)
    else:
        tensor = ops.take(weight.arranged(weight.axes).tensor, numbers.tensor, axis=0)
    (features,) = c.atoms([width])
    return Value(tensor, (*numbers.dims, features), (*numbers.axes, features))


def _contracted(one: Value, two: Value, kept: int) -> Value:
    """The product of values by `einsum`, summed over all axes from `kept` on.

    What is summed or shared keeps its place in each operand; nothing is transposed before.
    """
    one, two = unified([one, two])
    axes = joined([one, two])
    gone = flat(axes[kept:])
    one, _ = one.parted(atom for atom in gone if atom not in two.stored)
    one, two = one.separated(gone, two.stored), two.separated(gone, one.stored)
    shared = [dim for dim in one.dims if dim in two.dims]
    if {*flat(shared)} != {*one.stored} & {*two.stored}:  # stored in another order in each
        one, two = (value.arranged((atom,) for atom in value.stored) for value in (one, two))
    one, two = (value.arranged(filter(None, value.dims)) for value in (one, two))
    letters = dict(zip(dict.fromkeys((*one.dims, *two.dims)), string.ascii_letters, strict=False))
    dims = [dim for dim in letters if not set(dim) <= {*gone}]
    dims.sort(key=lambda dim: dim not in one.dims or dim not in two.dims)
    words = ("".join(letters[dim] for dim in group) for group in (one.dims, two.dims, dims))
    tensor = ops.einsum("{},{}->{}".format(*words), one.tensor, two.tensor)
    return Value(tensor, dims, axes[:kept])


def _product(one: Value, two: Value) -> Value:
    """(…, m, k)·(…, k, n): the axes as (…, m, n, k), then a sum over k."""
    left = one.with_axes((*one.axes[:-1], (), one.axes[-1]))
    right = two.with_axes((*two.axes[:-2], (), two.axes[-1], two.axes[-2]))
    return _contracted(left, right, max(left.rank, right.rank) - 1)


def _transposed(x: Value) -> Value:
    return x.with_axes((*x.axes[:-2], x.axes[-1], x.axes[-2]))


def matmul(c, one, two) -> Value:
    """Products over the last axis of one and the axis before the last of the other."""
    vectors = [n for n, value in ((-2, one), (-1, two)) if value.rank == 1]
    one = one.with_rank(2) if one.rank == 1 else one
    two = two.with_axes((*two.axes, ())) if two.rank == 1 else two
    result = _product(one, two)
    gone = [n % result.rank for n in vectors]
    return result.with_axes(a for n, a in enumerate(result.axes) if n not in gone)


def attention(c: Conversion, query, key, value, mask=None, rate=0.0, causal=False, **more) -> Value:
    """softmax(q kᵀ·scale + mask) v, with dropout of the weights in training."""
    if more.get("enable_gqa"):
        raise UnsupportedError("attention of grouped queries")
    scale = more.get("scale") or 1 / math.sqrt(query.shape[-1])
    query = query.with_tensor(query.tensor * scale)
    scores = _product(query, _transposed(key))
    if causal:
        lengths = scores.shape[-2:]
        if not all(isinstance(n, int) for n in lengths):
            raise UnsupportedError("causal attention of an open length")
        mask = Free(c, torch.ones(lengths, dtype=torch.bool).tril())
    if mask is not None:
        is_choice = keras.backend.standardize_dtype(mask.tensor.dtype) == "bool"
        choice = (ops.where, mask, scores, -math.inf)
        scores = combined(*choice) if is_choice else combined(ops.add, scores, mask)
    weights = c.along(scores, -1, lambda tensor, n: ops.softmax(tensor, axis=n))
    if rate:
        path = f"{c.path}.dropout"
        weights = c.plain(keras.layers.Dropout, weights, path=path, rate=rate)
    return _product(weights, value)


def einsum(c, equation: str, values, **_) -> Value:
    """By letters, of two operands; PyTorch's order of the axes in each."""
    inputs, _arrow, output = equation.replace(" ", "").partition("->")
    words = inputs.split(",")
    distinct = all(len({*word}) == len(word) for word in words)
    summed = [letter for letter in dict.fromkeys(inputs) if letter not in (*output, ",")]
    known = all(letter in word for letter in summed for word in words)
    if len(values) != 2 or "." in equation or not _arrow or not distinct or not known:
        raise UnsupportedError(f"einsum {equation!r}")
    lined = []
    for word, value in zip(words, values, strict=True):
        axes = dict(zip(word, value.axes, strict=True))
        lined.append(value.with_axes(axes.get(letter, ()) for letter in (*output, *summed)))
    return _contracted(lined[0], lined[1], len(output))


enter(
    {
        "linear": linear,
        "embedding": embedding,
        "matmul bmm mm": matmul,
        "scaled_dot_product_attention": attention,
        "einsum": einsum,
    }
)
