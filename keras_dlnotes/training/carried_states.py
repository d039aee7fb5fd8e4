"""The states of a model's recurrent layers, carried from one call to the next."""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_dlnotes.checks import argument_error
from keras_dlnotes.layers.recurrent import GRU, LSTM, SimpleRNN


class CarriedStates:
    """Makes the recurrent layers of a model stateful for a while, whatever they are otherwise.

    `kept()` is the while. Within it, each call of the model goes on from the states that the one
    before left behind; `set_aside()` is a while within for calls that must not touch them.
    """

    def __init__(self, model: keras.Model, rows: int):
        """Takes a built model and the number of rows that it will be called on."""
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
        """The while in which states are carried; the layers end as they began."""
        before = {layer: (layer.stateful, layer.states) for layer in self._layers}
        try:
            self._be(dict.fromkeys(self._layers, True), self._carried)
            self._forget_traces("train_function")
            yield self
        finally:
            self._be(
                {layer: stateful for layer, (stateful, _) in before.items()},
                {layer: states for layer, (_, states) in before.items()},
            )
            self._forget_traces("train_function", "test_function", "predict_function")

    @contextlib.contextmanager
    def set_aside(self):
        """A while in which every call starts from the layers' own initial states."""
        self._be(dict.fromkeys(self._layers, False), dict.fromkeys(self._layers))
        try:
            yield
        finally:
            self._be(dict.fromkeys(self._layers, True), self._carried)

    def start_all(self) -> None:
        """Starts anew in all rows."""
        self.start(np.ones(self._rows, bool))

    def start(self, rows) -> None:
        """Starts anew in the rows where the boolean array (rows,) says so."""
        if not rows.any():
            return
        starts = ops.convert_to_tensor(rows)[:, None]
        for layer, states in self._carried.items():
            first = keras.tree.flatten(layer.get_initial_state(self._rows))
            for state, value in zip(keras.tree.flatten(states), first, strict=True):
                state.assign(ops.where(starts, ops.cast(value, state.dtype), state.value))

    def _be(self, stateful, states) -> None:
        for layer in self._layers:
            layer.stateful = stateful[layer]
            # past Keras's tracking, as Keras itself does it: a state is no weight of the layer
            object.__setattr__(layer, "states", states[layer])

    def _forget_traces(self, *functions) -> None:
        """Lets Keras trace the model again: what was traced with carried states keeps them."""
        for name in functions:
            setattr(self._model, name, None)


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
    return layers


def recurrent_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """Returns the recurrent layers; raises where there is none, or one that needs the future."""
    layers = list(model._flatten_layers())
    for layer in layers:
        backwards = getattr(layer, "go_backwards", False)
        if backwards or isinstance(layer, keras.layers.Bidirectional):
            raise argument_error(
                "model", "without a direction from the future to the past", layer.name
            )
    found = [layer for layer in layers if isinstance(layer, keras.layers.RNN)]
    if not found:
        raise argument_error("model", "a model with recurrent layers", model.name)
    return found
