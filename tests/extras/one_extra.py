"""Runs one thing of the part that an extra brings: `python tests/extras/one_extra.py extra-NAME`.

The environment holds the wheel with that extra alone, and JAX where the extra brings no backend:
TensorFlow must not have come with it.
"""

import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

OTHERS = {"text": "tokenizers", "interop": "safetensors", "reports": "matplotlib"}
OTHERS |= {"tasks": "tensorflow_datasets", "tuning": "keras_tuner"}


def core():
    """Keras, NumPy and what they need, and nothing else; no backend is one sentence."""
    found = {_name(found.name) for found in importlib.metadata.distributions()}
    needed = _closure("keras") | _closure("numpy") | {"keras_dlnotes"}
    assert found - {"pip", "setuptools", "wheel"} == needed, found ^ needed
    print(f"{len(needed)} packages: {', '.join(sorted(needed))}")
    for backend in ("tensorflow", "jax", "torch"):
        error = _failure("-c", "import keras_dlnotes", backend=backend)
        assert error.endswith(
            f"Keras's backend {backend} is not installed. Install it: pip install "
            f"'keras_dlnotes[{backend}]', or set the environment variable KERAS_BACKEND to "
            + " or ".join(name for name in ("tensorflow", "jax", "torch") if name != backend)
            + "."
        ), error
    for command, extra in (("fit", "tasks"), ("report", "reports"), ("tune", "tasks,tuning")):
        error = _failure("-m", "keras_dlnotes", command, "digits")
        expected = f"typer is not installed. Install it: pip install 'keras_dlnotes[{extra}]'."
        assert error == f"dlnotes: {expected}", error


def tensorflow():
    """A model trains."""
    import keras
    import numpy as np

    from keras_dlnotes import layers, models, training

    model = models.many_to_one((5, 3), 2, units=4)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(np.ones((4, 5, 3)), np.zeros(4), verbose=0)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(2, 3, padding=1), layers.BatchNormalization()]
    )
    training.recompute_statistics(model, np.ones((4, 8, 8, 1)))
    model.save("model.keras")
    assert keras.saving.load_model("model.keras").layers[0].padding == model.layers[0].padding


jax = torch = tensorflow


def text():
    """The learning tokenizer learns."""
    from keras_dlnotes.text import BytePairTokenizer

    tokenizer = BytePairTokenizer(265).fit(["low lower lowest"] * 9)
    assert tokenizer.tokens("the lowest") == ["t", "h", "e", " lowe", "st"]


def interop():
    """Weights go to a file and back."""
    import keras
    import numpy as np

    from keras_dlnotes import interop, layers

    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    interop.to_torch(model, path="weights.safetensors")
    before = model.get_weights()
    model.set_weights([np.zeros_like(weight) for weight in before])
    interop.load_torch(model, "weights.safetensors")
    assert all(map(np.array_equal, before, model.get_weights()))


def reports():
    """A page is written, from Python and by the command."""
    import keras

    from keras_dlnotes import layers, reports

    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, padding=1)])
    reports.summarize(model).to_html("page.html")
    model.save("model.keras")
    _run("report", "model.keras", "--html", "command.html")
    assert Path("page.html").stat().st_size and Path("command.html").stat().st_size


def tasks():
    """An example fit."""
    _run("fit", "digits", "--epochs", "1", "--out", "run")
    assert Path("run/report.html").stat().st_size


def tuning():
    """A search for a model of one's own, and the sentence about a task's."""
    import numpy as np

    from keras_dlnotes.tuning import search

    arrays = np.ones((8, 4)), np.ones((8, 1))
    options = {"max_trials": 1, "epochs": 1, "directory": "search"}
    results = search(_build, "random", training=arrays, validation=arrays, **options)
    assert results.to_frame()["status"].tolist() == ["COMPLETED"]
    results.to_html("search.html")
    error = _failure("-m", "keras_dlnotes", "tune", "digits")
    assert error.startswith("dlnotes: ") and "'keras_dlnotes[tasks]'" in error, error


def _build(hp):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 1, 3))])
    model.compile("sgd", "mse")
    return model


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "keras_dlnotes", *arguments], check=True)


def _failure(*arguments: str, backend: str | None = None) -> str:
    """The last line of what Python says where it fails."""
    environment = os.environ | ({"KERAS_BACKEND": backend} if backend else {})
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode, done.stdout
    return done.stderr.strip().splitlines()[-1]


def _closure(package: str) -> set[str]:
    """A package and all that it requires here, extras left out."""
    found, pending = set(), [package]
    while pending:
        name = _name(pending.pop())
        try:
            requirements = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:  # of another system or Python
            continue
        if name not in found:
            found.add(name)
            pending += [re.match(r"[\w.-]+", r)[0] for r in requirements if "extra ==" not in r]
    return found


def _name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "_", distribution).lower()


def main(extra: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        globals()[extra]()
        if extra != "core":
            for part, package in OTHERS.items():
                _check_missing(part, package)
        os.chdir("/")
    if extra not in ("tensorflow", "tasks"):
        assert find_spec("tensorflow") is None, f"{extra} brings TensorFlow"


def _check_missing(part: str, package: str) -> None:
    """A part says which extra it lacks: `text` and `interop` where they need it, others at once."""
    if part in ("text", "interop"):
        importlib.import_module(f"keras_dlnotes.{part}")
    elif find_spec(package) is None:
        error = _failure("-c", f"import keras_dlnotes.{part}")
        assert package in error and "pip install 'keras_dlnotes[" in error, error


if __name__ == "__main__":
    main(sys.argv[1].removeprefix("extra-"))
