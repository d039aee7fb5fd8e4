"""The first minute of a model, against Keras: first step, another batch size, fit, and memory.

Each number comes from a process of its own, ours and Keras's in turn, by medians. Ratios are of
processor seconds, ours over Keras's: less than 1 says that ours needs less. Memory is what a
process grows by over forty models, each wider than the last, with `clear_session()` between them.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from timing import print_table, use_two_cores, write_json

NETWORKS = (
    "digits", "densenet", "unet", "xception", "text_classifier", "stacked_gru", "autoencoder",
)  # fmt: skip
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}
KINDS = ("step", "fit", "memory")
EPOCHS, MODELS = 3, 40


class Clock:
    """Tells the seconds, and the processor seconds, since it was last asked."""

    def __init__(self):
        self._last = self._now()

    @staticmethod
    def _now():
        return {"s": time.perf_counter(), "cpu": time.process_time()}

    def lap(self) -> dict[str, float]:
        before, self._last = self._last, self._now()
        return {unit: self._last[unit] - before[unit] for unit in before}


def measure_step(name: str, layers) -> dict:
    """The first step of a model that is not built yet, then one with another batch size."""
    from networks import batches_of, model_of

    clock = Clock()
    model = model_of(name, layers)
    batches = batches_of(name, model)
    model.train_on_batch(*batches[0])
    first = clock.lap()
    model.train_on_batch(*batches[-1])
    return {"first step": first, "another batch": clock.lap()}


def measure_fit(name: str, layers) -> dict:
    """The first of three epochs, and all of them."""
    from networks import Batches, batches_of, model_of

    clock = Clock()
    model = model_of(name, layers)
    batches = Batches(batches_of(name, model))
    model.fit(batches, verbose=0)
    first = clock.lap()
    model.fit(batches, epochs=EPOCHS, initial_epoch=1, verbose=0)
    rest = clock.lap()
    return {"first epoch": first, "3 epochs": {key: first[key] + rest[key] for key in first}}


def measure_memory(name: str, layers) -> dict:
    """The growth of this process, in MB, by the models after the first."""
    import keras
    from networks import batches_of, model_of

    before = 0.0
    for number in range(MODELS + 1):
        model = model_of(name, layers, wider=number)
        model.train_on_batch(*batches_of(name, model)[0])
        keras.utils.clear_session()
        gc.collect()
        before = before or _resident()
    return {"40 models": {"MB": _resident() - before}}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(backend: str, name: str, kinds, repeats: int) -> dict:
    """A row of the table: medians over processes, ours and Keras's in turn."""
    found: dict[str, dict[str, list]] = {"ours": {}, "keras": {}}
    for kind in kinds:
        for turn in range(repeats):
            for library in ("ours", "keras") if turn % 2 == 0 else ("keras", "ours"):
                for title, values in _in_a_fresh_process(backend, name, kind, library).items():
                    for unit, value in values.items():
                        found[library].setdefault((title, unit), []).append(value)
    ours, theirs = (
        {key: statistics.median(values) for key, values in found[library].items()}
        for library in ("ours", "keras")
    )
    row: dict = {"backend": BACKENDS[backend], "network": name.replace("_", " ")}
    for title, unit in ours:
        if unit != "cpu":
            row[f"{title}, {unit}"] = ours[title, unit]
            by = (title, "cpu") if unit == "s" else (title, unit)
            row[f"{title}, ours / keras"] = ours[by] / theirs[by]
    return row


def _in_a_fresh_process(backend: str, *arguments: str) -> dict:
    result = subprocess.run(
        [sys.executable, __file__, "--here", *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def _measure_here(name: str, kind: str, library: str) -> None:
    use_two_cores()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import keras

    from keras_dlnotes import layers

    namespace = layers if library == "ours" else keras.layers
    print(json.dumps(globals()[f"measure_{kind}"](name, namespace)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--repeats", type=int, default=5, help="processes of each library")
    parser.add_argument("--json", type=Path, help="file for the rows and the machine")
    given = parser.parse_args()
    rows = []
    for backend in given.backends:
        for name in given.only:
            rows.append(measure(backend, name, given.kinds, given.repeats))
    print_table(rows)
    if given.json:
        write_json(given.json, rows, given.repeats)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        _measure_here(*sys.argv[2:])
    else:
        main()
