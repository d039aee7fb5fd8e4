"""A `fit` in a run folder that can be resumed after any interruption."""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error, choice, flag, function, integer, text
from keras_dlnotes.common.graph import forget_backed_up_epoch
from keras_dlnotes.common.metrics import DIRECTIONS, direction_of
from keras_dlnotes.runs.batches import ShuffledBatches
from keras_dlnotes.runs.callbacks import (
    CarryStates,
    EarlyStopping,
    RestoreRandomState,
    SaveState,
    StartStates,
)
from keras_dlnotes.runs.checkpoints import Checkpoints, RunState
from keras_dlnotes.runs.folder import (
    CHECKPOINTS,
    HISTORY,
    LOGS,
    RunFolder,
    RunFolderError,
    check_locked,
)
from keras_dlnotes.runs.logs import HistoryFile, TensorBoardLogs, writes_tensorboard
from keras_dlnotes.training.arguments import (
    as_arguments,
    callback_list,
    compiled_model,
    rows,
    verbosity,
)
from keras_dlnotes.training.arrays import as_fed
from keras_dlnotes.training.building import built_on
from keras_dlnotes.training.carried_states import CarriedStates


def run_state(folder: RunFolder) -> RunState:
    """Returns the state of the run in the folder after its last finished epoch."""
    if not isinstance(folder, RunFolder):
        raise argument_error("folder", "a RunFolder", folder)
    return Checkpoints(folder.path / CHECKPOINTS).read()


def fit_resumable(
    model: keras.Model,
    training: tuple[Any, ...],
    validation: tuple[Any, ...] | None,
    folder: RunFolder,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    patience: int = 0,
    monitor: str = "val_loss",
    mode: str = "auto",
    batches: Callable[[tuple[Any, ...], int, int], keras.utils.PyDataset] = ShuffledBatches,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    fit: Callable[..., Any] | None = None,
    carry_states: bool = False,
    verbose: str | int = "auto",
) -> RunState:
    """Trains a compiled model in a run folder, resuming after its last finished epoch.

    Training stops early when `monitor` has not improved for `patience` epochs, and the model ends
    with the weights of its best epoch. A run killed at any moment and resumed ends with the same
    history and weights as an uninterrupted one, provided that the model is built the same way and
    the backend's arithmetic is reproducible, as it is on a CPU: the order of the examples depends
    on seed and epoch only, and each epoch saves a checkpoint of the weights, the optimizer, the
    model's random seeds and the early stopping. Stateful layers start each epoch from their initial
    states.

    Args:
        model: compiled; an unbuilt one is built on the first batch.
        training: (inputs, targets) or (inputs, targets, sample weights): arrays as for
            `ShuffledBatches`.
        validation: the same for early stopping. If None, training runs for all epochs and the model
            ends with the weights of the last one.
        folder: a `RunFolder` inside its `with` block, for checkpoints, `history.csv` and
            TensorBoard `logs`.
        epochs: maximum epochs, including those of earlier processes, ≥ 1.
        batch_size: batch size, ≥ 1.
        seed: random seed for the order of the examples.
        patience: epochs without improvement after which training stops.
        monitor: the logged value that should improve.
        mode: "min" or "max", whichever is better; "auto" infers it from the name, as Keras does.
        batches: (training, batch size, seed) → the batches of an epoch, which depend only on these
            arguments and the attribute `epoch`, set when an epoch begins.
        callbacks: further ones, called on each epoch before it is saved; any but
            `keras.callbacks.BackupAndRestore`.
        fit: replaces `model.fit`; receives the training arrays instead of batches, the weights as
            `sample_weight`, and must pass on the other arguments. It chooses the order of the
            examples.
        carry_states: whether recurrent layers start each batch from the final states of the
            previous one; each epoch, and each row of the validation data, starts from the initial
            states. Gradients stop between batches: for batches that are consecutive in time, such
            as `ConsecutiveBatches`, this is truncated back-propagation through time.
        verbose: as in `keras.Model.fit`.

    Returns:
        The final `RunState`.

    Raises:
        ValueError: for an argument out of range, or data that do not fit.
        RunFolderError: if the checkpoint is corrupt or already beyond `epochs`.
        RuntimeError: if the loss becomes NaN or infinite, or if states are to be carried on a
            backend other than TensorFlow and PyTorch.
    """
    compiled_model(model)
    training = rows("training", training)
    if validation is not None:
        validation = rows("validation", validation)
    check_locked(folder)
    for name, value, least in (
        ("epochs", epochs, 1),
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
        ("patience", patience, 0),
    ):
        integer(name, value, least)
    text("monitor", monitor)
    choice("mode", mode, ("auto", *DIRECTIONS))
    function("batches", batches)
    if fit is not None:
        function("fit", fit)
    flag("carry_states", carry_states)
    callbacks = callback_list(callbacks)
    if any(isinstance(entry, keras.callbacks.BackupAndRestore) for entry in callbacks):
        expected = "without BackupAndRestore, which the run folder replaces"
        raise argument_error("callbacks", expected, callbacks)
    verbosity(verbose)
    checkpoints = Checkpoints(folder.path / CHECKPOINTS)
    state = checkpoints.read()
    if epochs < state.epoch:
        raise RunFolderError(
            f"The run in {folder.path} has finished {state.epoch} epochs, which is more than "
            f"epochs={epochs}."
        )
    batches_of_epoch = batches(training, batch_size, seed)
    built_on(model, batches_of_epoch)
    if mode == "auto":
        with contextlib.suppress(ValueError):  # Keras asks the metric itself, or refuses
            mode = direction_of(monitor)
    early_stopping = None
    if validation is not None:
        early_stopping = EarlyStopping(
            monitor, patience=patience, mode=mode, restore_best_weights=True
        )
    if state.epoch:
        best_weights = checkpoints.restore(model, state)
        if early_stopping is not None:
            early_stopping.resume_from(state.early_stopping, best_weights)
    with contextlib.ExitStack() as stack:
        if carry_states:
            carried = stack.enter_context(CarriedStates(model, batch_size).kept())
            carry = CarryStates(carried)
            stack.enter_context(carry.validation)
            callbacks = [carry, *callbacks]
        else:
            callbacks = [StartStates(), *callbacks]
        folder.begin()
        if not state.stopped and state.epoch < epochs:
            folder.remove_results()
        forget_backed_up_epoch(model)
        shared = dict(
            initial_epoch=state.epoch,
            epochs=state.epoch if state.stopped else epochs,
            verbose=verbose,
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, logs: setattr(batches_of_epoch, "epoch", epoch)
                ),
                RestoreRandomState(state.generators),
                keras.callbacks.TerminateOnNaN(raise_error=True),
                *([] if early_stopping is None else [early_stopping]),
                HistoryFile(folder.path / HISTORY, state.history),
                *([TensorBoardLogs(folder.path / LOGS)] if writes_tensorboard() else ()),
                *callbacks,
                SaveState(checkpoints, state, early_stopping),
            ],
        )
        if fit is not None:
            by_place, weights = as_arguments(training)
            fit(*by_place, **weights, validation_data=validation, **shared)
        else:
            model.fit(
                batches_of_epoch,
                shuffle=False,  # Keras's own shuffling could not be resumed
                validation_data=validation
                and keras.tree.map_structure(partial(as_fed, "validation"), validation),
                validation_batch_size=batch_size,
                **shared,
            )
    return state
