"""The states of a model's recurrent layers, carried from one call to the next."""

import contextlib
import functools

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import layers_of, replaced_methods, set_states
from keras_dlnotes.layers.recurrent import GRU, LSTM, SimpleRNN


class CarriedStates:
    """The states of a model's recurrent layers, which its training steps alone carry on.

    While `kept()` lasts, each training step goes on from the states that the one before left
    behind. Whatever else is done with the model meanwhile, as by a callback, finds the layers as
    they were before: stateful or not, and with their own states.
    """

    def __init__(self, model: keras.Model, rows: int):
        """Takes a built model and the number of rows that it will be trained on."""
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
        """The while in which training steps carry the states."""
        with self._in_calls_of("train", stateful=True, states=self._carried):
            yield self

    @contextlib.contextmanager
    def validating(self):
        """A while in which `evaluate` starts all rows anew, even of layers stateful themselves."""
        if not any(layer.stateful for layer in self._layers):
            yield
            return
        with self._in_calls_of("test", stateful=False, states=dict.fromkeys(self._layers)):
            self._model.make_test_function()  # `evaluate` has done so before its callbacks begin
            yield

    @contextlib.contextmanager
    def _in_calls_of(self, kind: str, stateful: bool, states: dict):
        """While this lasts, the layers are like this within the calls of one function of the model.

        It is the function that Keras makes of the model's step, at the latest when `fit` begins,
        and anew when the model is compiled. What was traced before, or here, is forgotten.
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
        """Starts anew in all rows."""
        self.start(np.ones(self._rows, bool))

    def start(self, rows) -> None:
        """Starts anew in the rows where the boolean array (rows,) says so."""
        if not rows.any():
            return
        for layer, states in self._carried.items():
            first = keras.tree.flatten(layer.get_initial_state(self._rows))
            for state, value in zip(keras.tree.flatten(states), first, strict=True):
                starts = ops.reshape(rows, (-1, *[1] * (len(state.shape) - 1)))
                state.assign(ops.where(starts, ops.cast(value, state.dtype), state.value))


def carrying_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """Returns the recurrent layers; raises where their states cannot be carried."""
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "torch"):
        # JAX's train step knows only the variables that the model owned when it was compiled
        raise RuntimeError("states are carried on TensorFlow and PyTorch alone")
    layers = recurrent_layers(model)
    # Keras's own write the last states over what the gradient still needs on PyTorch
    foreign = [layer.name for layer in layers if not isinstance(layer, SimpleRNN | LSTM | GRU)]
    if backend == "torch" and foreign:
        expected = "with recurrent layers of this package alone, on PyTorch"
        raise argument_error("model", expected, foreign)
    if backend == "tensorflow":
        _check_traces(model)
    return layers


def recurrent_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """Returns the recurrent layers; raises where there is none, or one that needs the future."""
    layers = layers_of(model)
    for layer in layers:
        backwards = getattr(layer, "go_backwards", False)
        if backwards or isinstance(layer, keras.layers.Bidirectional):
            raise argument_error(
                "model", "without a direction from the future to the past", layer.name
            )
        if isinstance(layer, keras.layers.TimeDistributed) and _recurrent_within(layer):
            # its steps are sequences of their own, which do not go on from each other
            expected = "without recurrent layers in a TimeDistributed one"
            raise argument_error("model", expected, layer.name)
    found = _recurrent_within(model)
    if not found:
        raise argument_error("model", "a model with recurrent layers", model.name)
    return found


def _recurrent_within(layer: keras.Layer) -> list[keras.layers.RNN]:
    return [entry for entry in layers_of(layer) if isinstance(entry, keras.layers.RNN)]


def _check_traces(model: keras.Model) -> None:
    """Raises where TensorFlow keeps a trace that Keras does not know of, or divides the rows."""
    if model.distribute_strategy.num_replicas_in_sync > 1:
        raise argument_error("model", "on one device, where all rows are", model.name)
    holders = [layer for layer in layers_of(model) if _recurrent_within(layer)]
    for owner, function in [(model, "train_step"), *((layer, "call") for layer in holders)]:
        # a trace made before carries nothing, and one made here would carry states for ever
        if hasattr(getattr(owner, function), "get_concrete_function"):
            expected = f"with a `{function}` that is no tf.function"
            raise argument_error("model", expected, owner.name, "Keras compiles it by itself")
