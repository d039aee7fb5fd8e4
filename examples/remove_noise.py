"""A denoising autoencoder takes noise off digits that it has not seen.

Prints how much the peak signal-to-noise ratio rises.
"""

import keras
import numpy as np

from keras_dlnotes import data, models

keras.utils.set_random_seed(0)
mnist = data.load("mnist_subset")
train, test = (mnist[split]["image"] / np.float32(255) for split in ("train", "test"))

model = models.denoising_autoencoder(
    (28, 28, 1), latent_dim=64, hidden=(512,), output_activation="sigmoid", noise_stddev=0.4
)
model.compile(keras.optimizers.Adam(0.001), "mse")
model.fit(train, train, batch_size=64, epochs=15, verbose=0)


def decibels(images):
    return -10 * np.log10(np.mean((images - test) ** 2))


noisy = test + np.random.default_rng(1).normal(0, 0.4, test.shape)
print(f"noisy {decibels(noisy):.1f} dB")
print(f"denoised {decibels(model.predict(noisy, verbose=0)):.1f} dB")
