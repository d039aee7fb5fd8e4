"""The gradient of the total loss L = (1/t) Σ L_i for t = 4, term by term as in the notes.

    ∂h_t/∂W_hh = ∂φ(a_t)/∂W_hh + Σ_{i<t} (Π_{j=i+1…t} ∂h_j/∂h_{j−1}) ∂φ(a_i)/∂W_hh

with one unit, so that each factor is a number. Prints each ∂L_t/∂W_hh with its terms, from the
longest way back to the shortest, and the sum beside what back-propagation through time gives.
"""

import numpy as np
import tensorflow as tf

from keras_dlnotes import ops

x, target = np.array([0.5, -1.0, 0.8, 0.3]), np.array([0.2, 0.1, -0.4, 0.6])
w_xh, w_hh, b_h = 0.7, 1.2, 0.1
steps = len(x)

h = [0.0]
for x_t in x:
    h.append(np.tanh(x_t * w_xh + h[-1] * w_hh + b_h))
slope = [None, *(1 - h_t**2 for h_t in h[1:])]  # φ′(a_t)

total = 0.0
for t in range(1, steps + 1):
    d_loss = 2 * (h[t] - target[t - 1])  # ∂L_t/∂h_t with L_t = (h_t − y_t)²
    terms = [
        d_loss * np.prod([slope[j] * w_hh for j in range(i + 1, t + 1)]) * slope[i] * h[i - 1]
        for i in range(1, t + 1)
    ]
    total += sum(terms) / steps
    written = " ".join(f"{term:+.4f}" for term in terms)
    print(f"∂L_{t}/∂W_hh = {written} = {sum(terms):+.4f}")

recurrent_kernel = tf.constant([[w_hh]])
with tf.GradientTape() as tape:
    tape.watch(recurrent_kernel)
    hidden, _ = ops.simple_rnn(
        x.reshape(1, -1, 1).astype("float32"), [[w_xh]], recurrent_kernel, [b_h]
    )
    loss = tf.reduce_mean((hidden[0, :, 0] - target.astype("float32")) ** 2)
found = float(tape.gradient(loss, recurrent_kernel)[0, 0])
print(f"∂L/∂W_hh: term by term {total:.6f}, back-propagation through time {found:.6f}")
