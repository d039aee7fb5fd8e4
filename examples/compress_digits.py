"""Autoencoders squeeze 784 pixels into 16 numbers, and do it better than PCA.

Prints the mean squared error of each on digits that it has not seen.
"""

import keras
import numpy as np
from sklearn.decomposition import PCA

from keras_dlnotes import data, models

mnist = data.load("mnist_subset")
train, test = (mnist[split]["image"] / np.float32(255) for split in ("train", "test"))

pca = PCA(16).fit(train.reshape(-1, 784))
restored = pca.inverse_transform(pca.transform(test.reshape(-1, 784)))
print(f"PCA {np.mean((restored - test.reshape(-1, 784)) ** 2):.4f}")

builders = {
    "dense": lambda: models.autoencoder((28, 28, 1), latent_dim=16, hidden=(256,)),
    "convolutional": lambda: models.convolutional_autoencoder((28, 28, 1), 16, filters=(8, 16)),
}
for name, build in builders.items():
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(keras.optimizers.Adam(0.002), "mse")
    model.fit(train, train, batch_size=32, epochs=6, verbose=0)
    print(f"{name} {model.evaluate(test, test, verbose=0):.4f}")

codes = model.get_layer("encoder").predict(test[:2], verbose=0)
between = model.get_layer("decoder").predict(codes.mean(axis=0, keepdims=True), verbose=0)
print(f"a digit between two others has shape {between.shape[1:]}")
