"""The parts of tasks that give images back."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_dlnotes import models
from keras_dlnotes.tasks import Splits, autoencoding, denoising, latent_space, overcomplete

SHAPE = 6, 6, 1


def own_targets(images):
    return images, images


def with_labels(count, seed):
    """Images of two classes, a bright upper or lower half, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = generator.uniform(0, 0.3, (count, *SHAPE)).astype("float32")
    images[labels == 0, :3] += 0.6
    images[labels == 1, 3:] += 0.6
    return images, labels


@pytest.fixture
def splits():
    labelled = Splits(with_labels(60, 0), with_labels(10, 1), with_labels(20, 2), ("up", "down"))
    arrays = (labelled.training, labelled.validation, labelled.test)
    return Splits(
        *(own_targets(images) for images, _ in arrays),
        labelled.class_names,
        context={"labelled": labelled},
    )


def identity():
    """An autoencoder that copies: its code is the pixels."""
    model = models.autoencoder(SHAPE, latent_dim=36, hidden=())
    for part in ("encoder", "decoder"):
        for variable in model.get_layer(part).weights:
            variable.assign(np.eye(36) if len(variable.shape) == 2 else np.zeros(36))
    return model


def test_images_become_fractions_and_their_own_targets():
    splits = autoencoding.prepare("digits")
    labelled = splits.context["labelled"]
    for arrays, (images, labels) in (
        (splits.training, labelled.training),
        (splits.validation, labelled.validation),
        (splits.test, labelled.test),
    ):
        assert arrays[0] is arrays[1] and arrays[0].dtype == np.float32
        np.testing.assert_array_equal(arrays[0], images)
        assert labels.dtype == np.int32 and len(labels) == len(images)
        assert images.min() == 0 and images.max() == 1


def test_a_copy_has_no_error_and_a_blank_one_the_mean_square(splits):
    model = identity()
    assert autoencoding.reconstruction_error(model, splits)["test_mse"] < 1e-12
    images, _ = splits.test
    blank = Splits(splits.training, splits.validation, (images, 0 * images))
    error = autoencoding.reconstruction_error(model, blank)["test_mse"]
    assert error == pytest.approx(np.mean(images**2))


def test_pca_learns_from_the_training_images_and_is_scored_on_the_test_images():
    generator = np.random.default_rng(0)
    directions = generator.uniform(0, 0.3, size=(3, 36))

    def images(count):
        return (generator.uniform(size=(count, 3)) @ directions).reshape(count, *SHAPE)

    inside, other = images(50), generator.uniform(size=(20, *SHAPE))
    baseline = autoencoding.principal_components(
        Splits(own_targets(inside), (), own_targets(images(20))), components=3
    )
    assert baseline.name == "PCA of 3 components" and baseline.scores["test_mse"] < 1e-12
    missed = autoencoding.principal_components(
        Splits(own_targets(inside), (), own_targets(other)), components=3
    )
    assert missed.scores["test_mse"] > 0.05


def test_the_probe_of_a_copy_scores_as_that_of_the_pixels(splits):
    scores = overcomplete.score(identity(), splits)
    pixels = overcomplete.pixels(splits)
    assert scores["probe_accuracy"] == pixels.scores["probe_accuracy"] == 1
    labelled = splits.context["labelled"]
    images, labels = labelled.test
    wrong = Splits((), (), (images, 1 - labels))
    context = {"labelled": Splits(labelled.training, (), wrong.test)}
    swapped = Splits(splits.training, (), splits.test, context=context)
    assert overcomplete.pixels(swapped).scores["probe_accuracy"] == 0


def test_noise_is_always_the_same_and_lies_on_what_is_held_out():
    first, again = (denoising.prepare("digits") for _ in range(2))
    assert first.training[0] is first.training[1]
    for split in ("validation", "test"):
        noisy, clean = getattr(first, split)
        np.testing.assert_array_equal(noisy, getattr(again, split)[0])
        assert np.std(noisy - clean) == pytest.approx(denoising.NOISE, rel=0.02)
        assert abs(np.mean(noisy - clean)) < 0.02


def test_scores_of_denoising_are_decibels_and_their_gain():
    clean = np.zeros((2, 4, 4, 1), "float32")
    noisy = clean + np.array([0.1, 0.01], "float32").reshape(2, 1, 1, 1)
    splits = Splits((), (), (noisy, clean))
    tenth = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Rescaling(0.1)])
    scores = denoising.score(tenth, splits)
    assert scores == pytest.approx({"test_psnr": 50, "test_gain": 20}, abs=1e-4)


def test_each_denoiser_stands_with_the_setting_that_validation_images_prefer():
    images, _ = with_labels(12, 0)
    noisy = images + np.random.default_rng(0).normal(0, denoising.NOISE, images.shape)
    splits = Splits((), (noisy[:4], images[:4]), (noisy[4:], images[4:]))
    *denoisers, untouched = denoising.baselines(splits)
    assert untouched.name == "the noisy images" and untouched.scores["test_gain"] == 0
    ratios = [baseline.scores["test_psnr"] for baseline in denoisers]
    assert ratios == sorted(ratios, reverse=True) and denoisers[0].scores["test_gain"] > 3
    assert {baseline.name.split(",")[0] for baseline in denoisers} == {
        "scikit-image's non-local means",
        "scikit-image's total variation",
    }


def test_random_codes_fill_the_box_of_the_given_ones():
    codes = np.random.default_rng(0).normal(size=(100, 3)).astype("float32")
    points = latent_space.random_codes(codes, 2000)
    assert points.shape == (2000, 3) and points.dtype == codes.dtype
    assert (points >= codes.min(axis=0)).all() and (points <= codes.max(axis=0)).all()
    np.testing.assert_allclose(points.mean(axis=0), (codes.min(0) + codes.max(0)) / 2, atol=0.2)


def test_the_judge_tells_codes_of_real_images_from_other_points(splits, monkeypatch):
    class Stub:
        """Sure where one half of the image is clearly brighter than the other."""

        def predict(self, images, verbose):
            halves = np.stack([images[:, :3].mean(axis=(1, 2, 3)), images[:, 3:].mean((1, 2, 3))])
            contrast = np.abs(halves[0] - halves[1])
            return np.stack([0.5 + contrast, 0.5 - contrast], axis=-1)

    judged = replace(splits, context={"judge": latent_space.Judge(splits)})
    monkeypatch.setattr(latent_space.Judge, "model", Stub())
    scores = latent_space.score(identity(), judged)
    assert scores["valid_codes"] == 1 and scores["test_mse"] < 1e-12
    assert scores["valid_random_points"] < 0.1
    principal_components, untouched = latent_space.baselines(judged)
    assert principal_components.scores["valid_codes"] == 1
    assert principal_components.scores["valid_random_points"] < 0.5
    assert untouched.scores == {"valid_codes": 1, "test_mse": 0}
