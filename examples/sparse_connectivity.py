"""Sparse connectivity: which pixels of the image can change one pixel of a feature map.

They are where the gradient of that pixel is not zero. Writes connectivity.png into the working
directory.
"""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from keras_dlnotes import layers

SIZE = 21
image = tf.ones((1, SIZE, SIZE, 1))


def sees(network):
    """True for each pixel of the image that the middle of the output depends on."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        outputs = network(image)
        middle = outputs[0, outputs.shape[1] // 2, outputs.shape[2] // 2]
    return tape.gradient(middle, image).numpy()[0, ..., 0] != 0


def stack(count, **arguments):
    return keras.Sequential(
        [
            layers.Conv2D(1, 3, padding=1, kernel_initializer="ones", **arguments)
            for _ in range(count)
        ]
    )


dense = keras.Sequential(
    [layers.Flatten(), layers.Dense(SIZE * SIZE), layers.Reshape((SIZE, SIZE, 1))]
)
networks = {
    "one 3×3 convolution": stack(1),
    "two": stack(2),
    "four": stack(4),
    "two, dilated by 3": stack(2, dilation_rate=3),
    "convolution, pool, convolution": keras.Sequential(
        [*stack(1).layers, layers.AveragePooling2D(2), *stack(1).layers]
    ),
    "one dense layer": dense,
}

figure = Figure(figsize=(9, 6.4), layout="constrained")
for axes, (name, network) in zip(figure.subplots(2, 3).flat, networks.items(), strict=True):
    seen = sees(network)
    weights = network.count_params()
    print(f"{name:32} depends on {seen.sum():3} pixels, with {weights:7,} weights")
    axes.imshow(np.where(seen, 1.0, 0.0), cmap="Blues", vmin=0, vmax=1.3)
    axes.set_title(f"{name}\n{seen.sum()} pixels, {weights:,} weights", fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])
figure.savefig("connectivity.png")
