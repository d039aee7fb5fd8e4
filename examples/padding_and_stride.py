"""Why explicit padding: at stride 2, "same" and p = 1 look at different pixels.

A one-by-one-pixel probe: convolve an image that counts its own columns with a 3×3 kernel that
passes its centre alone, and read off which columns each layer sees.
"""

import keras
import numpy as np

from keras_dlnotes import layers

columns = np.tile(np.arange(8, dtype="float32"), (8, 1)).reshape(1, 8, 8, 1)
centre = np.zeros((3, 3, 1, 1), "float32")
centre[1, 1] = 1

for padding in ("same", 1):
    layer = layers.Conv2D(1, 3, strides=2, padding=padding, use_bias=False)
    layer.build(columns.shape)
    layer.set_weights([centre])
    seen = keras.ops.convert_to_numpy(layer(columns))[0, 1, :, 0].astype(int)
    print(f"padding={padding!r:7} centres its windows on the columns {seen.tolist()}")
