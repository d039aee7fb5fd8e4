"""Sequence to sequence, unaligned: from the letters of a word to its phonemes.

Prints a few words, and the part of the phonemes that a short training gets right in new words.
"""

import keras

from keras_dlnotes import data, models

keras.utils.set_random_seed(0)
words = data.load("pronunciation")
phonemes = sorted({p for line in words["train"]["phonemes"] for p in line.decode().split()})
PAD, START, END = 0, 1, 2
ids = {phoneme: number for number, phoneme in enumerate(phonemes, start=3)}


def rows(split, count):
    """Letters, phonemes shifted right behind a start, and phonemes with an end; padded."""
    source, target = (words[split][name][:count] for name in ("word", "phonemes"))
    spoken = [[ids[phoneme] for phoneme in line.decode().split()] for line in target]
    sequences = [list(word) for word in source], [[START, *s] for s in spoken]
    sequences += ([[*s, END] for s in spoken],)
    return [keras.utils.pad_sequences(part, padding="post") for part in sequences]


letters, shifted, target = rows("train", 6000)
model = models.sequence_to_sequence(128, len(ids) + 3, units=128, cell="gru")
model.compile(keras.optimizers.Adam(0.004), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit([letters, shifted], target, batch_size=64, epochs=5, verbose=2)

letters, shifted, target = rows("test", 500)
print(f"next phoneme right {model.evaluate([letters, shifted], target, verbose=0)[1]:.3f}")
for word, found in zip(letters[:5], models.decode(model, letters[:5], beam_width=4), strict=True):
    print(bytes(word.tolist()).decode().strip("\0"), *(phonemes[id_ - 3] for id_ in found))
