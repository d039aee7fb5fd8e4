"""An autoencoder denoises digits."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import keras
import numpy as np
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

from keras_dlnotes import models, reports
from keras_dlnotes.common.metrics import Score
from keras_dlnotes.runs.task import Arrays, Baseline, Outcome, Picture, Splits
from keras_dlnotes.tasks import autoencoding

NOISE = 0.4  # standard deviation; the images go from 0 to 1
# Settings for scikit-image's denoisers, chosen on validation images.
WEIGHTS = (0.1, 0.15, 0.2, 0.3, 0.4)
CUT_OFFS = (0.2, 0.3, 0.4, 0.5, 0.6)
CHOSEN_ON = 100


def prepare(name: str) -> Splits:
    """Loads images, scaled to at most 1; those for validation and test get constant noise.

    The network itself adds new noise to the training images.
    """
    splits = autoencoding.prepare(name)
    validation, test = (
        _with_noise(arrays, seed) for seed, arrays in enumerate((splits.validation, splits.test))
    )
    return replace(splits, validation=validation, test=test)


def _with_noise(arrays: Arrays, seed: int) -> Arrays:
    images, _ = arrays
    noise = np.random.default_rng(seed).normal(0, NOISE, images.shape).astype(images.dtype)
    return images + noise, images


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the signal-to-noise ratio of the denoised test images and its gain, in decibels."""
    noisy, clean = splits.test
    return _scores(model.predict(noisy, verbose=0), noisy, clean)


def _scores(restored, noisy, clean) -> dict[str, float]:
    reached = peak_signal_to_noise(restored, clean)
    return {"test_psnr": reached, "test_gain": reached - peak_signal_to_noise(noisy, clean)}


def peak_signal_to_noise(images: np.ndarray, clean: np.ndarray) -> float:
    """Returns the mean over images of 10·log₁₀(1 / MSE), in decibels, for a peak of 1.

    >>> peak_signal_to_noise(np.full((1, 2, 2), 0.1), np.zeros((1, 2, 2)))
    20.0
    """
    errors = np.mean((images - clean) ** 2, axis=tuple(range(1, images.ndim)), dtype="float64")
    return float(np.mean(-10 * np.log10(errors)))


def baselines(splits: Splits) -> list[Baseline]:
    """Scores scikit-image's two denoisers, each at its best setting, and the noisy images."""
    noisy, clean = splits.test
    methods = {
        "non-local means": (_by_non_local_means, CUT_OFFS),
        "total variation": (_by_total_variation, WEIGHTS),
    }
    found = []
    for name, (denoise, settings) in methods.items():
        best = _best_setting(denoise, settings, splits.validation)
        scores = _scores(denoise(noisy, best), noisy, clean)
        found.append(Baseline(f"scikit-image's {name}, {best:g} chosen on validation", scores))
    found.sort(key=lambda baseline: baseline.scores["test_psnr"], reverse=True)
    return [*found, Baseline("the noisy images", _scores(noisy, noisy, clean))]


def _best_setting(denoise: Callable, settings: tuple[float, ...], validation: Arrays) -> float:
    noisy, clean = (images[:CHOSEN_ON] for images in validation)
    return max(settings, key=lambda value: peak_signal_to_noise(denoise(noisy, value), clean))


def _by_total_variation(images: np.ndarray, weight: float) -> np.ndarray:
    restored = [denoise_tv_chambolle(image, weight=weight, channel_axis=-1) for image in images]
    return np.reshape(restored, images.shape).clip(0, 1)


def _by_non_local_means(images: np.ndarray, cut_off: float) -> np.ndarray:
    options = {"h": cut_off * NOISE, "sigma": NOISE, "patch_size": 5, "patch_distance": 8}
    restored = [denoise_nl_means(image, channel_axis=-1, **options) for image in images]
    return np.reshape(restored, images.shape).clip(0, 1)


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws test images before and after, and where their codes lie."""
    noisy, clean = (images[: autoencoding.SHOWN] for images in outcome.splits.test)
    restored = outcome.model.predict(noisy, verbose=0)
    yield Picture(
        "Before and after",
        reports.plot_image_rows(
            {
                f"noisy, {peak_signal_to_noise(noisy, clean):.1f} dB": noisy.clip(0, 1),
                f"denoised, {peak_signal_to_noise(restored, clean):.1f} dB": restored.clip(0, 1),
                "clean": clean,
            }
        ),
        "The first test images with noise, the network's output for them, and the originals.",
        "Three rows of digits: noisy, denoised, clean.",
        "Strokes that come back where the noise hid them, and those that the network drops or "
        "makes up.",
        "derivations/autoencoders.md#denoising",
    )
    yield autoencoding.latent_map(outcome)


DENOISING = replace(
    autoencoding.AUTOENCODER,
    name="mnist-denoising",
    description="A denoising autoencoder removes noise from MNIST's digits",
    section="Denoising Autoencoder",
    see="derivations/autoencoders.md#denoising",
    prepare=prepare,
    build=partial(autoencoding.build, models.denoising_autoencoder),
    arguments={
        "latent_dim": 128,
        "filters": (32, 64),
        "output_activation": "sigmoid",
        "noise_stddev": NOISE,
    },
    learning_rate=1e-3,
    epochs=25,
    score=score,
    scores={
        "test_psnr": Score("test PSNR", "dB", "max"),
        "test_gain": Score("gain over the noisy images", "dB", "max"),
    },
    primary_metric="test_psnr",
    baseline=baselines,
    pictures=pictures,
)
