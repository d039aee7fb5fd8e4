"""Many to one: who of nine men speaks, from sequences of unequal length.

Prints the accuracy on the standard test set.
"""

import keras

from keras_dlnotes import data, models

keras.utils.set_random_seed(0)
vowels = data.load("japanese_vowels")
train, validation, test = (
    (vowels[split]["sequence"], vowels[split]["label"]) for split in ("train", "validation", "test")
)

# the zeros that pad a sequence are masked
model = models.many_to_one((None, 12), outputs=9, units=64, bidirectional=True)
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(*train, batch_size=25, epochs=15, validation_data=validation, verbose=2)
print(f"test accuracy {model.evaluate(*test, verbose=0)[1]:.3f}")
