"""Truncated back-propagation through time over a stream that is longer than memory."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_dlnotes.checks import argument_error, integer
from keras_dlnotes.training.arguments import callback_list, compiled_model, is_real, verbosity
from keras_dlnotes.training.building import built_on
from keras_dlnotes.training.carried_states import CarriedStates, carrying_layers
from keras_dlnotes.training.windows import check_stream, whole, windows


def fit_truncated(
    model: keras.Model,
    stream: Any,
    window: int,
    epochs: int = 1,
    *,
    initial_epoch: int = 0,
    callbacks: list[keras.callbacks.Callback] | None = None,
    validation_data: Any = None,
    validation_batch_size: int | None = None,
    verbose: str | int = "auto",
) -> keras.callbacks.History:
    """Trains a model on a stream, window after window, and carries the states across.

        h_t = φ(x_t W + h_{t−1} U + b),   ∂E/∂W without the terms that reach back over a border

    Each window of τ steps of all rows is one training step. It goes on from the states that the one
    before left behind, so the forward pass is that of the whole stream; gradients stop at its
    beginning. A window ends early where a new sequence starts in any row: there this row starts
    from the initial state. All rows start in the first window of an epoch. With τ the whole length
    this is `model.fit` on one batch.

    The recurrent layers, of this package or, on TensorFlow, of Keras, need not be stateful: they
    are for the while of the call, and are afterwards as they were. Then `predict` takes any number
    of rows.

    Args:
        model: compiled, with recurrent layers that return sequences and run forward; its inputs
            should leave the time open, because windows may be shorter than τ. One that is not built
            yet is built on the first window.
        stream: (inputs, targets) or (inputs, targets, starts): arrays, or lists and dicts of them,
            (rows, steps, …); memory-mapped files are read window by window. `starts` is a boolean
            (rows, steps), True at the first step of a new sequence. Or an iterable of such tuples
            that follow each other in time, or a function that returns one.
        window: τ ≥ 1, in steps.
        epochs: passes over the stream, those before `initial_epoch` included.
        initial_epoch: where the counting of epochs starts.
        callbacks: as in `keras.Model.fit`; a batch is a window.
        validation_data: as in `keras.Model.evaluate`, after each epoch; it starts from the initial
            states and leaves the carried ones alone.
        validation_batch_size: examples a batch of it, for arrays.
        verbose: 0 for silence, 1 for a progress bar, 2 for a line an epoch; "auto" takes 1.

    Returns:
        The History of `keras.Model.fit`; loss and metrics are means over the steps of an epoch.

    Raises:
        ValueError: for an argument out of range, a model without recurrent layers or with one that
            runs backward, a stream whose arrays do not fit, and one that can be read only once but
            is asked for several epochs.
        RuntimeError: on another backend than TensorFlow and PyTorch.

    Reference:
        Lecture notes, "Solution: Truncated BPTT".

    Example:

    >>> import numpy as np
    >>> from keras_dlnotes import layers
    >>> model = keras.Sequential(
    ...     [keras.Input((None, 1)), layers.LSTM(4, return_sequences=True), keras.layers.Dense(1)]
    ... )
    >>> model.compile("adam", "mse")
    >>> wave = np.sin(np.arange(201) / 5).reshape(1, 201, 1)
    >>> history = fit_truncated(model, (wave[:, :-1], wave[:, 1:]), window=50, epochs=2, verbose=0)
    >>> len(history.history["loss"])
    2
    """
    window = integer("window", window, minimum=1)
    epochs = integer("epochs", epochs, minimum=1)
    initial_epoch = integer("initial_epoch", initial_epoch)
    verbosity(verbose)
    callbacks = callback_list(callbacks)
    if validation_batch_size is not None:
        integer("validation_batch_size", validation_batch_size, minimum=1)
    _check_validation(validation_data)
    if compiled_model(model).built:
        carrying_layers(model)
    if not callable(stream):
        check_stream(stream)
    if isinstance(stream, Iterator) and epochs - initial_epoch > 1:
        expected = "an iterable that starts anew for each epoch, or a function that returns one"
        raise argument_error("stream", expected, stream)

    reports = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        verbose=1 if verbose == "auto" else verbose,
        epochs=epochs,
        steps=_count_of_windows(stream, window),
        model=model,
    )
    model.stop_training = False
    reports.on_train_begin()
    initial_epoch = (
        model._initial_epoch or initial_epoch
    )  # as `BackupAndRestore` says, in `fit` too
    with contextlib.ExitStack() as stack:
        carried, logs = None, {}
        for epoch in range(initial_epoch, epochs):
            means = _RunningMeans()
            reports.on_epoch_begin(epoch)
            for step, found in enumerate(windows(stream, window)):
                inputs, targets, starts = found
                if carried is None:
                    twice = found.followed_by(found)  # another length, so that it stays open
                    built_on(model, [found[:2], twice[:2]])
                    carried = stack.enter_context(CarriedStates(model, len(starts)).kept())
                carried.start(starts[:, 0])
                reports.on_train_batch_begin(step)
                losses = model.train_on_batch(inputs, targets, return_dict=True)
                logs = means.after(losses, weight=starts.shape[1])
                reports.on_train_batch_end(step, logs)
                if model.stop_training:
                    break
            if carried is None:
                raise argument_error("stream", "of at least one step", stream)
            if validation_data is not None:
                with carried.validating():
                    logs |= _validate(model, validation_data, validation_batch_size)
            reports.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        reports.on_train_end(logs)
    return model.history


def _check_validation(data) -> None:
    if data is None:
        return
    arguments = data if isinstance(data, tuple) else (data,)
    arrays = [array for array in keras.tree.flatten(arguments) if array is not None]
    if any(hasattr(array, "shape") for array in arrays):
        lengths = {tuple(getattr(array, "shape", ()))[:1] for array in arrays}
        if len(lengths) > 1 or lengths <= {(), (0,)} or not all(map(is_real, arrays)):
            expected = "arrays of real numbers of one length"
            raise argument_error("validation_data", expected, sorted(lengths))
    elif isinstance(data, str | bytes) or not (
        hasattr(data, "__iter__") or hasattr(data, "__getitem__")
    ):
        raise argument_error("validation_data", "what `evaluate` takes", data)


def _count_of_windows(stream, window: int) -> int | None:
    """How many windows there are, where that can be told without reading the stream."""
    if not isinstance(stream, tuple):
        return None
    starts = whole(stream).starts
    return sum(1 for _ in windows((starts, starts, starts), window))


class _RunningMeans:
    """Means over the steps of an epoch: `train_on_batch` logs each window by itself."""

    def __init__(self):
        self._sums, self._weight = {}, 0

    def after(self, logs, weight: int) -> dict[str, float]:
        """The means once a window of `weight` steps is counted, too."""
        self._weight += weight
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + weight * float(value)
        return {name: total / self._weight for name, total in self._sums.items()}


def _validate(model, data, batch_size) -> dict[str, float]:
    arguments = data if isinstance(data, tuple) else (data,)
    names = ("x", "y", "sample_weight")
    found = model.evaluate(
        **dict(zip(names, arguments, strict=False)),
        batch_size=batch_size,
        verbose=0,
        return_dict=True,
    )
    return {f"val_{name}": float(value) for name, value in found.items()}
