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


def with_vjp(
    forward: Callable,
    backward: Callable,
    compiled: bool = True,
    plain: Callable | None = None,
    shared: int | None = None,
    exported: Callable | None = None,
    inference: Callable | None = None,
    finish: Callable | None = None,
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
        plain: `(*inputs, **settings) -> output` without residuals, for the framework to
            differentiate. None takes `forward`, which must then be differentiable.
        shared: how many of the last inputs belong to all rows of the batch, the first axis of all
            other inputs and of the outputs, so that the rows may be divided; None keeps them whole.
        exported: `(*inputs, **settings) -> output` for a model that is being exported, where the
            formats have operations that say the same more briefly. None takes `plain`.
        inference: `(*inputs, **settings) -> output` where no gradient is asked for, of operations
            that need not have one. None takes `plain`.
        finish: `(inputs, residuals, found, **settings) -> gradients`, the end of the backward pass,
            where `backward` returns not yet the gradients but what this one takes, `found`. It is
            never compiled on its own: the place of large matrix products.
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
        backend = keras.backend.backend()
        return pkgutil.resolve_name(f"keras_dlnotes.ops.backends.{backend}.vjp:join")(
            functools.partial(forward, **fixed),
            functools.partial(backward, **fixed),
            functools.partial(plain, **fixed),
            functools.partial(inference or plain, **fixed),
            finish and functools.partial(finish, **fixed),
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


def finished(backward: Callable, finish: Callable | None) -> Callable:
    """Returns the backward pass up to the gradients."""
    if finish is None:
        return backward
    return lambda upstream, inputs, residuals: finish(
        inputs, residuals, backward(upstream, inputs, residuals)
    )


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
