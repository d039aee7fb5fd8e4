"""Truncated back-propagation through time over a stream longer than memory."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error, integer
from keras_dlnotes.common.graph import backed_up_epoch
from keras_dlnotes.training.arguments import callback_list, compiled_model, verbosity
from keras_dlnotes.training.building import built_on
from keras_dlnotes.training.carried_states import CarriedStates, carrying_layers
from keras_dlnotes.training.sources import is_rereadable
from keras_dlnotes.training.stream_metrics import StreamMetrics
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
    """Trains a model on a stream, window by window, and carries the states across.

        h_t = φ(x_t W + h_{t−1} U + b),   ∂E/∂W without terms that cross a window's start

    Each window of all rows is one training step. It starts from the final states of the
    previous one, so the forward pass is that of the whole stream; gradients stop at its start. A
    window ends early where a new sequence starts in any row, which then starts from the initial
    state. All rows start in the first window of an epoch. If `window` is the whole length, this is
    `model.fit` on one batch.

    The recurrent layers, of this package or, on TensorFlow, of Keras, need not be stateful. After
    the call they are as before, and `predict` takes any number of rows.

    Args:
        model: compiled, with recurrent layers that return sequences and run forward; the length of
            its inputs should be None, because some windows are shorter. An unbuilt model is built
            on the first window.
        stream: (inputs, targets), (inputs, targets, starts) or (inputs, targets, starts, sample
            weights): arrays, or lists and dicts of them, (rows, steps, …); memory-mapped files are
            read window by window. `starts` is a boolean (rows, steps), True at the first step of a
            new sequence, or None; the weights are (rows, steps) or (rows,). Or an iterable of such
            tuples, consecutive in time, or a function that returns one.
        window: length ≥ 1 in steps. The notes' τ is no length, but the first step that their sum
            keeps.
        epochs: the last epoch, as in `keras.Model.fit`.
        initial_epoch: the epoch to start from, as in `keras.Model.fit`.
        callbacks: as in `keras.Model.fit`; a batch is a window.
        validation_data: (inputs, targets) or (inputs, targets, sample weights), arrays as those of
            a stream, or a data set, as in `keras.Model.evaluate`, for evaluation after each epoch,
            from the initial states.
        validation_batch_size: batch size for validation arrays.
        verbose: 0 for silence, 1 or "auto" for a progress bar, 2 for a line for each epoch.

    Returns:
        The History of `keras.Model.fit`. Loss and metrics are those of the whole stream, as
        `evaluate` on one batch would give them for constant weights: all unmasked steps count
        equally, or with their weights, whatever their window.

    Raises:
        ValueError: for an argument out of range, a model without recurrent layers or with one that
            runs backward, a stream whose arrays do not fit together, or a one-shot iterator for
            several epochs.
        RuntimeError: on a backend other than TensorFlow and PyTorch.

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
    validation = None if validation_data is None else _validation(validation_data)
    if compiled_model(model).built:
        carrying_layers(model)
    if not callable(stream):
        check_stream(stream)
    if isinstance(stream, Iterator) and epochs - initial_epoch > 1:
        expected = "an iterable that can be read in each epoch, or a function that returns one"
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
    # as `BackupAndRestore` says, in `fit` too
    initial_epoch = backed_up_epoch(model) or initial_epoch
    with contextlib.ExitStack() as stack:
        carried, logs = None, {}
        for epoch in range(initial_epoch, epochs):
            reports.on_epoch_begin(epoch)
            for step, found in enumerate(windows(stream, window)):
                if carried is None:
                    twice = found.followed_by(found)  # another length, so that it is built as None
                    built_on(model, [found[:2], twice[:2]])
                    rows = len(found.starts)
                    carried = stack.enter_context(CarriedStates(model, rows).kept())
                    metrics = StreamMetrics(model)
                if not step:
                    metrics.begin_epoch()
                carried.start(found.starts[:, 0])
                reports.on_train_batch_begin(step)
                logs = metrics.train(found)
                reports.on_train_batch_end(step, logs)
                if model.stop_training:
                    break
            if carried is None:
                raise argument_error("stream", "of at least one step", stream)
            if validation is not None:
                with carried.validating():
                    logs |= _validate(model, validation, validation_batch_size)
            reports.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        reports.on_train_end(logs)
    return model.history


def _validation(data) -> dict[str, Any]:
    """Returns the checked arguments of `evaluate`."""
    if isinstance(data, tuple | list) and 2 <= len(data) <= 3:
        found = whole((*data[:2], None, *data[2:]), "validation_data").as_fed()
        if not found.starts.size:
            raise argument_error("validation_data", "of at least one step", found.starts.shape)
        return {"x": found.inputs, "y": found.targets, "sample_weight": found.weights}
    if not is_rereadable(data):
        expected = (
            "(inputs, targets), with optional weights, or a data set that can be read repeatedly"
        )
        raise argument_error("validation_data", expected, data)
    return {"x": data}


def _count_of_windows(stream, window: int) -> int | None:
    """Returns the number of windows, if known without reading the stream."""
    if not isinstance(stream, tuple):
        return None
    starts = whole(stream).starts
    return sum(1 for _ in windows((starts, starts, starts), window))


def _validate(model, data, batch_size) -> dict[str, float]:
    found = model.evaluate(**data, batch_size=batch_size, verbose=0, return_dict=True)
    return {f"val_{name}": value for name, value in found.items()}
