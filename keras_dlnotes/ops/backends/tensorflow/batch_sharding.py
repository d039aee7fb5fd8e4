"""Divides the rows of a batch among the cores, each part a compiled call of its own (TensorFlow).

TensorFlow runs calls that do not depend on each other concurrently, whole loops included, where the
threads of one small matrix product would spend their time waiting for each other. So independent
rows are divided; outputs are concatenated, and the gradients of inputs that all rows share are
added up.
"""

import functools
import os
from collections.abc import Callable

import tensorflow as tf

_LEAST_ROWS = 4  # with fewer rows a core has too little to do in a step
_MOST_SHARDS = 8


def shard_over_cores(op, concurrent_calls: int) -> tuple[Callable, Callable, Callable]:
    """Returns the op's `forward`, `inference` and `gradients` on rows divided among the cores.

    They are the op's own where rows share no inputs, or depend on each other. Concurrent calls
    share the cores.
    """
    shared = op.shared_inputs
    if not shared:
        return op.forward, op.inference, op.gradients

    def shards(inputs, count):
        own = len(inputs) - shared
        return [(*rows, *inputs[own:]) for rows in _divide(inputs[:own], count)]

    @graph
    def forward(*inputs):
        results = [op.forward(*shard) for shard in shards(inputs, _count(inputs, concurrent_calls))]
        return _concatenate([output for output, _ in results]), [kept for _, kept in results]

    @graph
    def inference(*inputs):
        count = _count(inputs, concurrent_calls)
        return _concatenate([op.inference(*shard) for shard in shards(inputs, count)])

    @graph
    def gradients(upstream, inputs, residuals):
        count = len(residuals)  # more or less may be known about the rows here than in `forward`
        upstream_shards = _divide(tf.nest.flatten(upstream), count)
        found = [
            op.gradients(tf.nest.pack_sequence_as(upstream, rows), shard, kept)
            for rows, shard, kept in zip(
                upstream_shards, shards(inputs, count), residuals, strict=True
            )
        ]
        own = len(inputs) - shared
        return (
            *_concatenate([shard[:own] for shard in found]),
            *_join(tf.add_n, [shard[own:] for shard in found]),
        )

    return forward, inference, gradients


def graph(function):
    """The function as a graph, whose calls run concurrently where TensorFlow executes eagerly.

    One graph serves for all sizes that eager calls come with, from the second on.
    """
    # TensorFlow warns of many traces of the same code, which all ops would share, but for a partial
    own = functools.partial(function)
    return tf.function(own, autograph=False, reduce_retracing=True)


def _count(inputs, concurrent_calls: int) -> int:
    """How many shards pay for the rows of the inputs, as far as their number is known."""
    rows, cores = inputs[0].shape[0], max(1, _cores() // concurrent_calls)
    return cores if rows is None else max(1, min(cores, rows // _LEAST_ROWS))


def _divide(tensors, count: int) -> list[tuple]:
    """One tuple of tensors for each shard; where there are few rows, the first has them all."""
    if count == 1:
        return [tuple(tensors)]
    rows = tf.shape(tensors[0])[0]
    each = tf.where(rows < count * _LEAST_ROWS, 0, rows // count)
    sizes = [rows - each * (count - 1), *[each] * (count - 1)]
    return list(zip(*(tf.split(tensor, sizes, num=count) for tensor in tensors), strict=True))


def _cores() -> int:
    if tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_inter_op_parallelism_threads() or os.cpu_count() or 1
    return min(threads, _MOST_SHARDS)


def _concatenate(shards):
    return _join(lambda tensors: tf.concat(tensors, 0), shards)


def _join(function, shards):
    """Applies the function to the corresponding entries of all shards; None stays None."""
    if len(shards) == 1:
        return shards[0]
    joined = [
        None if entries[0] is None else function(list(entries))
        for entries in zip(*(tf.nest.flatten(shard) for shard in shards), strict=True)
    ]
    return tf.nest.pack_sequence_as(shards[0], joined)
