"""An overcomplete autoencoder copies its input unless it has to denoise it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keras_dlnotes import models
from keras_dlnotes.common.metrics import Score
from keras_dlnotes.runs.task import Baseline, Outcome, Picture, Splits
from keras_dlnotes.tasks import autoencoding
from keras_dlnotes.tasks.autoencoding import rows


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the accuracy of a linear probe on the code, and the mean squared error.

    The probe is trained on the codes of the training images.
    """
    encoder = model.get_layer("encoder")
    training, test = (
        encoder.predict(images, verbose=0) for images, _ in (splits.training, splits.test)
    )
    return {
        "probe_accuracy": _probe(training, test, splits),
        **autoencoding.reconstruction_error(model, splits),
    }


def _probe(training: np.ndarray, test: np.ndarray, splits: Splits) -> float:
    (_, labels), (_, test_labels) = (
        splits.context["labelled"].training,
        splits.context["labelled"].test,
    )
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return float(probe.fit(training, labels).score(test, test_labels))


def pixels(splits: Splits) -> Baseline:
    """Scores the same probe on the pixels themselves, the code of a perfect copy."""
    training, test = (rows(images) for images, _ in (splits.training, splits.test))
    accuracy = _probe(training, test, splits)
    return Baseline("the pixels themselves", {"probe_accuracy": accuracy, "test_mse": 0.0})


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws reconstructions, the latent space, and digits decoded between codes."""
    yield autoencoding.reconstructions(outcome)
    yield autoencoding.latent_map(outcome)
    yield autoencoding.decoded_grid(outcome)


SHARED = {"latent_dim": 1024, "hidden": (1024,)}

OVERCOMPLETE = replace(
    autoencoding.AUTOENCODER,
    name="mnist-overcomplete",
    description="An overcomplete autoencoder copies digits; it learns features only with noise",
    section="Overcomplete Autoencoders",
    see="derivations/autoencoders.md#overcomplete",
    build=partial(autoencoding.build, models.denoising_autoencoder),
    arguments=SHARED | {"noise_stddev": 0.5},
    variants={"without noise": SHARED | {"noise_stddev": 0.0}},
    learning_rate=1e-3,
    halving_epochs=5,
    epochs=20,
    score=score,
    scores={"probe_accuracy": Score("accuracy of a classifier of the codes", direction="max")},
    primary_metric="probe_accuracy",
    baseline=pixels,
    pictures=pictures,
)
