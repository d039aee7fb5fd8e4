"""A U-Net tells which pixels belong to a nucleus, from forty tiles of one picture.

Prints the intersection over union on tiles it has not seen, against a threshold's.
"""

import keras
import numpy as np

from keras_dlnotes import data, models, training

keras.utils.set_random_seed(0)
nuclei = data.load("nuclei")
tiles = {split: part["image"] / 235 for split, part in nuclei.items()}
inside = {split: (part["mask"] > 0).astype("int32") for split, part in nuclei.items()}


def turned(tiles):
    """Each tile in four directions."""
    return np.concatenate([np.rot90(tiles, turns, axes=(1, 2)) for turns in range(4)])


normalization = keras.layers.Normalization(axis=None)
normalization.adapt(tiles["train"])

model = models.unet(
    filters=8,
    depth=2,
    batch_norm=True,
    classifier_activation=None,
    preprocessing=[normalization],
)
# of logits, since PyTorch has no gradient for this loss of a probability for each pixel
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.005), loss)
images, answers = turned(tiles["train"]), turned(inside["train"])
model.fit(images, answers, batch_size=16, epochs=10, verbose=2)
# after so few steps the moving statistics are still far from those of the training set
training.recompute_statistics(model, images, verbose=0)


def intersection_over_union(found, truth):
    return (found & truth).sum() / (found | truth).sum()


truth = inside["test"][..., 0] > 0
threshold = tiles["train"].mean() + 0.5 * tiles["train"].std()
found = model.predict(tiles["test"], verbose=0).argmax(axis=-1) > 0
print(f"threshold {intersection_over_union(tiles['test'][..., 0] > threshold, truth):.3f}")
print(f"U-Net {intersection_over_union(found, truth):.3f}")
