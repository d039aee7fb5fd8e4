"""Shift the input: a convolution's feature map shifts with it, and a pool's hardly changes.

First the notes' 4×4 table and its shifted copy under 2×2 pooling, then a handwritten digit. Writes
translation.png into the working directory.
"""

import numpy as np
from matplotlib.figure import Figure

from keras_dlnotes import data, ops

table = np.array([[12, 37, 11, 72], [9, 83, 92, 11], [5, 17, 11, 13], [21, 16, 15, 4]])
shifted = np.array([[7, 12, 37, 11], [4, 9, 83, 92], [11, 5, 17, 11], [2, 21, 16, 15]])


def pool(image, size=2):
    pooled = ops.max_pool(np.asarray(image, "float32")[None, ..., None], size, strides=1)
    return np.asarray(pooled)[0, ..., 0]


print(f"the pooled table\n{pool(table).astype(int)}\nand that of its shifted copy")
print(pool(shifted).astype(int))
changed, pooled_changed = table != shifted, pool(table) != pool(shifted)
print(f"changed in place: {changed.sum()} of 16 values, {pooled_changed.sum()} of 9 pooled ones")

digit = data.load("mnist_subset")["test"]["image"][3, :, :, 0] / 255.0
moved = np.roll(digit, 3, axis=1)
edges = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).reshape(3, 3, 1, 1)


def features(image):
    return np.asarray(ops.conv(np.asarray(image, "float32")[None, ..., None], edges))[0, ..., 0]


difference = np.abs(np.roll(features(digit), 3, axis=1) - features(moved))[:, 3:].max()
print(f"convolution: shifting before or after differs by {difference}")


def change(view):
    """How much of what the view shows changes when the digit moves by one pixel."""
    still, next_to = view(digit), view(np.roll(digit, 1, axis=1))
    return np.abs(still - next_to).sum() / np.abs(still).sum()


shares = [f"{change(lambda image: image):.0%} of the image"]
for size in (2, 4, 8):
    shares.append(
        f"{change(lambda image, size=size: pool(image, size)):.0%} of a {size}×{size} pool"
    )
print(f"a shift by one pixel changes {', '.join(shares)}")

pictures = {
    "digit": digit,
    "its edges": features(digit),
    "digit, moved": moved,
    "edges of that": features(moved),
    "pooled 4×4": pool(digit, 4),
    "pooled, moved by one": pool(np.roll(digit, 1, axis=1), 4),
}
figure = Figure(figsize=(9, 6), layout="constrained")
for axes, (title, picture) in zip(figure.subplots(2, 3).T.flat, pictures.items(), strict=True):
    axes.imshow(picture, cmap="gray")
    axes.set_title(title)
    axes.set_axis_off()
figure.savefig("translation.png")
