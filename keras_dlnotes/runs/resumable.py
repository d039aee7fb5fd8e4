"""A `fit` in a run folder that can be resumed after any interruption."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from keras_dlnotes.common.checks import (
    argument_error,
    choice,
    flag,
    function,
    integer,
    mapping,
    text,
)
from keras_dlnotes.common.graph import forget_backed_up_epoch
from keras_dlnotes.common.metrics import DIRECTIONS, direction_of
from keras_dlnotes.runs.batches import ShuffledBatches
from keras_dlnotes.runs.callbacks import (
    BeginValidation,
    CarryStates,
    EarlyStopping,
    RestoreRandomState,
    SaveState,
    StartStates,
)
from keras_dlnotes.runs.checkpoints import Checkpoints, RunState
from keras_dlnotes.runs.feeds import ArrayFeed, Feed, source_feed, validation_feed
from keras_dlnotes.runs.folder import (
    CHECKPOINTS,
    HISTORY,
    LOGS,
    RunFolder,
    RunFolderError,
    check_locked,
)
from keras_dlnotes.runs.logs import HistoryFile, TensorBoardLogs, writes_tensorboard
from keras_dlnotes.runs.strategies import scope_of
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
from keras_dlnotes.training.sources import is_rereadable


def run_state(folder: RunFolder) -> RunState:
    """Returns the state of the run in the folder after its last finished epoch."""
    if not isinstance(folder, RunFolder):
        raise argument_error("folder", "a RunFolder", folder)
    return Checkpoints(folder.path / CHECKPOINTS).read()


def fit_resumable(
    model: keras.Model,
    training: Any,
    validation: Any,
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
    class_weight: Mapping[int, float] | None = None,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
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
            `ShuffledBatches`. Or a source of batches that can be read again for each epoch: a
            `tf.data.Dataset`, a `keras.utils.PyDataset` or a PyTorch `DataLoader`. The batches of a
            `PyDataset` are reshuffled in each epoch, as `fit` does. A resumed run gets the same
            batches if those of an epoch follow from the random numbers of Python, NumPy and
            PyTorch, which each epoch seeds; a `Dataset` needs a seed of its own for each operation
            that draws.
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
        callbacks: further ones, called on each epoch before its logs are used and saved; any but
            `keras.callbacks.BackupAndRestore`. Their attributes that are made of numbers, texts,
            arrays and named functions are saved and restored with the run.
        fit: replaces `model.fit`; receives the training arrays or source instead of batches, the
            weights as `sample_weight`, and must pass on the other arguments. It chooses the order
            of the examples.
        carry_states: whether recurrent layers start each batch from the final states of the
            previous one; each epoch, and each row of the validation data, starts from the initial
            states. Gradients stop between batches: for batches that are consecutive in time, such
            as `ConsecutiveBatches`, this is truncated back-propagation through time.
        class_weight: class → weight of its examples in the loss, as in `keras.Model.fit`.
        steps_per_epoch: batches of an epoch, ≥ 1, which begins where the previous one has ended;
            by default a pass over the data.
        validation_steps: batches of the validation data to read; by default all.
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
    training = rows_or_source("training", training)
    if validation is not None:
        validation = rows_or_source("validation", validation)
    check_locked(folder)
    for name, value, least in (
        ("epochs", epochs, 1),
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
        ("patience", patience, 0),
    ):
        integer(name, value, least)
    steps = {"steps_per_epoch": steps_per_epoch, "validation_steps": validation_steps}
    for name, count in steps.items():
        if count is not None:
            integer(name, count, 1)
    if class_weight is not None:
        mapping("class_weight", class_weight)
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
    feed = feed_of(training, batches, batch_size, seed, steps_per_epoch, state.epoch)
    with scope_of(model):
        built_on(model, feed.sample)
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
            states = CarryStates(carried)
            stack.enter_context(states.validation)
        else:
            states = StartStates()
        folder.begin()
        if not state.stopped and state.epoch < epochs:
            folder.remove_results()
        forget_backed_up_epoch(model)
        shared: dict[str, Any] = dict(
            initial_epoch=state.epoch,
            epochs=state.epoch if state.stopped else epochs,
            verbose=verbose,
            callbacks=[
                RestoreRandomState(state.generators),
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=lambda epoch, logs: feed.begin(epoch)
                ),
                keras.callbacks.TerminateOnNaN(raise_error=True),
                states,
                *callbacks,  # which may add to the logs
                *([] if early_stopping is None else [early_stopping]),
                HistoryFile(folder.path / HISTORY, state.history),
                *([TensorBoardLogs(folder.path / LOGS)] if writes_tensorboard() else ()),
                SaveState(checkpoints, state, early_stopping, callbacks),
            ],
        )
        if class_weight is not None:
            shared["class_weight"] = {int(key): value for key, value in class_weight.items()}
        if fit is not None:
            is_source = not isinstance(training, tuple)
            by_place, weights = ((training,), {}) if is_source else as_arguments(training)
            if steps_per_epoch is not None:
                shared["steps_per_epoch"] = steps_per_epoch
            fit(*by_place, **weights, validation_data=validation, **shared)
            return state
        if isinstance(validation, tuple):
            validation = keras.tree.map_structure(partial(as_fed, "validation"), validation)
            shared["validation_batch_size"] = batch_size
        elif validation is not None:
            tested = validation_feed(validation, seed + 1, validation_steps, state.epoch)
            validation, validation_steps = tested.data, tested.steps
            shared["callbacks"].append(BeginValidation(tested))
        model.fit(
            feed.data,
            shuffle=False,  # Keras's own shuffling could not be resumed
            validation_data=validation,
            steps_per_epoch=feed.steps,
            validation_steps=validation_steps,
            **shared,
        )
    return state


def feed_of(
    training: Any,
    batches: Callable[..., keras.utils.PyDataset],
    batch_size: int,
    seed: int,
    steps: int | None = None,
    first_epoch: int = 0,
) -> Feed:
    """Returns what `fit` reads of arrays or a source; see `fit_resumable`."""
    if isinstance(training, tuple):
        return ArrayFeed(batches(training, batch_size, seed), steps)
    return source_feed(training, seed, steps, first_epoch)


def rows_or_source(name: str, value: Any) -> Any:
    """Returns arrays as `rows` does, or a source that can be read several times."""
    if not is_rereadable(value) or isinstance(value, list | tuple | dict):
        if hasattr(value, "__next__"):
            raise argument_error(name, "a source that can be read several times", value)
        return rows(name, value)
    return value
