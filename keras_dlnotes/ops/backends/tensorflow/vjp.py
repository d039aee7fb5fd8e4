"""Joins an op to its gradient on TensorFlow."""

import functools

import tensorflow as tf

from keras_dlnotes.ops.backends.tensorflow.batch_sharding import shard_over_cores
from keras_dlnotes.ops.backends.tensorflow.filled_rows import fill_rows
from keras_dlnotes.ops.backends.tensorflow.programs import RowPrograms, program
from keras_dlnotes.ops.compilation import is_compilation_enabled


class Joined:
    """An op with its settings, as a function of tensors that TensorFlow differentiates by its rule.

    `training` says whether a gradient will be asked for; `concurrent_calls`, how many such calls
    share the cores.
    """

    def __init__(self, op, training: bool, concurrent_calls: int):
        is_compiled = op.compiled and is_compilation_enabled()
        if is_compiled:
            by_rows = op.shared_inputs == 0
            compiled = RowPrograms().program if by_rows else program
            op = op.with_functions(compiled, "forward", "backward", "inference")
        self._op_for = op.in_chunks(op)
        self._fills = is_compiled and bool(op.shared_inputs)
        self._concurrent_calls = concurrent_calls
        self._passes = functools.cache(self._passes_of)
        self.plain, self.training = op.plain, training

    def _passes_of(self, op):
        """The op's `forward`, `inference` and `gradients` on whole batches."""
        passes = shard_over_cores(op, self._concurrent_calls)
        return fill_rows(*passes, op.shared_inputs) if self._fills else passes

    def __call__(self, *inputs):
        @tf.custom_gradient
        def differentiable(*inputs):
            passes = self._passes(self._op_for(*inputs))
            forward, inference, _ = passes
            if self.training:
                output, residuals = forward(*_cut_off(inputs))
            else:
                output, residuals = inference(*_cut_off(inputs)), None

            def gradient(*upstream):
                return self._first_order(passes, inputs, residuals, upstream, output)

            return output, gradient

        # Keras takes a tf.Variable for a tensor; a custom gradient must be given its value
        return differentiable(*map(tf.convert_to_tensor, inputs))

    def _first_order(self, passes, inputs, residuals, upstream, output):
        forward, _, gradients_of = passes
        count, present = len(inputs), []

        @tf.custom_gradient
        def differentiable(*tensors):
            cut_off = _cut_off(tensors)
            inputs, upstream = cut_off[:count], cut_off[count:]
            saved = forward(*inputs)[1] if residuals is None else residuals
            gradients = gradients_of(tf.nest.pack_sequence_as(output, upstream), inputs, saved)
            present[:] = [entry is not None for entry in gradients]
            second_order = functools.partial(self._second_order, tensors, present)
            return [entry for entry in gradients if entry is not None], second_order

        found = iter(differentiable(*inputs, *upstream))
        return [next(found) if kept else None for kept in present]

    def _second_order(self, tensors, present, *upstream_of_gradients):
        floating = [tensor for tensor in tensors if tensor.dtype.is_floating]
        with tf.GradientTape() as outer:
            outer.watch(floating)
            inputs, upstream = tensors[: len(present)], tensors[len(present) :]
            wanted = [entry for entry, kept in zip(inputs, present, strict=True) if kept]
            with tf.GradientTape() as inner:
                inner.watch(wanted)
                outputs = tf.nest.flatten(self.plain(*inputs))
            gradients = inner.gradient(outputs, wanted, list(upstream), "zero")
        found = iter(outer.gradient(gradients, floating, list(upstream_of_gradients), "zero"))
        return [next(found) if tensor.dtype.is_floating else None for tensor in tensors]


def _cut_off(tensors):
    return tuple(tf.stop_gradient(tensor) for tensor in tensors)
