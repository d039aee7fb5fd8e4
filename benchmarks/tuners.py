"""How soon each tuner finds a good network, with and without pruning, over five seeds.

    python benchmarks/tuners.py [--json FILE]

All configurations of a space of 84 are trained once for each data set, and their validation
losses and processor seconds by epoch are kept in `results/tuners`; what is there is not trained
again. Then each search is played with these: the tuners, their order of trials and the rules of
pruning are those of `tuning.search` with one worker, but an epoch takes no time. The target is the
loss that one configuration in twenty reaches.
"""

import argparse
import itertools
import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from timing import write_json

from keras_dlnotes import tasks
from keras_dlnotes.tuning.folder import FAILED, TrialOutcome, trial_path, write_outcome
from keras_dlnotes.tuning.oracles import make_oracle
from keras_dlnotes.tuning.pruner import Curve, Pruner
from keras_dlnotes.tuning.pruning import RULES

CURVES = Path(__file__).parent / "results" / "tuners"
SPACE: dict[str, list[Any]] = {
    "learning_rate": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
    "filters": [4, 8, 16],
    "dropout": [0.0, 0.4],
    "batch_size": [16, 64],
}
EXAMPLES, EPOCHS, SEEDS = 1000, 9, 5
BEST_SHARE = 20  # one configuration of so many reaches the target
OBJECTIVE = keras_tuner.Objective("val_loss", "min")
TUNERS = ("random", "grid", "hyperband", "bayesian", "tpe")
DATA = ("digits", "mnist")


class Clock(keras.callbacks.Callback):
    """The processor seconds of each epoch, its validation included."""

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.process_time() - self._started)


def built(shape: tuple[int, ...], filters: int, dropout: float) -> keras.Model:
    keras.utils.set_random_seed(0)
    pools = 1 if shape[0] < 16 else 2
    layers: list[Any] = [keras.Input(shape)]
    for number in range(pools):
        layers += [
            keras.layers.Conv2D(filters * 2**number, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
        ]
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dropout(dropout, seed=0),
        keras.layers.Dense(10, "softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    return model


def key_of(values: dict[str, Any]) -> str:
    return " ".join(f"{values[name]:g}" for name in SPACE)


def curves_of(data: str) -> dict[str, dict[str, Any]]:
    """Returns configuration → losses and seconds of its epochs, training those that are missing."""
    path = CURVES / f"{data}.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    splits = tasks.get(data).prepare(tasks.get(data).data)
    x, y = (part[:EXAMPLES] for part in splits.training[:2])
    for filters, dropout, size in itertools.product(
        SPACE["filters"], SPACE["dropout"], SPACE["batch_size"]
    ):
        group = [
            {"learning_rate": rate, "filters": filters, "dropout": dropout, "batch_size": size}
            for rate in SPACE["learning_rate"]
        ]
        if all(key_of(values) in found for values in group):
            continue
        model = built(x.shape[1:], filters, dropout)
        given = {"validation_data": splits.validation[:2], "batch_size": size, "verbose": 0}
        first = model.get_weights()
        model.fit(x, y, epochs=1, **given)  # which traces the graphs
        for values in group:
            model.set_weights(first)
            for variable in model.optimizer.variables:
                variable.assign(keras.ops.zeros_like(variable))
            model.optimizer.learning_rate = values["learning_rate"]
            clock = Clock()
            keras.utils.set_random_seed(1)
            history = model.fit(x, y, epochs=EPOCHS, callbacks=[clock], **given).history
            found[key_of(values)] = {
                "val_loss": [round(value, 6) for value in history["val_loss"]],
                "seconds": round(statistics.median(clock.seconds), 4),
            }
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1))
        print(f"{data}: {len(found)} configurations", flush=True)
    return found


def target_of(curves: dict[str, dict[str, Any]]) -> float:
    best = sorted(min(curve["val_loss"]) for curve in curves.values())
    return best[max(1, len(best) // BEST_SHARE) - 1]


def space() -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    for name, values in SPACE.items():
        hp.Choice(name, values)
    return hp


def search(
    curves: dict[str, dict[str, Any]], tuner: str, pruning: str | None, seed: int, target: float
) -> tuple[int, int, float] | None:
    """Returns trials, epochs and processor seconds until the target; None if it isn't reached."""
    epochs, seconds, seen = 0, 0.0, []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        arguments = {"hyperband_iterations": 10} if tuner == "hyperband" else {}
        most = None if tuner == "hyperband" else len(curves)
        oracle = make_oracle(
            tuner, OBJECTIVE, space(), max_trials=most, epochs=EPOCHS, seed=seed, folder=folder,
            arguments=arguments,
        )  # fmt: skip
        oracle.reload()
        while (trial := oracle.create_trial("worker0")).status == "RUNNING":
            values = trial.hyperparameters.values
            curve = curves[key_of(values)]
            begin = values.get("tuner/initial_epoch", 0)
            losses = list(curve["val_loss"][:begin])
            path = trial_path(folder, trial.trial_id) / "execution_0"
            path.mkdir()
            pruner = None
            if pruning is not None:
                pruner = Pruner(RULES[pruning](), OBJECTIVE, lambda: seen, path)
            end = values.get("tuner/epochs", EPOCHS)
            for loss in curve["val_loss"][begin:end]:
                losses.append(loss)
                epochs, seconds = epochs + 1, seconds + curve["seconds"]
                if loss <= target:
                    return int(trial.trial_id) + 1, epochs, seconds
                if pruner is not None and pruner.ends_after({"val_loss": loss}, end):
                    break
            is_pruned = len(losses) < end
            seen.append(Curve(trial.trial_id, 0, losses, not is_pruned))
            config, best = trial.hyperparameters.get_config(), min(losses)
            outcome = TrialOutcome("COMPLETED", config, {"val_loss": best}, losses.index(best))
            if math.isnan(losses[0]):
                outcome = TrialOutcome(FAILED, config, message="NaN")
            write_outcome(folder, trial.trial_id, outcome)
            oracle.end_trial(trial)
    return None


def row(data: str, curves: dict[str, Any], tuner: str, pruning: str | None) -> dict[str, Any]:
    target = target_of(curves)
    runs = [search(curves, tuner, pruning, seed, target) for seed in range(SEEDS)]
    ended = [run for run in runs if run is not None]
    columns = {
        name: _summary([run[index] for run in ended], len(runs))
        for index, name in enumerate(("trials", "epochs", "processor seconds"))
    }
    return {
        "data": data,
        "target": round(target, 4),
        "tuner": tuner,
        "pruning": pruning or "none",
        **columns,
        "seeds that reach it": f"{len(ended)} of {len(runs)}",
    }


def _summary(values: list[float], count: int) -> str:
    """The median, and the least and the most; runs that never end count as longest."""
    if 2 * len(values) <= count:
        return "never"
    middle = sorted(values)[count // 2] if count // 2 < len(values) else math.inf
    most = f"{max(values):.3g}" if len(values) == count else "never"
    return f"{middle:.3g} ({min(values):.3g} to {most})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the rows and the machine")
    options = parser.parse_args()
    rows = []
    for data in DATA:
        curves = curves_of(data)
        for tuner in TUNERS:
            for pruning in (None, *RULES) if tuner != "hyperband" else (None,):
                rows.append(row(data, curves, tuner, pruning))
                print(*rows[-1].values(), sep="\t", flush=True)
    if options.json is not None:
        write_json(options.json, rows, 1)


if __name__ == "__main__":
    main()
