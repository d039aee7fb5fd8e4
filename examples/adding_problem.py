"""The adding problem (Hochreiter & Schmidhuber 1997): remember two numbers of a hundred.

Each step shows a number in [0, 1] and a marker; two steps, one in each half, are marked, and the
sum of their numbers is asked for at the end. Who always answers 1 has a mean squared error of 1/6.
The gradient of a simple network vanishes on the way back to the marked steps, so it stays there;
gates carry it. Prints how much of ‖∂L/∂h_t‖ is left at the first step, before training and after
it, and the error. Takes about a minute.
"""

import keras
import numpy as np

from keras_dlnotes import layers, ops

STEPS, BATCH, UNITS, MOST_EPOCHS = 100, 64, 64, 40
generator = np.random.default_rng(0)


def adding(rows):
    """x (rows, STEPS, 2), numbers beside markers, and their marked sums (rows, 1)."""
    numbers, markers = generator.random((rows, STEPS)), np.zeros((rows, STEPS))
    for half in (0, STEPS // 2):
        markers[np.arange(rows), half + generator.integers(0, STEPS // 2, rows)] = 1
    sums = (numbers * markers).sum(axis=1, keepdims=True)
    return np.stack([numbers, markers], axis=-1).astype("float32"), sums.astype("float32")


class StopWhenSolved(keras.callbacks.Callback):
    """Ends training once the error on new sequences is clearly below 0.01."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = logs["val_loss"] < 0.008


def first_of_last(layer, cell):
    """‖∂L/∂h₁‖ / ‖∂L/∂h₁₀₀‖ where the last hidden state alone counts, averaged over a batch."""
    upstream = np.ones((BATCH, UNITS), "float32")
    norms = ops.gradient_flow(upstream, train[0][:BATCH], *layer.get_weights(), cell=cell)
    norms = np.asarray(norms, float).mean(axis=0)
    return norms[0] / norms[-1]


train, test = adding(100 * BATCH), adding(1000)
print(f"always 1   error {np.mean((test[1] - 1) ** 2):.3f}")
solved = []
for cell, name in (("simple", "SimpleRNN"), ("gru", "GRU"), ("lstm", "LSTM")):
    keras.utils.set_random_seed(0)
    layer = getattr(layers, name)(UNITS)
    model = keras.Sequential([keras.Input((STEPS, 2)), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.005, clipnorm=1.0), "mse")
    before = first_of_last(layer, cell)
    history = model.fit(
        *train,
        batch_size=BATCH,
        epochs=12 if cell == "simple" else MOST_EPOCHS,
        validation_data=test,
        callbacks=[StopWhenSolved()],
        verbose=2,
    )
    error = min(history.history["val_loss"])
    ratio = f"{before:.0e} before training, {first_of_last(layer, cell):.0e} after"
    print(f"{name:9}  error {error:.3f}   ‖∂L/∂h₁‖/‖∂L/∂h₁₀₀‖ {ratio}")
    if error < 0.01:
        solved.append(name)
print(f"below 0.01: {', '.join(solved)}")
