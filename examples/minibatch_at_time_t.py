"""The notes' table of six samples: X_t, a mini-batch of size 4 at time t = 3, and its H_t.

A recurrent layer reads (batch, time, features); X_t is the slice of one step. Prints X_3, and
checks that H_3 = φ(X_3 W_xh + H_2 W_hh + b_h) is what the layer returns for that step.
"""

import keras
import numpy as np

from keras_dlnotes import layers

table = np.array(
    [
        [33, 21, 27, 26, 30, 28],
        [11, 15, 17, 13, 9, 12],
        [42, 41, 44, 38, 35, 37],
        [27, 27, 26, 32, 29, 27],
        [17, 16, 17, 15, 11, 12],
        [27, 28, 26, 27, 30, 23],
    ]
)
minibatch = table[:4, :, None].astype("float32")  # the first four samples, one feature
t = 3
x_t = minibatch[:, t - 1]
print(f"X_{t} = {x_t[:, 0].astype(int).tolist()}, a mini-batch of size {len(x_t)}")

layer = layers.SimpleRNN(2, return_sequences=True)
h = keras.ops.convert_to_numpy(layer(minibatch / 50))
w_xh, w_hh, b_h = layer.get_weights()
h_t = np.tanh(x_t / 50 @ w_xh + h[:, t - 2] @ w_hh + b_h)
print(f"H_{t} of the layer and of the formula agree: {np.allclose(h[:, t - 1], h_t, atol=1e-6)}")
