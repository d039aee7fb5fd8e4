"""A search on a Ray cluster, as a process that can be killed: `driver.py ADDRESS FOLDER LOG …`."""

import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np

from keras_dlnotes import tuning


class Diary(keras.callbacks.Callback):
    """Notes each epoch that a process has trained, and takes its time."""

    def __init__(self, path, seconds):
        super().__init__()
        self.path, self.seconds = path, seconds

    def on_epoch_end(self, epoch, logs=None):
        if self.params["epochs"] == 1:  # the dry run
            return
        time.sleep(self.seconds)
        units = self.model.layers[0].units
        with open(self.path, "a") as file:
            file.write(json.dumps({"units": units, "epoch": epoch, "pid": os.getpid()}) + "\n")


def build(hp):
    model = keras.Sequential(
        [keras.layers.Dense(hp.Int("units", 1, 64), activation="relu"), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model


def main(address, folder, diary, trials, epochs, seconds, workers, engine, pruning):
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    cluster = tuning.RayCluster(address or None)
    tuning.search(
        build,
        "random",
        max_trials=int(trials),
        training=(x, y),
        validation=(x, y),
        epochs=int(epochs),
        callbacks=[Diary(diary, float(seconds))],
        workers=int(workers),
        directory=Path(folder),
        engine=cluster if engine == "ray" else "local",
        pruning=pruning or None,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
