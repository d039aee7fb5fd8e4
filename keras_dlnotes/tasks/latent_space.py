"""Codes of real images decode to valid digits; random points of the latent space seldom do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import keras
import numpy as np
from sklearn.decomposition import PCA

from keras_dlnotes import reports
from keras_dlnotes.common.metrics import Score
from keras_dlnotes.runs import ShuffledBatches
from keras_dlnotes.runs.task import Baseline, Outcome, Picture, Splits
from keras_dlnotes.tasks import autoencoding
from keras_dlnotes.tasks.autoencoding import rows
from keras_dlnotes.tasks.digits import MNIST

CONFIDENT = 0.99
JUDGE_EPOCHS = 8


@dataclass(frozen=True)
class Judge:
    """A classifier, trained on labelled splits, that judges whether decoded images are valid."""

    labelled: Splits

    @cached_property
    def model(self) -> keras.Model:
        """The network of the task `mnist`, trained on the labelled training images.

        It is trained on first use, with its own seed.
        """
        keras.utils.set_random_seed(0)
        model = MNIST.build(self.labelled, **MNIST.arguments)
        model.compile("adam", MNIST.loss)
        batches = ShuffledBatches(self.labelled.training, MNIST.batch_size, seed=0)
        model.fit(batches, epochs=JUDGE_EPOCHS, verbose=0)
        return model

    def valid(self, images: np.ndarray) -> np.ndarray:
        """Returns for each image whether the judge is `CONFIDENT` of some class."""
        return self.model.predict(images, verbose=0).max(axis=-1) >= CONFIDENT


def prepare(name: str) -> Splits:
    """Loads images, scaled to at most 1, as inputs and targets; `context["judge"]` is a `Judge`."""
    splits = autoencoding.prepare(name)
    context = {**splits.context, "judge": Judge(splits.context["labelled"])}
    return replace(splits, context=context)


def random_codes(codes: np.ndarray, count: int) -> np.ndarray:
    """Returns uniformly distributed points in the bounding box of these codes."""
    generator = np.random.default_rng(0)
    points = generator.uniform(codes.min(axis=0), codes.max(axis=0), (count, codes.shape[1]))
    return points.astype(codes.dtype)


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the shares of test images' codes and of random points that decode to digits."""
    return _scores(*_coder(model), splits)


def _coder(model: keras.Model) -> tuple[Callable, Callable]:
    encoder, decoder = (model.get_layer(name) for name in ("encoder", "decoder"))
    return (lambda images: encoder.predict(images, verbose=0)), (
        lambda codes: decoder.predict(codes, verbose=0)
    )


def _scores(encode: Callable, decode: Callable, splits: Splits) -> dict[str, float]:
    (training, _), (test, _) = splits.training, splits.test
    points, valid = random_codes(encode(training), len(test)), splits.context["judge"].valid
    restored = decode(encode(test))
    return {
        "valid_codes": float(valid(restored).mean()),
        "valid_random_points": float(valid(decode(points)).mean()),
        "test_mse": float(np.mean((restored - test) ** 2)),
    }


def baselines(splits: Splits) -> tuple[Baseline, Baseline]:
    """Scores PCA, the best linear code of the same size, and the test images as they are."""
    images, _ = splits.training
    pca = PCA(min(LATENT_SPACE.arguments["latent_dim"], len(images)), random_state=0)
    pca.fit(rows(images))
    scores = _scores(
        lambda images: pca.transform(rows(images)),
        lambda codes: pca.inverse_transform(codes).reshape(-1, *images.shape[1:]).clip(0, 1),
        splits,
    )
    test, _ = splits.test
    valid = splits.context["judge"].valid(test)
    untouched = {"valid_codes": float(valid.mean()), "test_mse": 0.0}
    return (
        Baseline(f"PCA of {pca.n_components_} components", scores),
        Baseline("the test images themselves", untouched),
    )


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws digits decoded from real codes, from between them, and from random points."""
    encode, decode = _coder(outcome.model)
    splits = outcome.splits
    (training, _), (test, _) = splits.training, splits.test
    count = autoencoding.SHOWN
    real = decode(encode(test[:count]))
    random = decode(random_codes(encode(training), 2 * count))
    yield Picture(
        "Decoded points",
        reports.plot_image_rows(
            {
                "decoded codes of test images": real,
                "decoded random points": random[:count],
                "more of them": random[count:],
            }
        ),
        "The decoder's output for the codes of the first test images, and for random points in the "
        "bounding box of the codes of all training images.",
        "A row of digits, and two rows of shapes that are mostly not digits.",
        "The first row against the others: the code of an image decodes to a digit, a random "
        "point of the same box mostly doesn't.",
        "derivations/autoencoders.md#latent-space",
    )
    yield autoencoding.decoded_grid(outcome)
    yield autoencoding.latent_map(outcome)


LATENT_SPACE = replace(
    autoencoding.AUTOENCODER,
    name="latent-space",
    description="An autoencoder's codes decode to valid digits, random points of the space don't",
    section="Representation by Autoencoders",
    see="derivations/autoencoders.md#latent-space",
    prepare=prepare,
    score=score,
    scores={
        "valid_codes": Score("codes that decode to a digit", direction="max"),
        "valid_random_points": Score("random points that decode to a digit"),
    },
    primary_metric="valid_codes",
    baseline=baselines,
    pictures=pictures,
)
