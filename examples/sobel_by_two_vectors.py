"""Sobel's 3×3 kernel is a column times a row: two cheap convolutions do the work of one.

Not all kernels are, and for M channels and N filters a pair is cheaper only where N < (k − 1)·M: of
a trained network the second convolution is replaced, the first, on one channel, would get dearer.
Writes sobel.png into the working directory.
"""

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_dlnotes import data, layers, models, ops, training

sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
column, row, residual = ops.separate_kernel(sobel)
vectors = [(column / column[0]).round().astype(int), (row / row[2]).round().astype(int)]
print("Sobel = {}ᵀ × {}, relative error {:.0e}".format(*vectors, residual))

images = data.load("mnist_subset")["test"]["image"][:25] / 255.0
tiles = images.reshape(5, 5, 28, 28).transpose(0, 2, 1, 3).reshape(140, 140)
image = tiles[None, ..., None].astype("float32")
whole = ops.conv(image, sobel.reshape(3, 3, 1, 1), padding=1)
halves = ops.conv(image, column.reshape(3, 1, 1, 1), padding=(1, 0))
halves = ops.conv(halves, row.reshape(1, 3, 1, 1), padding=(0, 1))
print(f"6 multiplications a pixel for 9, largest difference {np.abs(whole - halves).max():.0e}")

keras.utils.set_random_seed(0)
digits = data.load("digits")
train, test = digits["train"], digits["test"]
rescale = layers.Rescaling(1 / 16)
model = models.convnet((8, 8, 1), 10, filters=(32, 32), hidden=(), preprocessing=[rescale])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train["image"], train["label"], epochs=8, verbose=0)


def accuracy(model):
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.evaluate(test["image"], test["label"], verbose=0)[1]


separation = training.separate_convolutions(model)
for name, (before, after) in separation.costs.items():
    error, kernels = separation.residuals[name], separation.kernel_residuals[name]
    print(
        f"{name}: {before:,} multiplications, as a pair {after:,}, which is off by {error:.0%}",
        end="",
    )
    print(f" (each 3×3 kernel by itself by {kernels.mean():.0%}):", end=" ")
    print("replaced" if name in separation.replaced else "left as it is")
print(f"accuracy {accuracy(model):.3f}, separated {accuracy(separation.model):.3f}", end=", ")
separation.model.fit(train["image"], train["label"], epochs=2, verbose=0)
print(f"and after two more epochs {accuracy(separation.model):.3f}")

figure = Figure(figsize=(9, 3.4), layout="constrained")
pictures = {"digits": tiles, "Sobel, one 3×3": whole, "by column and row": halves}
for axes, (title, picture) in zip(figure.subplots(1, 3), pictures.items(), strict=True):
    axes.imshow(np.squeeze(picture), cmap="gray")
    axes.set_title(title)
    axes.set_axis_off()
figure.savefig("sobel.png")
