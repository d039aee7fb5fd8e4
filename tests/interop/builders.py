"""Every builder of `models` at a tiny size, with inputs for it."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from keras_dlnotes import models

CELLS = ("simple", "lstm", "gru")


class Case(NamedTuple):
    """A model and its inputs."""

    build: Callable
    inputs: Callable  # (rng, rows, length) → a list of arrays
    lengths: tuple[int, ...] = (0,)  # two where the graph leaves them open


def _images(height, width, channels):
    """None takes the length; the width is then another one."""

    def inputs(rng, rows, length):
        shape = (rows, height or length, width or length + 1, channels)
        return [rng.normal(size=shape).astype("float32")]

    return inputs


def _vectors(size):
    return lambda rng, rows, length: [rng.normal(size=(rows, size)).astype("float32")]


def _sequences(features):
    """Some of them padded at the end."""

    def inputs(rng, rows, length):
        values = rng.normal(size=(rows, length, features)).astype("float32")
        values[-1, length // 2 :] = 0
        return [values]

    return inputs


def _ids(*vocabularies):
    """Each input of another length, padded with 0."""

    def inputs(rng, rows, length):
        arrays = []
        for more, vocabulary in enumerate(vocabularies):
            ids = rng.integers(1, vocabulary, size=(rows, length + more)).astype("int32")
            ids[-1, length // 2 :] = 0
            arrays.append(ids)
        return arrays

    return inputs


def _convnet(**arguments):
    return models.convnet((8, 9, 1), 3, filters=(2, 3), hidden=(4,), **arguments)


CASES = {
    "convnet": Case(_convnet, _images(8, 9, 1)),
    "convnet normalized": Case(lambda: _convnet(moving_statistic="std"), _images(8, 9, 1)),
    "convnet separable": Case(lambda: _convnet(convolution="separable"), _images(8, 9, 1)),
    "convnet spatially separable": Case(
        lambda: _convnet(convolution="spatially_separable"), _images(8, 9, 1)
    ),
    "vgg16": Case(
        lambda: models.vgg16((32, 32, 3), 3, width=1 / 32, batch_norm=True), _images(32, 32, 3)
    ),
    "resnet": Case(
        lambda: models.resnet((None, None, 3), 3, filters=(2, 4), blocks=(1, 1)),
        _images(None, None, 3),
        lengths=(8, 13),
    ),
    "densenet": Case(
        lambda: models.densenet((32, 32, 3), 3, blocks=(1, 1), growth_rate=2), _images(32, 32, 3)
    ),
    "unet": Case(
        lambda: models.unet((None, None, 1), filters=2, depth=2),
        _images(None, None, 1),
        lengths=(8, 13),
    ),
    "unet unpadded": Case(
        lambda: models.unet((44, 44, 1), filters=2, depth=2, padding=0), _images(44, 44, 1)
    ),
    "autoencoder": Case(lambda: models.autoencoder((6,), 2, hidden=(3,)), _vectors(6)),
    "convolutional autoencoder": Case(
        lambda: models.convolutional_autoencoder((7, 8, 1), 2, filters=(2, 3)), _images(7, 8, 1)
    ),
    "denoising autoencoder": Case(
        lambda: models.denoising_autoencoder((7, 8, 1), 2, filters=(2, 3)), _images(7, 8, 1)
    ),
}
for _cell in CELLS:
    for _way in ("", " both ways"):
        _settings = {"units": 4, "cell": _cell, "bidirectional": bool(_way)}
        CASES[f"many to one, {_cell}{_way}"] = Case(
            lambda settings=_settings: models.many_to_one((None, 2), 3, **settings),
            _sequences(2),
            lengths=(5, 9),
        )
        CASES[f"many to many, {_cell}{_way}"] = Case(
            lambda settings=_settings: models.many_to_many((None, 2), 3, **settings),
            _sequences(2),
            lengths=(5, 9),
        )
    _settings = {"units": 4, "cell": _cell}
    CASES |= {
        f"one to many, {_cell}": Case(
            lambda settings=_settings: models.one_to_many((6,), 4, 3, **settings), _vectors(6)
        ),
        f"language model, {_cell}": Case(
            lambda settings=_settings: models.language_model(7, embedding_dim=3, **settings),
            _ids(7),
            lengths=(5, 9),
        ),
        f"tagger, {_cell}": Case(
            lambda settings=_settings: models.tagger(7, 3, embedding_dim=3, **settings),
            _ids(7),
            lengths=(5, 9),
        ),
        f"sequence to sequence, {_cell}": Case(
            lambda settings=_settings: models.sequence_to_sequence(
                7, 8, embedding_dim=3, **settings
            ),
            _ids(7, 8),
            lengths=(5, 9),
        ),
    }


def set_random_weights(model) -> None:
    """So that no bias, scale or moving statistic is what it was at the beginning."""
    rng = np.random.default_rng(1)
    for variable in model.weights:
        if np.issubdtype(variable.numpy().dtype, np.floating):
            variable.assign(variable + rng.uniform(0.05, 0.3, size=variable.shape))


def worked(case: Case):
    """A model, and what it makes of batches of one row and of three."""
    model, rng = case.build(), np.random.default_rng(0)
    set_random_weights(model)
    batches = [case.inputs(rng, rows, case.lengths[rows // 3 - 1]) for rows in (1, 3)]
    outputs = [
        keras.ops.convert_to_numpy(model(arrays[0] if len(arrays) == 1 else arrays, training=False))
        for arrays in batches
    ]
    return model, list(zip(batches, outputs, strict=True))


def assert_equal(found, expected):
    """To 1e-5 of the outputs' scale."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
