"""Joins `vjp`'s two functions on TensorFlow."""

import functools

import tensorflow as tf

from keras_dlnotes.ops.backends.tensorflow.batch_sharding import in_parts
from keras_dlnotes.ops.vjp import finished


def join(forward, backward, plain, inference, finish, training, compiled, shared, calls):
    def function(python_function):
        if not compiled:
            return python_function
        return tf.function(
            python_function, jit_compile=True, autograph=False, reduce_retracing=True
        )

    forward_with_residuals, forward_alone, hand_written = in_parts(
        function(forward), function(inference), finished(function(backward), finish), shared, calls
    )

    def cut_off(tensors):
        return tuple(tf.stop_gradient(tensor) for tensor in tensors)

    def op(*inputs):
        @tf.custom_gradient
        def differentiable(*inputs):
            if training:
                output, residuals = forward_with_residuals(*cut_off(inputs))
            else:
                output, residuals = forward_alone(*cut_off(inputs)), None

            def gradient(*upstream):
                return first_order(inputs, residuals, upstream, output)

            return output, gradient

        # Keras takes a tf.Variable for a tensor; a custom gradient must be handed its value
        return differentiable(*map(tf.convert_to_tensor, inputs))

    def first_order(inputs, residuals, upstream, output):
        present = []

        @tf.custom_gradient
        def differentiable(*tensors):
            inputs, upstream = _divide(cut_off(tensors))
            saved = forward_with_residuals(*inputs)[1] if residuals is None else residuals
            gradients = hand_written(tf.nest.pack_sequence_as(output, upstream), inputs, saved)
            present[:] = [entry is not None for entry in gradients]
            return [entry for entry in gradients if entry is not None], functools.partial(
                second_order, tensors
            )

        def second_order(tensors, *upstream_of_gradients):
            floating = [tensor for tensor in tensors if tensor.dtype.is_floating]
            with tf.GradientTape() as outer:
                outer.watch(floating)
                inputs, upstream = _divide(tensors)
                wanted = [entry for entry, kept in zip(inputs, present, strict=True) if kept]
                with tf.GradientTape() as inner:
                    inner.watch(wanted)
                    outputs = tf.nest.flatten(plain(*inputs))
                gradients = inner.gradient(outputs, wanted, list(upstream), "zero")
            found = outer.gradient(gradients, floating, list(upstream_of_gradients), "zero")
            found = iter(found)
            return [next(found) if tensor.dtype.is_floating else None for tensor in tensors]

        def _divide(tensors):
            return tensors[: len(inputs)], tensors[len(inputs) :]

        found = iter(differentiable(*inputs, *upstream))
        return [next(found) if kept else None for kept in present]

    return op
