"""A tagger fills in the letters that a bad scan has lost, as in "foo#ball match".

Prints the part of the lost letters that are restored, by a network that reads in one direction and
by one that knows what follows, too.
"""

import keras
import numpy as np

from keras_dlnotes import data, models

pages = data.load("python_documentation")
generator = np.random.default_rng(0)


def lines(split, length=60):
    """Rows of letters; which of them are lost; and the rows without those."""
    letters = np.frombuffer(b"".join(pages[split]["text"]), np.uint8) % 128
    rows = letters[: len(letters) // length * length].reshape(-1, length).astype("int32")
    lost = generator.random(rows.shape) < 0.15
    return rows, lost, np.where(lost, ord("#"), rows)


rows, lost, scanned = lines("train")
test_rows, test_lost, test_scanned = lines("test")
for bidirectional in (False, True):
    keras.utils.set_random_seed(0)
    model = models.tagger(
        128, 128, units=48, embedding_dim=32, cell="gru", bidirectional=bidirectional
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(scanned, rows, batch_size=128, epochs=4, verbose=0, sample_weight=lost)
    found = model.predict(test_scanned, verbose=0).argmax(axis=-1)
    restored = np.mean(found[test_lost] == test_rows[test_lost])
    print(f"{'both directions' if bidirectional else 'one direction'}: {restored:.3f} restored")
found = np.where(test_lost, found, test_rows)
print(*(bytes(line[7].tolist()).decode() for line in (test_scanned, found)), sep="\n")
