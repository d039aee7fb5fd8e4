"""The exact statistics of the whole training set, for every batch-normalization layer of a model.

Training leaves moving averages of the mini-batches' means and deviations, taken while the weights
still changed. The notes' statistics are those of the whole training set under the final weights:

    μ_l = (1/n) Σ z,   σ_l² = (1/n) Σ (z − μ_l)²

over all n positions that reach layer l, through earlier layers that already normalize exactly.
"""

import collections
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.common.graph import layers_of, replaced_methods
from keras_dlnotes.training.arguments import built_model, verbosity
from keras_dlnotes.training.moments import merged, moments
from keras_dlnotes.training.sources import inputs_of


def recompute_statistics(
    model: keras.Model, data: Any, batch_size: int | None = None, verbose: str | int = "auto"
) -> keras.Model:
    """Sets the exact mean and deviation of all data for every batch-normalization layer.

    μ_l = (1/n) Σ z, σ_l² = (1/n) Σ (z − μ_l)², layer by layer in the order of the graph, in as many
    passes over the data as the longest path has such layers, or one more. The result does not
    depend on how the data are batched. Nothing else changes. Use it after training, and after
    averaging weights (SWA, EMA), which leaves the moving averages without a meaning.

    It covers layers of this package and of Keras, frozen ones and those of nested models included.
    A layer called several times gets the statistics of all its calls; one that feeds itself has no
    exact statistics and ends close to them. Masked positions do not count.

    Args:
        model: any built model.
        data: the training set: an array (or list or dict of arrays, one for each input), a tuple
            (inputs, targets, …), a `tf.data.Dataset`, a `keras.utils.PyDataset` or other finite
            data for `predict`; it is read several times.
        batch_size: batch size for arrays; None for Keras's 32.
        verbose: 0 for silence; "auto" or 1 for a progress bar.

    Returns:
        The same model; after an error it is unchanged.

    Raises:
        ValueError: for an unbuilt model, and for data that do not fit it, can be read only once,
            are infinite, are masked entirely or make a layer see NaN or infinity.

    Reference:
        Lecture notes, "Batch Normalization": μ_l and σ_l "using the entire training data".

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    >>> data = np.array([[1.0], [2.0], [6.0]])
    >>> model = recompute_statistics(model, data, batch_size=2, verbose=0)
    >>> model.layers[0].moving_mean.numpy().tolist()
    [3.0]
    """
    built_model(model)
    inputs = inputs_of(data)
    verbosity(verbose)
    if batch_size is not None:
        integer("batch_size", batch_size, minimum=1)
    layers = _normalization_layers(model)
    if not layers:
        return model
    before = {layer: layer.get_weights() for layer in layers}
    try:
        _recompute(model, layers, inputs, batch_size, verbose)
    except BaseException:
        for layer, weights in before.items():
            layer.set_weights(weights)
        raise
    return model


class RecomputeStatistics(keras.callbacks.Callback):
    """Calls `recompute_statistics` after training and, with `every`, after every so many epochs.

    Put it after callbacks that average or restore weights: callbacks run in order.

    Args:
        data, batch_size, verbose: as in `recompute_statistics`.
        every: None for only after training, or a number of epochs ≥ 1; statistics change at the
            end of an epoch, after its validation.

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Batch Normalization".

    Example:

    >>> layers = [keras.Input((1,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    >>> model = keras.Sequential(layers)
    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, verbose=0, callbacks=[RecomputeStatistics(x)])
    >>> model.layers[0].moving_mean.numpy().tolist()
    [3.0]
    """

    def __init__(
        self,
        data: Any,
        every: int | None = None,
        batch_size: int | None = None,
        verbose: str | int = 0,
    ):
        super().__init__()
        inputs_of(data)
        verbosity(verbose)
        if batch_size is not None:
            integer("batch_size", batch_size, minimum=1)
        self.every = None if every is None else integer("every", every, minimum=1)
        self._arguments = {"data": data, "batch_size": batch_size, "verbose": verbose}
        self._current = False

    def on_epoch_begin(self, epoch, logs=None):
        self._current = False

    def on_epoch_end(self, epoch, logs=None):
        if self.every and (epoch + 1) % self.every == 0:
            recompute_statistics(self.model, **self._arguments)
            self._current = True

    def on_train_end(self, logs=None):
        if not self._current:
            recompute_statistics(self.model, **self._arguments)


def _normalization_layers(model) -> list[keras.layers.BatchNormalization]:
    return [
        layer
        for layer in layers_of(model)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.built
    ]


def _recompute(model, layers, data, batch_size, verbose) -> None:
    """Measures all layers at once, repeatedly until nothing changes.

    Pass k makes those exact that depend on fewer than k others, so there are at most as many passes
    as layers; and the model is traced only once.
    """
    function = _moments_of(model, layers)
    progress = _Progress(len(layers), verbose)
    for _ in layers:
        before = [layer.get_weights() for layer in layers]
        parts = function.predict(data, batch_size=batch_size, verbose=0, callbacks=[progress])
        for number, found in parts.items():
            layer = layers[int(number)]
            _assign(layer, merged(found, layer.name))
        after = [layer.get_weights() for layer in layers]
        if all(map(_are_close, keras.tree.flatten(before), keras.tree.flatten(after))):
            break
    progress.finish()
    for layer in layers:  # only now: NaN statistics may become finite in a later pass
        found = ops.convert_to_numpy(layer.moving_mean), ops.convert_to_numpy(layer.moving_variance)
        if not np.isfinite(found).all():
            expected = f"finite as far as layer {layer.name!r}"
            raise argument_error("data", expected, "NaN or infinite values")


def _are_close(left, right) -> bool:
    return np.allclose(left, right, rtol=1e-6, atol=1e-6)


class _Function(keras.Model):
    """A function of a batch that `predict` evaluates over all data."""

    def __init__(self, model, function):
        super().__init__(name="function", autocast=False)
        self.model = model
        self.function = function
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False  # compiling is not worth it for few calls

    def call(self, inputs):
        return self.function(inputs)

    def predict(self, *arguments, **settings):
        try:
            return super().predict(*arguments, **settings)
        finally:  # on JAX, Keras moves the values out of the model until `predict` succeeds
            if keras.backend.backend() == "jax":
                self.jax_state_sync()


def _moments_of(model, layers) -> _Function:
    """Returns a function: batch → number of each layer → moments of the inputs of its calls."""
    numbers = {layer: str(number) for number, layer in enumerate(layers)}

    def function(inputs):
        found = collections.defaultdict(list)

        def record(layer, inputs, mask):
            found[numbers[layer]].append(moments(layer, inputs, mask))

        with _recorded_calls(layers, record):
            _call(model, inputs)
        return {number: ops.expand_dims(ops.stack(calls), 0) for number, calls in found.items()}

    return _Function(model, function)


def _call(model, inputs) -> None:
    shapes = keras.tree.map_structure(lambda batch: tuple(batch.shape), inputs)
    expected = f"what model {model.name!r} can be called on"
    taken = len(getattr(model, "inputs", None) or ())
    # Keras ignores surplus inputs
    if taken and isinstance(inputs, list | tuple) and len(inputs) != taken:
        raise argument_error("data", expected, shapes)
    try:
        model(inputs, training=False)
    except (IndexError, TypeError, ValueError) as error:
        raise argument_error("data", expected, shapes, str(error)) from error


@contextlib.contextmanager
def _recorded_calls(layers: Iterable[keras.Layer], record: Callable):
    """Calls `record(layer, inputs, mask)` on every call of the layers."""

    def recording(layer, call):
        def call_and_record(inputs, training=None, mask=None):
            record(layer, inputs, mask)
            return call(inputs, training=training, mask=mask)

        return call_and_record

    with contextlib.ExitStack() as stack:
        for layer in layers:
            stack.enter_context(replaced_methods(layer, call=recording(layer, layer.call)))
        yield


def _assign(layer, statistics) -> None:
    mean, variance = statistics
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    if getattr(layer, "renorm", False):  # keeps its deviation a second time, ε included
        layer.moving_stddev.assign(np.sqrt(variance + layer.epsilon))


class _Progress(keras.callbacks.Callback):
    """One progress bar over all passes."""

    def __init__(self, pass_count: int, verbose):
        super().__init__()
        self._pass_count = pass_count
        self._verbose = 1 if verbose == "auto" else int(verbose)
        self._bar = None
        self._done = 0

    def on_predict_batch_end(self, batch, logs=None):
        if self._bar is None:
            steps = self.params.get("steps")
            target = steps * self._pass_count if steps else None
            self._bar = keras.utils.Progbar(target, verbose=self._verbose, unit_name="batch")
        self._done += 1
        self._bar.update(self._done, finalize=False)

    def finish(self):
        if self._bar is not None:
            self._bar.update(self._done, finalize=True)
