"""An autoencoder compresses digits to a few numbers and reconstructs them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
from sklearn.decomposition import PCA

from keras_dlnotes import models, reports
from keras_dlnotes.runs.task import Baseline, Outcome, Picture, Splits, Task
from keras_dlnotes.tasks import image_classification
from keras_dlnotes.tasks.images import LAYOUT, scaled

LATENT_DIM = 32
SHOWN = 10


def prepare(name: str) -> Splits:
    """Loads images, scaled to at most 1, as inputs and targets.

    `context["labelled"]` has the same splits with class labels as targets, which no autoencoder is
    trained on.
    """
    labelled = scaled(image_classification.prepare(name))
    training, validation, test = (
        (images, images) for images, _ in (labelled.training, labelled.validation, labelled.test)
    )
    return Splits(training, validation, test, labelled.class_names, {"labelled": labelled})


def build(network: Callable[..., keras.Model], splits: Splits, **arguments: Any) -> keras.Model:
    """Builds an autoencoder of `models` for these images."""
    return network(splits.training[0].shape[1:], **LAYOUT, **arguments)


def reconstruction_error(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the mean squared error over all pixels of the test images."""
    inputs, targets = splits.test
    restored = model.predict(inputs, verbose=0)
    return {"test_mse": float(np.mean((restored - targets) ** 2))}


def principal_components(splits: Splits, components: int = LATENT_DIM) -> Baseline:
    """Scores PCA, the best linear code of the same size, clipped to the range of the images."""
    training, test = (rows(images) for images, _ in (splits.training, splits.test))
    pca = PCA(components, random_state=0).fit(training)
    restored = pca.inverse_transform(pca.transform(test)).clip(0, 1)
    return Baseline(
        f"PCA of {pca.n_components_} components",
        {"test_mse": float(np.mean((restored - test) ** 2))},
    )


def rows(images: np.ndarray) -> np.ndarray:
    """Returns each image as a flat row."""
    return images.reshape(len(images), -1)


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws reconstructions, the latent space, and digits decoded between codes."""
    yield reconstructions(outcome)
    yield latent_map(outcome)
    yield decoded_grid(outcome)


def reconstructions(outcome: Outcome) -> Picture:
    """Draws test images above their reconstructions by each network."""
    images, _ = (array[:SHOWN] for array in outcome.splits.test)
    networks = {"this network": outcome, **outcome.variants}
    restored = {
        f"reconstructed, {name}": one.model.predict(images, verbose=0).clip(0, 1)
        for name, one in networks.items()
    }
    return Picture(
        "Reconstructions",
        reports.plot_image_rows({"test images": images, **restored}),
        "The first test images, and their reconstructions.",
        "Rows of digits: originals, and reconstructions below them.",
        "What a reconstruction leaves out. A code of few numbers keeps the shape of a digit and "
        "loses fine strokes. One larger than the image can copy all of it, which teaches nothing.",
        "derivations/autoencoders.md#undercomplete",
    )


def latent_map(outcome: Outcome) -> Picture:
    """Draws the codes of the test images in the latent space."""
    images, labels = outcome.splits.context["labelled"].test
    codes = outcome.model.get_layer("encoder").predict(images, verbose=0)
    return Picture(
        "Latent map",
        reports.plot_latent_map(codes, labels, outcome.splits.class_names),
        "The codes of the test images on their first two principal components, coloured by "
        "class. The network was trained without classes.",
        "Scatter plot of codes, a colour and mark for each class.",
        "Classes that form clouds: images of one class have similar codes, though no label said "
        "so. Clouds that overlap here may be apart in the components that are not drawn.",
        "derivations/autoencoders.md#latent-space",
    )


def decoded_grid(outcome: Outcome, size: int = 9) -> Picture:
    """Draws the decoder's output for a grid between the codes of three digits."""
    images, labels = outcome.splits.context["labelled"].test
    _, first_of_class = np.unique(labels, return_index=True)
    corners = images[first_of_class[:3]]
    first, second, third = outcome.model.get_layer("encoder").predict(corners, verbose=0)
    grid = reports.latent_grid(first, second, third, size)
    decoded = outcome.model.get_layer("decoder").predict(grid, verbose=0).clip(0, 1)
    return Picture(
        "Decoded grid",
        reports.plot_latent_grid(decoded),
        "Codes on a plane through those of three test images, which are at the upper left, the "
        "upper right and the lower left; decoded.",
        "A grid of digits that morph into one another.",
        "Shapes between two codes that are no digits: no image has its code there, and nothing in "
        "the loss asks for a valid image in between.",
        "derivations/autoencoders.md#latent-space",
    )


AUTOENCODER = Task(
    name="mnist-autoencoder",
    description=f"An undercomplete autoencoder compresses MNIST's digits to {LATENT_DIM} numbers",
    section="Undercomplete Autoencoders",
    see="derivations/autoencoders.md#undercomplete",
    data="mnist_subset",
    prepare=prepare,
    build=partial(build, models.convolutional_autoencoder),
    arguments={
        "latent_dim": LATENT_DIM,
        "filters": (16, 32),
        "output_activation": "sigmoid",
    },
    loss="mse",
    learning_rate=2e-3,
    halving_epochs=10,
    epochs=30,
    batch_size=32,
    patience=8,
    score=reconstruction_error,
    primary_metric="test_mse",
    baseline=principal_components,
    pictures=pictures,
)
