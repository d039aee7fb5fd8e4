"""Many to many, aligned: after every month, how many sunspots there will be next month.

Prints the mean absolute error on the last fifty years, against taking this month's number again.
"""

import keras
import numpy as np

from keras_dlnotes import data, models

keras.utils.set_random_seed(0)
sunspots = data.load("sunspots_monthly")
train, validation, test = (
    sunspots[split]["sunspots"] / 100 for split in ("train", "validation", "test")
)


def windows(series, length=60):
    """Pieces of the series, and the same a month later."""
    pieces = np.lib.stride_tricks.sliding_window_view(series, length + 1)
    return pieces[:, :-1, np.newaxis], pieces[:, 1:, np.newaxis]


# a month without a spot is a value, not padding
model = models.many_to_many((None, 1), 1, units=32, cell="gru", activation=None, mask_value=None)
model.compile(keras.optimizers.Adam(0.005), "mae")
model.fit(*windows(train), batch_size=64, epochs=6, verbose=2)

# the network reads the years before, too, to know where in its cycle the sun is
before, after = windows(np.concatenate([validation, test]), len(validation) + len(test) - 1)
error = np.abs(model.predict(before, verbose=0) - after)[0, -len(test) :]
persistence = np.abs(before - after)[0, -len(test) :]
print(f"same as this month {100 * persistence.mean():.1f}")
print(f"GRU {100 * error.mean():.1f}")
