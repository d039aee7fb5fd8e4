"""What the recurrent layers can do besides: train steps against the plain layer and Keras's."""

import keras
import numpy as np
from sequences import SHAPES, built, sequence, step
from timing import interleave, main, tensorflow_forward


def _variants(shape) -> dict:
    """Name: (our layer, Keras's or None, mask or None)."""
    from keras_dlnotes import layers

    units = {"units": shape[3], "return_sequences": True}
    lengths = np.random.default_rng(0).integers(1, shape[1] + 1, shape[0])
    mask = keras.ops.convert_to_tensor(np.arange(shape[1]) < lengths[:, None])
    theirs = keras.layers.LSTM(**units)
    return {
        "LSTM": (layers.LSTM(**units), theirs, None),
        "LSTM, coupled": (layers.LSTM(**units, forget_gate="coupled"), theirs, None),
        "LSTM, delayed": (layers.LSTM(**units, output_gate="delayed"), theirs, None),
        "LSTM, truncated": (layers.LSTM(**units, truncate=16), theirs, None),
        "LSTM, masked": (layers.LSTM(**units), theirs, mask),
        "LSTM, recurrent dropout": (
            layers.LSTM(**units, recurrent_dropout=0.2),
            keras.layers.LSTM(**units, recurrent_dropout=0.2),
            None,
        ),
        "Bidirectional LSTM": (
            layers.Bidirectional(layers.LSTM(**units)),
            keras.layers.Bidirectional(keras.layers.LSTM(**units)),
            None,
        ),
        "Bidirectional GRU": (
            layers.Bidirectional(layers.GRU(**units)),
            keras.layers.Bidirectional(keras.layers.GRU(**units, reset_after=False)),
            None,
        ),
    }


def measure(repeats: int) -> list[dict]:
    """Measures every variant on the first and the last shape."""
    rows = []
    for shape in (SHAPES[0], SHAPES[-1]):
        plain = None
        for name, (ours, theirs, mask) in _variants(shape).items():
            rivals = {"ours": built(ours, shape), "keras": built(theirs, shape)}
            steps = {rival: step(layer, shape, mask) for rival, layer in rivals.items()}
            times = interleave(steps, repeats)
            forward = {
                rival: tensorflow_forward(layer, sequence(shape)) for rival, layer in rivals.items()
            }
            once = interleave(forward, repeats)
            plain = plain or times["ours"]
            rows.append(
                {
                    "layer": f"{name} {'×'.join(map(str, shape))}",
                    "ours ms": times["ours"],
                    "ours / plain LSTM": times["ours"] / plain,
                    "keras / ours": times["keras"] / times["ours"],
                    "forward ms, unmasked": once["ours"],
                    "keras / ours, forward": once["keras"] / once["ours"],
                }
            )
    return rows


if __name__ == "__main__":
    main(__doc__, measure)
