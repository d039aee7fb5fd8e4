"""No example that a network is scored or stopped on is one that it was trained on."""

import numpy as np
import pytest

from keras_dlnotes import tasks

ON_IMAGES = [
    "digits",
    "mnist",
    "mnist-vgg",
    "mnist-resnet",
    "mnist-densenet",
    "mnist-autoencoder",
    "mnist-overcomplete",
    "mnist-denoising",
    "latent-space",
    "nuclei",
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ON_IMAGES)
def test_no_image_is_in_two_splits(name):
    task = tasks.get(name)
    splits = task.prepare(task.data)
    # a denoising task's inputs differ by their noise alone: its targets are the images
    number = 1 if name == "mnist-denoising" else 0
    training, validation, test = (
        {image.tobytes() for image in np.asarray(arrays[number])}
        for arrays in (splits.training, splits.validation, splits.test)
    )
    assert training and validation and test
    assert not training & test and not training & validation and not validation & test
