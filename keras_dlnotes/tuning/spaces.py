"""Search spaces: hyperparameters → keyword arguments of a model builder and of the training.

A space builds no network, so it can be tested and combined without one. Its defaults are those of
the builder or the task, so the first trial of a search is the network that `fit` would train.
"""

from collections.abc import Callable, Mapping
from typing import Any

from keras_tuner import HyperParameters

from keras_dlnotes.common.checks import choice

CELLS = ("lstm", "gru", "simple")
Space = Callable[[HyperParameters], Mapping[str, Any]]


def training(hp: HyperParameters, learning_rate: float = 1e-3) -> dict[str, Any]:
    """The learning rate."""
    return {
        "learning_rate": hp.Float(
            "learning_rate", learning_rate / 10, 10 * learning_rate, sampling="log",
            default=learning_rate,
        )
    }  # fmt: skip


def _steps(
    hp: HyperParameters, name: str, low: float, high: float, step: float, default: float = 0.0
) -> float:
    """A choice of evenly spaced values, both ends included.

    KerasTuner's `step` rounds their number down: 0 to 0.5 by 0.1 never reaches 0.5.
    """
    count = round((high - low) / step)
    return hp.Choice(name, [round(low + n * step, 6) for n in range(count + 1)], default=default)


def augmentation(hp: HyperParameters, shift: float = 0.0, rotation: float = 0.0) -> dict[str, Any]:
    """The largest random shift and rotation of each image."""
    return {
        "shift": _steps(hp, "shift", 0.0, 0.2, step=0.05, default=shift),
        "rotation": _steps(hp, "rotation", 0.0, 0.1, step=0.025, default=rotation),
    }


def convnet(
    hp: HyperParameters,
    filters: int = 32,
    blocks: int = 2,
    most_blocks: int = 4,
    dropout: float = 0.0,
) -> dict[str, Any]:
    """Complex layers whose width doubles, the kind of their convolutions, and dense layers.

    The moving statistic depends on batch normalization, and the number of hidden units on a hidden
    layer.
    """
    width = hp.Choice("filters", [8, 16, 32, 64], default=filters)
    count = hp.Int("blocks", 1, most_blocks, default=blocks)
    arguments = {
        "filters": _doubled(width, count),
        "convolution": hp.Choice("convolution", ["full", "separable", "spatially_separable"]),
        "dropout": _steps(hp, "dropout", 0.0, 0.6, step=0.1, default=dropout),
        "moving_statistic": _moving_statistic(hp),
        "hidden": (),
    }
    has_hidden = hp.Boolean("hidden", default=True)
    with hp.conditional_scope("hidden", [True]):
        units = hp.Choice("hidden_units", [32, 64, 128, 256], default=128)
    return arguments | {"hidden": (units,)} if has_hidden else arguments


def _moving_statistic(hp: HyperParameters) -> str | None:
    hp.Boolean("batch_norm", default=False)
    with hp.conditional_scope("batch_norm", [True]):
        return hp.Choice("moving_statistic", ["std", "variance"])


def vgg(hp: HyperParameters) -> dict[str, Any]:
    """Blocks of 3×3 convolutions, as in VGG, at the scale of small images."""
    width = hp.Choice("filters", [8, 16, 32, 64], default=32)
    count = hp.Int("blocks", 1, 4, default=2)
    depth = hp.Int("convolutions", 1, 3, default=2)
    return {
        "filters": _doubled(width, count),
        "blocks": (depth,) * count,
        "hidden": (hp.Choice("hidden_units", [64, 128, 256], default=128),),
        "dropout": _steps(hp, "dropout", 0.0, 0.6, step=0.1),
        "batch_norm": hp.Boolean("batch_norm"),
    }


def vgg16(hp: HyperParameters) -> dict[str, Any]:
    """The width of VGG-16, and whether it is normalized."""
    return {
        "width": hp.Choice("width", [0.125, 0.25, 0.5, 1.0], default=1.0),
        "batch_norm": hp.Boolean("batch_norm"),
    }


def resnet(hp: HyperParameters) -> dict[str, Any]:
    """Width, stages and depth of a residual network, with or without skip connections."""
    width = hp.Choice("filters", [8, 16, 32], default=16)
    stages = hp.Int("stages", 2, 4, default=3)
    return {
        "filters": _doubled(width, stages),
        "blocks": (hp.Int("blocks", 1, 4, default=2),) * stages,
        "residual": hp.Boolean("residual", default=True),
    }


def densenet(hp: HyperParameters) -> dict[str, Any]:
    """Growth rate, depth and compression of a dense network for small images."""
    stages = hp.Int("stages", 2, 4, default=3)
    return {
        "blocks": (hp.Int("layers", 2, 12, default=4),) * stages,
        "growth_rate": hp.Choice("growth_rate", [8, 12, 16, 32], default=12),
        "compression": hp.Choice("compression", [0.5, 0.75, 1.0], default=0.5),
        "bottleneck": hp.Boolean("bottleneck", default=True),
        "dropout": _steps(hp, "dropout", 0.0, 0.4, step=0.1),
        "stem": "small",
    }


def unet(hp: HyperParameters) -> dict[str, Any]:
    """Width, depth and regularization of a U-Net."""
    return {
        "filters": hp.Choice("filters", [8, 16, 32, 64], default=16),
        "depth": hp.Int("depth", 1, 4, default=3),
        "batch_norm": hp.Boolean("batch_norm"),
        "dropout": _steps(hp, "dropout", 0.0, 0.5, step=0.1),
    }


def autoencoder(hp: HyperParameters) -> dict[str, Any]:
    """The size of the latent code and of the hidden layers."""
    count = hp.Int("hidden_layers", 1, 3, default=1)
    width = hp.Choice("hidden_units", [64, 128, 256], default=128)
    return {
        "latent_dim": _latent_dim(hp),
        "hidden": tuple(max(width // 2**layer, 16) for layer in range(count)),
        "activation": hp.Choice("activation", ["relu", "elu", "tanh"]),
    }


def convolutional_autoencoder(hp: HyperParameters) -> dict[str, Any]:
    """The size of the latent code and of the convolutions."""
    width = hp.Choice("filters", [8, 16, 32], default=16)
    count = hp.Int("convolutions", 1, 3, default=2)
    return {"latent_dim": _latent_dim(hp), "filters": _doubled(width, count)}


def denoising_autoencoder(hp: HyperParameters) -> dict[str, Any]:
    """A dense or convolutional autoencoder, and the noise that it learns to remove."""
    kind = hp.Choice("layers", ["dense", "convolutional"])
    arguments = {
        "latent_dim": _latent_dim(hp),
        "noise_stddev": _steps(hp, "noise_stddev", 0.1, 0.6, step=0.1, default=0.3),
    }
    with hp.conditional_scope("layers", ["dense"]):
        units = hp.Choice("hidden_units", [64, 128, 256], default=128)
    with hp.conditional_scope("layers", ["convolutional"]):
        filters = hp.Choice("filters", [8, 16, 32], default=16)
        count = hp.Int("convolutions", 1, 3, default=2)
    if kind == "dense":
        return arguments | {"hidden": (units,)}
    return arguments | {"filters": _doubled(filters, count)}


def _latent_dim(hp: HyperParameters) -> int:
    return hp.Choice("latent_dim", [2, 4, 8, 16, 32, 64], default=16)


def _doubled(width: int, count: int) -> tuple[int, ...]:
    return tuple(width * 2**stage for stage in range(count))


def recurrent(hp: HyperParameters, units: int = 64) -> dict[str, Any]:
    """The cell, its size, the number of layers and their dropout."""
    count = hp.Int("recurrent_layers", 1, 2)
    return {
        "cell": hp.Choice("cell", list(CELLS)),
        "units": (hp.Choice("units", [16, 32, 64, 128, 256], default=units),) * count,
        "dropout": _steps(hp, "dropout", 0.0, 0.5, step=0.1),
    }


def many_to_one(hp: HyperParameters, units: int = 64) -> dict[str, Any]:
    """A recurrent network, bidirectional or not, with full or truncated back-propagation.

    The length of a block is chosen only if back-propagation is truncated.
    """
    arguments = recurrent(hp, units) | {"bidirectional": hp.Boolean("bidirectional")}
    hp.Boolean("truncated")
    with hp.conditional_scope("truncated", [True]):
        return arguments | {"truncate": hp.Choice("truncate", [5, 10, 20])}


def one_to_many(hp: HyperParameters) -> dict[str, Any]:
    """The cell and its size."""
    return {
        "cell": hp.Choice("cell", list(CELLS)),
        "units": hp.Choice("units", [32, 64, 128, 256], default=64),
    }


def language_model(hp: HyperParameters) -> dict[str, Any]:
    """A recurrent network over embedded tokens."""
    return recurrent(hp, units=128) | {"embedding_dim": _embedding_dim(hp)}


def tagger(hp: HyperParameters) -> dict[str, Any]:
    """A recurrent network over embedded tokens, bidirectional or not."""
    arguments = recurrent(hp) | {"embedding_dim": _embedding_dim(hp)}
    return arguments | {"bidirectional": hp.Boolean("bidirectional", default=True)}


def sequence_to_sequence(hp: HyperParameters) -> dict[str, Any]:
    """An encoder and a decoder of one size."""
    return {
        "cell": hp.Choice("cell", list(CELLS)),
        "units": hp.Choice("units", [64, 128, 256], default=128),
        "embedding_dim": _embedding_dim(hp),
        "dropout": _steps(hp, "dropout", 0.0, 0.5, step=0.1),
    }


def _embedding_dim(hp: HyperParameters) -> int:
    return hp.Choice("embedding_dim", [16, 32, 64, 128], default=64)


def digits(hp: HyperParameters) -> dict[str, Any]:
    """The task `digits`: its network of at most three poolings, its augmentation and training."""
    network = convnet(hp, filters=64, blocks=2, most_blocks=3, dropout=0.4)
    return network | augmentation(hp, shift=0.1, rotation=0.05) | training(hp)


def mnist(hp: HyperParameters) -> dict[str, Any]:
    """The task `mnist`."""
    network = convnet(hp, filters=32, blocks=3, dropout=0.4)
    return network | augmentation(hp, shift=0.1, rotation=0.05) | training(hp)


BUILDER_SPACES: dict[str, Space] = {
    "convnet": convnet,
    "vgg": vgg,
    "vgg16": vgg16,
    "resnet": resnet,
    "densenet": densenet,
    "unet": unet,
    "autoencoder": autoencoder,
    "convolutional_autoencoder": convolutional_autoencoder,
    "denoising_autoencoder": denoising_autoencoder,
    "many_to_one": many_to_one,
    "many_to_many": many_to_one,
    "one_to_many": one_to_many,
    "language_model": language_model,
    "tagger": tagger,
    "sequence_to_sequence": sequence_to_sequence,
}
TASK_SPACES: dict[str, Space] = {"digits": digits, "mnist": mnist}
# Enough by default to compare configurations. Just below a power of three, Hyperband's shortest
# trials have three epochs; at the power itself, it adds a bracket of trials of one epoch.
TASK_EPOCHS: dict[str, int] = {"digits": 26, "mnist": 12}


def builder_space(name: str) -> Space:
    """Returns the space of a builder of `models`, for a hypermodel of your own.

    >>> hp = HyperParameters()
    >>> builder_space("unet")(hp)
    {'filters': 16, 'depth': 3, 'batch_norm': False, 'dropout': 0.0}
    """
    return BUILDER_SPACES[choice("name", name, BUILDER_SPACES)]
