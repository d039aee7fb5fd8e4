"""The Keras twins of the recurrent layers, as what ours are compared with.

Keras on JAX gives the initial state out where Keras on TensorFlow and PyTorch gives 0: at masked
steps before a row's first live one. Ours gives 0 everywhere, so there the twin loops literally.
"""

import keras
from keras import layers, ops


class LiteralLoop:
    """Keras's cell, step by step over a masked sequence, as Keras on TensorFlow goes."""

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if mask is None:
            return super().inner_loop(sequences, initial_state, mask, training=training)
        steps = list(range(sequences.shape[1]))
        states, output, outputs = list(initial_state), ops.zeros_like(initial_state[0]), []
        for t in reversed(steps) if self.go_backwards else steps:
            live = mask[:, t, None]
            after, states_after = self.cell(sequences[:, t], states, training=training)
            hold = ops.zeros_like(output) if self.zero_output_for_mask else output
            output = ops.where(live, after, hold)
            states = [ops.where(live, *pair) for pair in zip(states_after, states, strict=True)]
            outputs.append(output)
        return output, ops.stack(outputs, axis=1), states


def _looping(kind: type) -> type:
    looping = type(kind.__name__, (LiteralLoop, kind), {})
    # under a name of its own, because Keras's `Bidirectional` copies it by its config
    return keras.saving.register_keras_serializable("literal_loop")(looping)


_KINDS = {kind.__name__: kind for kind in (layers.SimpleRNN, layers.LSTM, layers.GRU)}
_TWINS = (
    {name: _looping(kind) for name, kind in _KINDS.items()}
    if keras.backend.backend() == "jax"
    else _KINDS
)


def twin(name: str) -> type:
    """The layer class of Keras by this name, on JAX with the loop above."""
    return _TWINS[name]
