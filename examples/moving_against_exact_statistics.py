"""Moving averages against the exact statistics of the whole training set.

Moving averages are taken while the weights still change, so they lag behind; the notes' μ and σ of
the entire training data are computed once, after training. Writes statistics.png into the working
directory.
"""

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_dlnotes import data, layers, training

digits = data.load("digits")
train, test = digits["train"], digits["test"]


def network(momentum):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 16)])
    for filters in (16, 32):
        model.add(layers.Conv2D(filters, 3, padding=1))
        model.add(layers.BatchNormalization(momentum=momentum))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


figure = Figure(figsize=(9, 4.4), layout="constrained")
for axes, momentum in zip(figure.subplots(1, 2), (0.9, 0.99), strict=True):
    model = network(momentum)
    model.fit(train["image"], train["label"], batch_size=32, epochs=2, verbose=0)
    normalization = [
        layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)
    ][-1]
    moving = np.asarray(normalization.moving_std)
    before = model.evaluate(test["image"], test["label"], verbose=0)
    training.recompute_statistics(model, train["image"], verbose=0)
    exact = np.asarray(normalization.moving_std)
    after = model.evaluate(test["image"], test["label"], verbose=0)
    print(
        f"momentum {momentum}: moving σ off by up to {np.abs(moving / exact - 1).max():.0%}; "
        f"test loss {before[0]:.3f} → {after[0]:.3f}, accuracy {before[1]:.3f} → {after[1]:.3f}"
    )
    axes.axline((0, 0), slope=1, color="0.7")
    axes.plot(exact, moving, "o")
    axes.set_title(f"momentum {momentum}, 2 epochs")
    axes.set_xlabel("σ of the whole training set")
    axes.set_ylabel("moving σ")
    axes.set(xlim=(0, 1.1 * exact.max()), ylim=(0, 1.1 * exact.max()), aspect="equal")
figure.savefig("statistics.png")
