"""Carries the states of a model's recurrent layers from one training step to the next."""

import contextlib
import functools

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import layers_of, replaced_methods, set_states
from keras_dlnotes.layers.recurrent import GRU, LSTM, SimpleRNN


class CarriedStates:
    """The states of a model's recurrent layers, carried between training steps only.

    Within `kept()`, each training step starts from the final states of the previous one. Any other
    use of the model, as by a callback, finds the layers unchanged: stateful or not, and with their
    own states.
    """

    def __init__(self, model: keras.Model, rows: int):
        """Takes a built model and the number of rows of its batches."""
        self._model = model
        self._layers = carrying_layers(model)
        self._rows = rows
        self._carried = {
            layer: keras.tree.map_structure(
                lambda value: keras.Variable(value, trainable=False, name="carried_state"),
                layer.get_initial_state(rows),
            )
            for layer in self._layers
        }

    @contextlib.contextmanager
    def kept(self):
        """Returns the context in which training steps carry the states."""
        with self._in_calls_of("train", stateful=True, states=self._carried):
            yield self

    @contextlib.contextmanager
    def validating(self):
        """Returns the context in which `evaluate` resets all rows, even of stateful layers."""
        if not any(layer.stateful for layer in self._layers):
            yield
            return
        with self._in_calls_of("test", stateful=False, states=dict.fromkeys(self._layers)):
            self._model.make_test_function()  # `evaluate` has done so before its callbacks begin
            yield

    @contextlib.contextmanager
    def _in_calls_of(self, kind: str, stateful: bool, states: dict):
        """Sets the layers' states within calls of the model's train or test function.

        Keras makes this function when `fit` begins, and again when the model is compiled. Earlier
        traces are discarded on entry, and those made inside on exit.
        """
        name, maker = f"{kind}_function", f"make_{kind}_function"
        model, make = self._model, getattr(self._model, maker)

        def call(function, *arguments):
            before = {layer: (layer.stateful, layer.states) for layer in self._layers}
            try:
                for layer in self._layers:
                    set_states(layer, stateful, states[layer])
                return function(*arguments)
            finally:
                for layer, own in before.items():
                    set_states(layer, *own)

        def made(*arguments, **settings):
            make(*arguments, **settings)
            function = getattr(model, name)
            if getattr(function, "func", None) is not call:
                setattr(model, name, functools.partial(call, function))

        setattr(model, name, None)
        try:
            with replaced_methods(model, **{maker: made}):
                yield
        finally:
            setattr(model, name, None)

    def start_all(self) -> None:
        """Resets all rows."""
        self.start(np.ones(self._rows, bool))

    def start(self, rows) -> None:
        """Resets the rows where the boolean array (rows,) is True."""
        if not rows.any():
            return
        for layer, states in self._carried.items():
            first = keras.tree.flatten(layer.get_initial_state(self._rows))
            for state, value in zip(keras.tree.flatten(states), first, strict=True):
                starts = ops.reshape(rows, (-1, *[1] * (len(state.shape) - 1)))
                state.assign(ops.where(starts, ops.cast(value, state.dtype), state.value))


def carrying_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """Returns the recurrent layers; raises if their states cannot be carried."""
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "torch"):
        # JAX's train step updates only variables that the model owned when it was compiled
        raise RuntimeError("states are carried only on TensorFlow and PyTorch")
    layers = recurrent_layers(model)
    # on PyTorch, Keras's own layers overwrite states that the backward pass still needs
    foreign = [layer.name for layer in layers if not isinstance(layer, SimpleRNN | LSTM | GRU)]
    if backend == "torch" and foreign:
        expected = "with recurrent layers of this package only, on PyTorch"
        raise argument_error("model", expected, foreign)
    if backend == "tensorflow":
        _check_traces(model)
    return layers


def recurrent_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """Returns the recurrent layers; raises if there is none, or one runs backward."""
    layers = layers_of(model)
    for layer in layers:
        backwards = getattr(layer, "go_backwards", False)
        if backwards or isinstance(layer, keras.layers.Bidirectional):
            raise argument_error("model", "without recurrent layers that run backward", layer.name)
        if isinstance(layer, keras.layers.TimeDistributed) and _recurrent_within(layer):
            # its steps are sequences of their own, which do not continue each other
            expected = "without recurrent layers in a TimeDistributed one"
            raise argument_error("model", expected, layer.name)
    found = _recurrent_within(model)
    if not found:
        raise argument_error("model", "a model with recurrent layers", model.name)
    return found


def _recurrent_within(layer: keras.Layer) -> list[keras.layers.RNN]:
    return [entry for entry in layers_of(layer) if isinstance(entry, keras.layers.RNN)]


def _check_traces(model: keras.Model) -> None:
    """Raises if a `tf.function` of the user's own keeps traces, or a strategy splits the rows."""
    if model.distribute_strategy.num_replicas_in_sync > 1:
        raise argument_error("model", "on one device", model.name)
    holders = [layer for layer in layers_of(model) if _recurrent_within(layer)]
    for owner, function in [(model, "train_step"), *((layer, "call") for layer in holders)]:
        # an earlier trace carries nothing, and one made here would carry states forever
        if hasattr(getattr(owner, function), "get_concrete_function"):
            expected = f"with a `{function}` that is not a tf.function"
            raise argument_error("model", expected, owner.name, "Keras compiles it by itself")
