"""One to many: a picture of a digit goes in, its English name comes out letter by letter.

Prints how many names of new pictures are right, letter for letter.
"""

import keras
import numpy as np

from keras_dlnotes import data, models

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LETTERS = " " + "".join(sorted(set("".join(NAMES))))  # the blank ends a name

keras.utils.set_random_seed(0)
digits = data.load("digits")
names = np.array([[LETTERS.index(letter) for letter in name.ljust(5)] for name in NAMES])
train, test = ((digits[s]["image"], names[digits[s]["label"]]) for s in ("train", "test"))

front = [
    keras.layers.Rescaling(1 / 16),
    keras.layers.Conv2D(16, 3, activation="relu"),
    keras.layers.Conv2D(32, 3, activation="relu"),
]
model = models.one_to_many((8, 8, 1), 5, len(LETTERS), units=48, cell="gru", preprocessing=front)
model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
model.fit(*train, batch_size=32, epochs=12, verbose=2)

written = model.predict(test[0], verbose=0).argmax(axis=-1)
print("".join(LETTERS[letter] for letter in written[0]))
print(f"exact match {np.all(written == test[1], axis=1).mean():.3f}")
