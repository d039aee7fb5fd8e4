"""The one seam to the frameworks: (forward, backward) → a differentiable op.

An op of this package is two plain functions, written with `keras.ops`:

    forward(*inputs, **settings) -> (output, residuals)
    backward(upstream, inputs, residuals, **settings) -> one gradient for each input

`with_vjp(forward, backward)` joins them on TensorFlow, JAX and PyTorch. What each of them asks:

- inputs are positional tensors (variables are converted first); settings are hashable and closed
  over, so one set of settings is one function, traced once for each shape;
- TensorFlow sees both functions compiled by XLA, called on inputs cut off from the tape, so that
  no tape looks inside; JAX sees them under `jit`; PyTorch runs them as they are, as many small
  operations, and so takes kernels of its own where it has faster ones that compute the same;
- a gradient of the gradient is taken through the plain forward by the framework itself, because
  the residuals of a hand-written rule are constants to it and terms would silently go missing;
- without `training`, only the output is computed; should a gradient be asked for all the same, the
  residuals are computed then;
- where the rows of a batch do not depend on each other, TensorFlow may see them in parts, one
  compiled call for each, which run side by side (see `rows_tensorflow`);
- a model that is being exported gets the plain forward alone, of operations that file formats know:
  neither compiled calls nor rules for gradients leave Python.
"""

import functools
import pkgutil
from collections.abc import Callable

import keras

from keras_dlnotes.ops.exporting import is_exporting
from keras_dlnotes.ops.rows_tensorflow import in_parts


def with_vjp(
    forward: Callable,
    backward: Callable,
    compiled: bool = True,
    plain: Callable | None = None,
    shared: int | None = None,
    exported: Callable | None = None,
    on_torch: Callable | None = None,
) -> Callable:
    """Returns `op(*inputs, training=True, calls=1, **settings)` whose gradient is `backward`.

    Args:
        forward: `(*inputs, **settings) -> (output, residuals)`; `output` is a tensor or a tuple of
            tensors, `residuals` a tuple of tensors that the backward pass needs.
        backward: `(upstream, inputs, residuals, **settings) -> gradients`, a tuple with one entry
            for each input, None where there is none. `upstream` has the structure of `output`.
        compiled: whether XLA compiles both on TensorFlow. True pays where the work is bound by
            memory or by the number of small operations; matrix products are better left alone.
        plain: `(*inputs, **settings) -> output` without residuals, for inference and for the
            framework to differentiate. None takes `forward`, which must then be differentiable.
        shared: how many of the last inputs belong to all rows of the batch, the first axis of all
            other inputs and of the outputs, so that the rows may be divided; None keeps them whole.
        exported: `(*inputs, **settings) -> output` for a model that is being exported, where the
            formats have operations that say the same more briefly. None takes `plain`.
        on_torch: `(*inputs, **settings) -> output` by PyTorch's own kernels, differentiated by
            PyTorch, to any order; or NotImplemented where they cannot serve, which leaves the call
            to the pair. None always takes the pair.

    Returns:
        The op; `calls` is how many such calls its caller knows to run side by side, each of which
        then divides its rows among its share of the cores only. `op.plain` is the forward pass
        alone, differentiated by the framework: the reference that the hand-written gradient is
        tested against.

    Example:

    >>> def square_forward(x):
    ...     return x * x, ()
    >>> def square_backward(upstream, inputs, residuals):
    ...     return (2 * inputs[0] * upstream,)
    >>> square = with_vjp(square_forward, square_backward)
    >>> float(square(keras.ops.convert_to_tensor(3.0)))
    9.0
    """

    if plain is None:

        def plain(*inputs, **settings):
            return forward(*inputs, **settings)[0]

    @functools.cache
    def joined(training: bool, calls: int, settings: tuple, shapes: tuple) -> Callable:
        # by rank and channels, too: tf.function would relax the shapes of two ranks to no shape at
        # all, and those of two numbers of channels to one that the next layer cannot use
        fixed = dict(settings)
        join = {"tensorflow": _join_tensorflow, "jax": _join_jax, "torch": _join_torch}
        return join[keras.backend.backend()](
            functools.partial(forward, **fixed),
            functools.partial(backward, **fixed),
            functools.partial(plain, **fixed),
            training=training,
            compiled=compiled,
            shared=shared,
            calls=calls,
        )

    def op(*inputs, training=True, calls=1, **settings):
        tensors = [keras.ops.convert_to_tensor(entry) for entry in inputs]
        if is_exporting():
            return (exported or plain)(*tensors, **settings)
        if on_torch is not None and takes_own_kernels():
            output = on_torch(*tensors, **settings)
            if output is not NotImplemented:
                return output
        shapes = tuple((len(tensor.shape), *tensor.shape[-1:]) for tensor in tensors)
        return joined(bool(training), calls, tuple(sorted(settings.items())), shapes)(*tensors)

    op.plain = lambda *inputs, **settings: plain(
        *map(keras.ops.convert_to_tensor, inputs), **settings
    )
    return op


def imported_late(name: str) -> Callable:
    """Returns a function, "module:function", whose module is imported when it is first called.

    So a module that imports a framework waits until it is known that this is the backend.
    """
    return lambda *inputs, **settings: pkgutil.resolve_name(name)(*inputs, **settings)


def takes_own_kernels() -> bool:
    """Tells whether ops take the framework's own differentiable kernels where it has them."""
    return keras.backend.backend() == "torch"


def compiles_by_itself() -> bool:
    """Tells whether ops are compiled on their own where the caller runs plain graphs.

    A compiler around them then has nothing to add, and may not run the parts of a batch side by
    side.
    """
    return keras.backend.backend() == "tensorflow"


def runs_side_by_side() -> bool:
    """Tells whether calls that do not depend on each other run at the same time, as in a graph."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()


def has_gpu() -> bool:
    """Tells whether the framework sees a GPU."""
    if keras.backend.backend() == "torch":  # the one for which Keras lists no devices
        import torch

        return torch.cuda.is_available()
    # all of them, because JAX raises where it is asked for a kind that there is not
    return any(name.startswith("gpu") for name in keras.distribution.list_devices())


def _join_tensorflow(forward, backward, plain, training, compiled, shared, calls):
    import tensorflow as tf

    def function(python_function):
        if not compiled:
            return python_function
        return tf.function(
            python_function, jit_compile=True, autograph=False, reduce_retracing=True
        )

    forward_with_residuals, forward_alone, hand_written = in_parts(
        function(forward), function(plain), function(backward), shared, calls
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


def _join_jax(forward, backward, plain, training, compiled, shared, calls):
    import jax

    @jax.jit
    @jax.custom_vjp
    def op(*inputs):
        return plain(*inputs)

    def forward_rule(*inputs):
        output, residuals = forward(*inputs)
        return output, (inputs, residuals)

    def backward_rule(saved, upstream):
        return first_order(*saved, upstream)

    @jax.custom_vjp
    def first_order(inputs, residuals, upstream):
        return tuple(backward(upstream, inputs, residuals))

    def first_order_rule(inputs, residuals, upstream):
        return first_order(inputs, residuals, upstream), (inputs, upstream)

    def second_order(saved, upstream_of_gradients):
        inputs, upstream = saved
        present = [entry is not None for entry in upstream_of_gradients]

        def plain_gradients(wanted, upstream):
            _, pull_back = jax.vjp(
                lambda *wanted: plain(*_replace(inputs, present, wanted)), *wanted
            )
            return pull_back(upstream)

        wanted = tuple(entry for entry, kept in zip(inputs, present, strict=True) if kept)
        _, pull_back = jax.vjp(plain_gradients, wanted, upstream)
        found, d_upstream = pull_back(
            tuple(entry for entry in upstream_of_gradients if entry is not None)
        )
        return _replace([None] * len(inputs), present, found), None, d_upstream

    first_order.defvjp(first_order_rule, second_order)
    op.__wrapped__.defvjp(forward_rule, backward_rule)
    return op


def _replace(entries, present, by):
    """Returns the entries, those that are present replaced in turn."""
    by = iter(by)
    return tuple(next(by) if kept else entry for entry, kept in zip(entries, present, strict=True))


def _join_torch(forward, backward, plain, training, compiled, shared, calls):
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
                return _torch_plain_gradient(plain, inputs, upstream, context.needs_input_grad)
            packed = upstream if len(upstream) > 1 else upstream[0]
            return tuple(backward(packed, inputs, residuals))

    return Differentiable.apply


def _torch_plain_gradient(plain, inputs, upstream, needed):
    """The gradient through the plain forward, itself differentiable."""
    import torch

    with torch.enable_grad():
        output = plain(*inputs)
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
