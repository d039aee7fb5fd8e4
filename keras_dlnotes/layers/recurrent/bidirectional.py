"""Two directions: Keras's wrapper around the recurrent layers."""

import keras

from keras_dlnotes.layers.recurrent.layers import Recurrent
from keras_dlnotes.layers.signature import KeepsSignature


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Bidirectional(KeepsSignature, keras.layers.Bidirectional):
    """Runs a recurrent layer over a sequence in both directions, and merges what they find.

        h_t = merge(→h_t, ←h_t),   →h_t = step(x_t, →h_{t−1}),   ←h_t = step(x_t, ←h_{t+1})

    Each direction has weights of its own. On TensorFlow the two run side by side, each on its share
    of the cores, where a model runs as a graph; `explain_path()` says so. The layer is
    `keras.layers.Bidirectional` with the same arguments, weights and config.

    Args:
        layer: a recurrent layer, of this package or of Keras; a copy of it runs forward, and
            another one, with `go_backwards` turned round, runs backward.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs as they are.
        weights: initial weights, those of the forward layer first; or None.
        backward_layer: another layer for the way backward, with the opposite `go_backwards`.

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
        super().__init__(*args, **kwargs)
        if all(isinstance(layer, Recurrent) for layer in self._directions()):
            for layer in self._directions():
                layer.directions = 2

    def explain_path(self) -> str:
        """Says which computation each direction runs, and why."""
        ways = [
            layer.explain_path() if isinstance(layer, Recurrent) else f"Keras's {layer.name}"
            for layer in self._directions()
        ]
        return f"forward {ways[0]}; backward {ways[1]}"

    def _directions(self):
        return self.forward_layer, self.backward_layer
