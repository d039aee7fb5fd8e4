"""Two directions: Keras's wrapper around the recurrent layers."""

import keras
from keras import ops

from keras_dlnotes.common.checks import argument_error, choice, is_sequence, shape
from keras_dlnotes.layers.recurrent.arguments import cast_real, state_list
from keras_dlnotes.layers.recurrent.layers import Recurrent
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.ops.dtypes import real

_MERGE_MODES = ("concat", "sum", "mul", "ave", None)


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Bidirectional(KeepsSignature, keras.layers.Bidirectional):
    """Runs a recurrent layer over a sequence in both directions, and merges the outputs.

        h_t = merge(→h_t, ←h_t),   →h_t = step(x_t, →h_{t−1}),   ←h_t = step(x_t, ←h_{t+1})

    Each direction has weights of its own. On TensorFlow the two run side by side, each on its share
    of the cores, where a model runs as a graph; `explain_path()` says so. The layer is
    `keras.layers.Bidirectional` with the same arguments, weights and config.

    Args:
        layer: a recurrent layer, of this package or of Keras; a copy of it runs forward, and
            another one, with the opposite `go_backwards`, runs backward.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs as they are.
        weights: the arrays that the weights start from, set when the layer is built, those of the
            forward layer first; or None. They are not part of the config.
        backward_layer: another layer for the backward direction, with the opposite `go_backwards`.

    Input shape:
        (batch, time, features), and where wanted `mask` (batch, time) and `initial_state`, the
        states of the forward layer first.

    Output shape:
        That of the layer, twice as wide for "concat", two of them for None; with `return_state`
        followed by the states of both.

    Raises:
        ValueError: for an argument out of range, or layers that do not fit, at construction.

    Reference:
        Lecture notes, "Not Only the Past, the Future may Also Matter", "Bi-directional LSTM".

    Example:

    >>> from keras_dlnotes import layers
    >>> layer = Bidirectional(layers.LSTM(8, return_sequences=True))
    >>> layer(keras.ops.ones((2, 5, 3))).shape == (2, 5, 16)
    True
    """

    def __init__(self, *args, **kwargs):
        arguments = self.bind(args, kwargs)
        for name in ("layer", "backward_layer")[: 1 + (arguments["backward_layer"] is not None)]:
            _check_layer(name, arguments[name])
        choice("merge_mode", arguments["merge_mode"], _MERGE_MODES)
        weights = arguments.pop("weights")  # Keras 3 would store them and never set them
        if weights is not None and not is_sequence(weights):
            raise argument_error("weights", "a list of arrays, or None", weights)
        own_cudnn = getattr(arguments["backward_layer"], "use_cudnn", None)
        super().__init__(**arguments)
        self._initial_weights = None if weights is None else tuple(weights)
        if own_cudnn is not None:  # Keras assigns that of the forward layer
            self.backward_layer.use_cudnn = own_cudnn
        if all(isinstance(layer, Recurrent) for layer in self._directions()):
            for layer in self._directions():
                layer.directions = 2
            if self.forward_layer.go_backwards:
                # the fused kernel of both would run it forward
                self.forward_layer.use_cudnn = False

    def build(self, sequences_shape, initial_state_shape=None):
        super().build(sequences_shape, initial_state_shape)
        if self._initial_weights is not None:
            weights, self._initial_weights = self._initial_weights, None
            if len(weights) != len(self.weights):
                expected = f"{len(self.weights)} arrays, those of the forward layer first"
                raise argument_error("weights", expected, f"{len(weights)} of them")
            for weight, array in zip(self.weights, weights, strict=True):
                shape("weights", real("weights", array), tuple(weight.shape))
            self.set_weights([ops.convert_to_numpy(array) for array in weights])

    def call(self, sequences, initial_state=None, mask=None, training=None):
        self._check(sequences, initial_state)
        if all(isinstance(layer, Recurrent) for layer in self._directions()):
            sequences = cast_real("sequences", sequences, self.compute_dtype)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def compute_output_spec(self, sequences, initial_state=None, mask=None, training=None):
        self._check(sequences, initial_state)
        return super().compute_output_spec(
            sequences, initial_state=initial_state, mask=mask, training=training
        )

    def _check(self, sequences, initial_state) -> None:
        """Raises where an argument of a call is not real, or the states are not those of both."""
        real("sequences", sequences)
        if initial_state is None or not all(hasattr(x, "state_size") for x in self._directions()):
            return
        forward, backward = (len(layer.state_size) for layer in self._directions())
        if forward != backward:
            expected = "None where the directions have different numbers of states"
            raise argument_error("initial_state", expected, f"{forward} and {backward}")
        states = state_list(initial_state)
        if len(states) != 2 * forward:
            expected = f"{2 * forward} states, those of the forward layer first"
            raise argument_error("initial_state", expected, f"{len(states)} of them")

    def explain_path(self) -> str:
        """Says which computation each direction runs, and why."""
        paths = [
            layer.explain_path() if isinstance(layer, Recurrent) else f"Keras's {layer.name}"
            for layer in self._directions()
        ]
        return f"forward {paths[0]}; backward {paths[1]}"

    def _directions(self):
        return self.forward_layer, self.backward_layer


def _check_layer(name, layer) -> None:
    """Raises unless a layer has the attributes that the wrapper reads."""
    needed = ("go_backwards", "stateful", "return_sequences", "return_state")
    if not isinstance(layer, keras.Layer) or not all(hasattr(layer, what) for what in needed):
        raise argument_error(name, "a recurrent layer", layer)
