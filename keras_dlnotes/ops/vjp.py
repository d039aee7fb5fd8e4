"""The one seam to the frameworks: (forward, backward) → a differentiable op.

An op of this package is two plain functions, written with `keras.ops`:

    forward(*inputs, **settings) -> (output, residuals)
    backward(upstream, inputs, residuals, **settings) -> one gradient for each input

`with_vjp(forward, backward)` joins them on TensorFlow, JAX and PyTorch. What each of them asks:

- inputs are positional tensors (variables are converted first); settings are hashable and closed
  over, so one set of settings is one function, traced once for each shape;
- TensorFlow sees both functions compiled by XLA, called on inputs cut off from the tape, so that
  no tape looks inside; JAX sees them under `jit`; PyTorch runs them as they are;
- a gradient of the gradient is taken through the plain forward by the framework itself, because
  the residuals of a hand-written rule are constants to it and terms would silently go missing;
- without `training`, only the output is computed; should a gradient be asked for all the same, the
  residuals are computed then.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras


def with_vjp(forward: Callable, backward: Callable, compiled: bool = True) -> Callable:
    """Returns `op(*inputs, training=True, **settings)` whose gradient is `backward`.

    Args:
        forward: `(*inputs, **settings) -> (output, residuals)`; `output` is a tensor or a tuple of
            tensors, `residuals` a tuple of tensors that the backward pass needs.
        backward: `(upstream, inputs, residuals, **settings) -> gradients`, a tuple with one entry
            for each input, None where there is none. `upstream` has the structure of `output`.
        compiled: whether XLA compiles both on TensorFlow. True pays where the work is bound by
            memory or by the number of small operations; matrix products are better left alone.

    Returns:
        The op. `op.plain` is the forward pass alone, differentiated by the framework: the reference
        that the hand-written gradient is tested against.

    Example:

    >>> def square_forward(x):
    ...     return x * x, ()
    >>> def square_backward(upstream, inputs, residuals):
    ...     return (2 * inputs[0] * upstream,)
    >>> square = with_vjp(square_forward, square_backward)
    >>> float(square(keras.ops.convert_to_tensor(3.0)))
    9.0
    """

    @functools.cache
    def joined(training: bool, settings: tuple[tuple[str, Any], ...], shapes: tuple) -> Callable:
        # by rank and channels, too: tf.function would relax the shapes of two ranks to no shape at
        # all, and those of two numbers of channels to one that the next layer cannot use
        fixed = dict(settings)
        join = {"tensorflow": _join_tensorflow, "jax": _join_jax, "torch": _join_torch}
        return join[keras.backend.backend()](
            functools.partial(forward, **fixed),
            functools.partial(backward, **fixed),
            training=training,
            compiled=compiled,
        )

    def plain(*inputs, **settings):
        return forward(*map(keras.ops.convert_to_tensor, inputs), **settings)[0]

    def op(*inputs, training=True, **settings):
        tensors = [keras.ops.convert_to_tensor(entry) for entry in inputs]
        shapes = tuple((len(tensor.shape), *tensor.shape[-1:]) for tensor in tensors)
        return joined(bool(training), tuple(sorted(settings.items())), shapes)(*tensors)

    op.plain = plain
    return op


def _output_only(forward):
    return lambda *inputs: forward(*inputs)[0]


def _join_tensorflow(forward, backward, training, compiled):
    import tensorflow as tf

    def function(python_function):
        if not compiled:
            return python_function
        return tf.function(
            python_function, jit_compile=True, autograph=False, reduce_retracing=True
        )

    forward_with_residuals = function(forward)
    forward_alone = function(_output_only(forward))
    hand_written = function(backward)

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
            with tf.GradientTape() as outer:
                outer.watch(tensors)
                inputs, upstream = _divide(tensors)
                wanted = [entry for entry, kept in zip(inputs, present, strict=True) if kept]
                with tf.GradientTape() as inner:
                    inner.watch(wanted)
                    plain = tf.nest.flatten(forward(*inputs)[0])
                gradients = inner.gradient(plain, wanted, list(upstream), "zero")
            return outer.gradient(gradients, tensors, list(upstream_of_gradients), "zero")

        def _divide(tensors):
            return tensors[: len(inputs)], tensors[len(inputs) :]

        found = iter(differentiable(*inputs, *upstream))
        return [next(found) if kept else None for kept in present]

    return op


def _join_jax(forward, backward, training, compiled):
    import jax

    # XLA removes the residuals where no gradient is asked for: training needs no variant of its own
    @jax.jit
    @jax.custom_vjp
    def op(*inputs):
        return forward(*inputs)[0]

    def forward_rule(*inputs):
        output, residuals = forward(*inputs)
        return output, (inputs, residuals)

    def backward_rule(saved, upstream):
        return tuple(backward(upstream, *saved))

    op.__wrapped__.defvjp(forward_rule, backward_rule)
    return op


def _join_torch(forward, backward, training, compiled):
    import torch

    class Differentiable(torch.autograd.Function):
        @staticmethod
        def forward(context, *inputs):
            output, residuals = forward(*inputs)
            context.count = len(inputs)
            context.save_for_backward(*inputs, *residuals)
            return output

        @staticmethod
        def backward(context, *upstream):
            saved = context.saved_tensors
            inputs, residuals = saved[: context.count], saved[context.count :]
            if torch.is_grad_enabled():
                return _torch_plain_gradient(forward, inputs, upstream, context.needs_input_grad)
            packed = upstream if len(upstream) > 1 else upstream[0]
            return tuple(backward(packed, inputs, residuals))

    return Differentiable.apply


def _torch_plain_gradient(forward, inputs, upstream, needed):
    """The gradient through the plain forward, itself differentiable."""
    import torch

    with torch.enable_grad():
        output = forward(*inputs)[0]
        wanted = [entry for entry, kept in zip(inputs, needed, strict=True) if kept]
        outputs = output if isinstance(output, tuple) else (output,)
        pairs = [pair for pair in zip(outputs, upstream, strict=True) if pair[0].requires_grad]
        outputs, upstream = zip(*pairs, strict=True)
        found = iter(
            torch.autograd.grad(
                outputs, wanted, upstream, create_graph=True, materialize_grads=True
            )
        )
    return tuple(next(found) if kept else None for kept in needed)
