"""A language model learns from Python's documentation, and writes on by itself.

Prints the bits a character on pages it has not seen, and a text at three temperatures.
"""

import keras
import numpy as np

from keras_dlnotes import data, models, text

keras.utils.set_random_seed(0)
pages = data.load("python_documentation")
train, test = ([page.decode() for page in pages[split]["text"]] for split in ("train", "test"))
tokenizer = text.BytePairTokenizer(vocabulary_size=512).fit(train)


def windows(texts, length=64):
    """Rows of ids, each with the last id of the row before at its head."""
    ids = np.array([id_ for page in texts for id_ in [1, *tokenizer.encode(page), 2]])
    starts = np.arange(0, len(ids) - length, length)
    return ids[starts[:, np.newaxis] + np.arange(length + 1)]


rows = windows(train)
model = models.language_model(tokenizer.vocabulary_size, units=96, cell="gru")
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
model.fit(rows[:, :-1], rows[:, 1:], batch_size=64, epochs=3, verbose=2)

rows = windows(test)
characters = sum(len(tokenizer.decode(row[1:])) for row in rows)
bits = -text.sequence_log_probability(model, rows).sum() / np.log(2)
print(f"{bits / characters:.2f} bits a character")
for temperature in (0.3, 0.7, 1.2):
    ids = models.sample(model, tokenizer.encode("The "), 40, temperature, seed=0)
    print(f"τ = {temperature}: {tokenizer.decode(ids)!r}")
