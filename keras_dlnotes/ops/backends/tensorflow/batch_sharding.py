"""The rows of a batch in parts, one a core, each a compiled call of its own (TensorFlow).

TensorFlow runs calls that do not depend on each other side by side, whole loops included, where the
threads of one small matrix product would spend their time waiting for each other. So rows that do
not depend on each other are divided; outputs are put together again, and the gradients of what all
rows share are added up.
"""

import os
from collections.abc import Callable

_LEAST_ROWS = 4  # a part of fewer leaves its core too little to do in a step
_MOST_PARTS = 8


def in_parts(
    forward_with_residuals, forward_alone, hand_written, shared, calls
) -> tuple[Callable, ...]:
    """Returns the three functions of `vjp` on rows in parts; as they are where `shared` is None.

    Of several calls that run side by side, each has as many parts as make one a core together.
    """
    if shared is None:
        return forward_with_residuals, forward_alone, hand_written
    import tensorflow as tf

    def together(function):
        # a graph, so that calls also run side by side where TensorFlow executes eagerly
        return tf.function(function, autograph=False, reduce_retracing=True)

    def parts(inputs, count):
        own = len(inputs) - shared
        return [(*rows, *inputs[own:]) for rows in _divide(inputs[:own], count)]

    @together
    def outputs_and_residuals(*inputs):
        results = [
            forward_with_residuals(*part) for part in parts(inputs, _count(inputs[0], calls))
        ]
        return _concatenate([output for output, _ in results]), [kept for _, kept in results]

    @together
    def outputs_alone(*inputs):
        return _concatenate(
            [forward_alone(*part) for part in parts(inputs, _count(inputs[0], calls))]
        )

    @together
    def gradients(upstream, inputs, residuals):
        count = len(residuals)  # here more or less may be known about the rows than there
        upstream_parts = _divide(tf.nest.flatten(upstream), count)
        found = [
            hand_written(tf.nest.pack_sequence_as(upstream, rows), part, kept)
            for rows, part, kept in zip(
                upstream_parts, parts(inputs, count), residuals, strict=True
            )
        ]
        own = len(inputs) - shared
        return (
            *_concatenate([part[:own] for part in found]),
            *_join(tf.add_n, [part[own:] for part in found]),
        )

    return outputs_and_residuals, outputs_alone, gradients


def _count(tensor, calls: int) -> int:
    """How many parts are worth while for the rows of a tensor, as far as they are known."""
    rows, cores = tensor.shape[0], max(1, _cores() // calls)
    return cores if rows is None else max(1, min(cores, rows // _LEAST_ROWS))


def _divide(tensors, count: int) -> list[tuple]:
    """One tuple of tensors for each part; all rows are in the first where they are few."""
    import tensorflow as tf

    if count == 1:
        return [tuple(tensors)]
    rows = tf.shape(tensors[0])[0]
    each = tf.where(rows < count * _LEAST_ROWS, 0, rows // count)
    sizes = [rows - each * (count - 1), *[each] * (count - 1)]
    return list(zip(*(tf.split(tensor, sizes, num=count) for tensor in tensors), strict=True))


def _cores() -> int:
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_inter_op_parallelism_threads() or os.cpu_count() or 1
    return min(threads, _MOST_PARTS)


def _concatenate(parts):
    import tensorflow as tf

    return _join(lambda tensors: tf.concat(tensors, 0), parts)


def _join(function, parts):
    """Applies the function to what stands in the same place in every part; None stays None."""
    import tensorflow as tf

    if len(parts) == 1:
        return parts[0]
    flat = [
        None if entries[0] is None else function(list(entries))
        for entries in zip(*(tf.nest.flatten(part) for part in parts), strict=True)
    ]
    return tf.nest.pack_sequence_as(parts[0], flat)
