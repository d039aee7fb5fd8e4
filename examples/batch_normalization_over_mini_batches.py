"""What batch normalization does: a hidden layer's distribution, mini-batch after mini-batch.

Trains the same network with and without it, and watches what reaches the last hidden layer. Writes
mini_batches.png into the working directory.
"""

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_dlnotes import data, layers, runs

train = data.load("digits")["train"]


def network(normalized):
    """Three hidden layers, each normalized behind its matrix product or not."""
    stages = [keras.Input((8, 8, 1)), layers.Flatten(), layers.Rescaling(1 / 16)]
    for number in range(1, 4):
        stages.append(layers.Dense(64, name=f"h{number}"))
        if normalized:
            stages.append(layers.BatchNormalization())
        stages.append(layers.Activation("relu"))
    return keras.Sequential([*stages, layers.Dense(10, activation="softmax")])


def watched(model, batches, epochs=3):
    """Trains, and notes after each mini-batch what reaches the last activation, and the loss."""
    view = keras.Model(model.inputs[0], [model.layers[-2].input, model.outputs[0]])
    seen, losses = [], []
    for _ in range(epochs):
        for batch in range(len(batches)):
            images, labels = batches[batch]
            model.train_on_batch(images, labels)
            hidden, probabilities = map(keras.ops.convert_to_numpy, view(images, training=True))
            seen.append([hidden.mean(), hidden.std()])
            losses.append(-np.log(probabilities[np.arange(len(labels)), labels]).mean())
    return np.array(seen), np.array(losses)


figure = Figure(figsize=(9, 5.6), layout="constrained")
upper, lower = figure.subplots(2, 1, sharex=True)
for normalized, colour, name in (
    (False, "C1", "without"),
    (True, "C0", "with batch normalization"),
):
    keras.utils.set_random_seed(1)
    model = network(normalized)
    model.compile(keras.optimizers.SGD(0.2), "sparse_categorical_crossentropy")
    batches = runs.ShuffledBatches((train["image"], train["label"]), 32, seed=0)
    seen, losses = watched(model, batches)
    mean, deviation = seen.T
    steps = np.arange(len(mean))
    upper.plot(steps, mean, colour, label=name)
    upper.fill_between(steps, mean - deviation, mean + deviation, color=colour, alpha=0.25, lw=0)
    lower.plot(steps, losses, colour)
    drift = np.ptp(deviation)
    print(f"{name:24}: deviation from {deviation.min():.2f} to {deviation.max():.2f}, ", end="")
    print(f"loss of the last 20 mini-batches {np.mean(losses[-20:]):.3f}")
upper.set_ylabel("values at h3, mean ± deviation")
upper.legend()
lower.set_ylabel("loss")
lower.set_xlabel("mini-batch")
figure.savefig("mini_batches.png")
