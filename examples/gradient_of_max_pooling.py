"""The notes' back-propagation through max pooling: each D goes to its window's maximum.

Prints an image, its pooled maxima, and where the gradient of Σ D·y arrives.
"""

import numpy as np
import tensorflow as tf

from keras_dlnotes import ops

image = tf.constant([[1.0, 9, 2, 3], [4, 5, 8, 6], [7, 1, 2, 3], [2, 3, 4, 9]])
upstream = tf.constant([[0.1, 0.2], [0.3, 0.4]])

with tf.GradientTape() as tape:
    tape.watch(image)
    pooled = ops.max_pool(image[None, :, :, None], pool_size=2)[0, :, :, 0]
gradient = tape.gradient(pooled, image, upstream)

for name, table in (("image", image), ("y", pooled), ("D = ∂E/∂y", upstream), ("∂E/∂x", gradient)):
    print(f"{name}\n{np.asarray(table)}\n")
