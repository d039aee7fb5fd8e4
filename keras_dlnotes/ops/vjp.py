"""The one seam to the frameworks: (forward, backward) → a differentiable op.

An op of this package is two plain functions, written with `keras.ops`:

    forward(*inputs, **settings) -> (output, residuals)
    backward(upstream, inputs, residuals, **settings) -> one gradient for each input

`Op(forward, backward)` joins them on TensorFlow, JAX and PyTorch. What each of them requires:

- inputs are positional tensors (variables are converted first); settings are hashable and closed
  over, so that one set of settings is one function, traced once for each shape;
- TensorFlow compiles both functions by XLA and calls them on inputs cut off from the tape, so that
  no tape looks inside; JAX traces them under `jit`; PyTorch runs them as they are, as many small
  operations, and therefore prefers kernels of its own where it has faster ones;
- a gradient of the gradient is taken through the plain forward by the framework itself, because
  the residuals of a hand-written rule are constants to it and terms would silently go missing;
- without `training`, only the output is computed; if a gradient is asked for all the same, the
  residuals are computed then;
- where the rows of a batch do not depend on each other, TensorFlow may divide them among compiled
  calls that run concurrently (see `batch_sharding`);
- a model that is being exported gets the plain forward alone, in operations that file formats know:
  neither compiled calls nor gradient rules can leave Python.
"""

import functools
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import keras

from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.compilation import is_compilation_enabled
from keras_dlnotes.ops.exporting import is_exporting

_MOST_KEPT = 256  # functions an op: the layers of a few large models; those used least go first
_TAKE_SETTINGS = ("forward", "backward", "plain", "inference", "finish", "in_chunks")


@dataclass(eq=False)
class Op:
    """A function of tensors whose gradient is written by hand.

    Args:
        forward: `(*inputs, **settings) -> (output, residuals)`; `output` is a tensor or a tuple of
            tensors, `residuals` a tuple of tensors that the backward pass needs.
        backward: `(upstream, inputs, residuals, **settings) -> gradients`, a tuple with one entry
            for each input, None where there is none. `upstream` has the structure of `output`.
        plain: `(*inputs, **settings) -> output`, for the framework to differentiate: the reference
            that the hand-written gradient is tested against. None takes `forward`, which must then
            be differentiable.
        inference: `(*inputs, **settings) -> output` where no gradient is asked for; it need not be
            differentiable. None takes `plain`.
        exported: `(*inputs, **settings) -> output` for a model that is being exported, where the
            formats have more compact operations. None takes `plain`.
        finish: `(inputs, residuals, found, **settings) -> gradients`, the end of the backward pass,
            where `backward` returns intermediate results, `found`. It is never compiled on its own:
            the place for large matrix products. None takes `found` as the gradients.
        own_kernel: `(*inputs, **settings) -> output` by a framework's own kernels, which it
            differentiates to any order; or NotImplemented where they do not apply. Only a framework
            that prefers its own kernels is asked; None has none.
        compiled: whether XLA compiles `forward`, `backward` and `inference` on TensorFlow, unless
            `config.set_compilation(False)` was called. That pays where the work is bound by memory
            or by the number of small operations; matrix products are better left alone.
        shared_inputs: how many of the last inputs all rows of the batch share. All other inputs and
            the outputs have the batch as their first axis, so that rows may be divided. Where it is
            0, few rows may be filled up to a number that has a program. None keeps them together.
        in_chunks: `(op, **settings) -> (*inputs) -> op`, which makes the passes over whole inputs
            of compiled ones over chunks of them, so that one program serves for many lengths. Only
            TensorFlow, which compiles an op on its own, asks for it. None compiles the passes as
            they are.

    Example:

    >>> def square_forward(x):
    ...     return x * x, ()
    >>> def square_backward(upstream, inputs, residuals):
    ...     return (2 * inputs[0] * upstream,)
    >>> square = Op(square_forward, square_backward)
    >>> float(square(keras.ops.convert_to_tensor(3.0)))
    9.0
    """

    forward: Callable
    backward: Callable
    _: KW_ONLY
    plain: Any = None
    inference: Any = None
    exported: Any = None
    finish: Any = None
    own_kernel: Callable | None = None
    compiled: bool = True
    shared_inputs: int | None = None
    in_chunks: Any = None

    def __post_init__(self):
        forward = self.forward
        self.plain = self.plain or (lambda *inputs, **settings: forward(*inputs, **settings)[0])
        self.inference = self.inference or self.plain
        self.exported = self.exported or self.plain
        self.finish = self.finish or (lambda inputs, residuals, found, **settings: found)
        self.in_chunks = self.in_chunks or (lambda op, **settings: lambda *inputs: op)
        self._joined = functools.lru_cache(_MOST_KEPT)(self._join)

    def __call__(self, *inputs, training=True, concurrent_calls=1, **settings):
        """Returns the output, differentiable by `backward`.

        Args:
            inputs: tensors.
            training: whether a gradient will be asked for.
            concurrent_calls: how many such calls the caller runs concurrently; each of them then
                divides its rows among its share of the cores.
            settings: hashable, as the functions take them.
        """
        tensors = [keras.ops.convert_to_tensor(entry) for entry in inputs]
        if is_exporting():
            return self.exported(*tensors, **settings)
        if self.own_kernel is not None and current.framework().prefers_own_kernels:
            output = self.own_kernel(*tensors, **settings)
            if output is not NotImplemented:
                return output
        # by rank and channels, too: tf.function would relax the shapes of two ranks to no shape at
        # all, and those of two numbers of channels to one that the next layer cannot use
        shapes = tuple((len(tensor.shape), *tensor.shape[-1:]) for tensor in tensors)
        settings = tuple(sorted(settings.items()))
        # and by whether XLA compiles, which the seams ask for as they join an op
        key = (concurrent_calls, settings, shapes, is_compilation_enabled())
        return self._joined(bool(training), *key)(*tensors)

    def gradients(self, upstream, inputs, residuals, **settings):
        """The whole backward pass."""
        found = self.backward(upstream, inputs, residuals, **settings)
        return self.finish(inputs, residuals, found, **settings)

    def with_functions(self, change: Callable[[Callable], Any], *names: str) -> "Op":
        """Returns a copy whose functions of these names are changed."""
        return replace(self, **{name: change(getattr(self, name)) for name in names})

    def _join(self, training, concurrent_calls, settings, _shapes, _compilation) -> Callable:
        fixed = self.with_functions(
            lambda function: functools.partial(function, **dict(settings)), *_TAKE_SETTINGS
        )
        return current.module("vjp").Joined(fixed, training, concurrent_calls)
