"""A picture for each plot function, drawn when the site is built, for light pages and for dark."""

import io
import re
from functools import cache

import keras
import numpy as np

from keras_dlnotes import data, models, ops, reports
from keras_dlnotes.reports.plots.theme import DARK

FOLDER = "images/plots"
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
EPOCHS = np.arange(1, 21)
SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], "float32")
BLUR = np.full((3, 3), 1 / 9, "float32")
LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], "float32")
WRITTEN = "a recurrent network reads a text, character after character, and guesses the next one"


def on_files(files, config):
    """Adds two files for each plot function, which `docstrings.py` shows."""
    from mkdocs.structure.files import File  # tests read this module without MkDocs

    for name, draw in PLOTS.items():
        picture = drawn(draw())
        for scheme, content in (("light", picture), ("dark", darkened(picture))):
            path = f"{FOLDER}/{name}-{scheme}.svg"
            files.append(File.generated(config, path, content=content))
    return files


def drawn(figure):
    """The figure as SVG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().decode()


def darkened(picture):
    """The picture in the colours of a dark page."""
    return re.sub("|".join(DARK), lambda found: DARK[found[0]], picture)


@cache
def digits():
    """Real test images, their classes, and the probabilities that a rule gives each class.

    The rule compares an image with the mean of each class's training images.
    """
    loaded = data.load("digits")
    images, labels = (loaded["test"][key] for key in ("image", "label"))
    training, classes = (loaded["train"][key] for key in ("image", "label"))
    means = np.stack([training[classes == number].mean(axis=0) for number in range(10)])
    squares = ((images[:, np.newaxis] - means) ** 2).sum(axis=(2, 3, 4))
    powers = np.exp((squares.min(axis=1, keepdims=True) - squares) / 200)
    return images / 16, labels, powers / powers.sum(axis=1, keepdims=True)


def captions():
    images, _, probabilities = digits()
    return reports.plot_captions(
        images[:16], [NAMES[one] for one in probabilities.argmax(axis=1)[:16]]
    )


def confusion_matrix():
    _, labels, probabilities = digits()
    return reports.plot_confusion_matrix(labels, probabilities.argmax(axis=1), NAMES)


def mistakes():
    images, labels, probabilities = digits()
    found = probabilities.argmax(axis=1)
    return reports.plot_mistakes(images, labels, found, probabilities, NAMES, limit=8)


@cache
def costs():
    """The layers of a small network, which is not trained."""
    network = models.convnet((28, 28, 1), classes=10, filters=(16, 32), hidden=(64,))
    return reports.summarize(network).rows


def layer_costs():
    rows = costs()
    columns = ([getattr(row, key) for row in rows] for key in ("multiplications", "parameters"))
    return reports.plot_costs([row.name for row in rows], *columns)


def receptive_fields():
    fields = {row.name: row.receptive_field for row in costs() if row.receptive_field}
    return reports.plot_receptive_fields((28, 28), fields)


def kernels():
    return reports.plot_kernels(
        np.stack([SOBEL, SOBEL.T, LAPLACE, BLUR], axis=-1)[:, :, np.newaxis]
    )


def feature_maps():
    images, _, _ = digits()
    image = images[:1].astype("float32")
    kernel = np.stack([SOBEL, SOBEL.T, LAPLACE, BLUR], axis=-1)[:, :, np.newaxis]
    maps = ops.conv(image, kernel, padding=1)
    stages = {"convolution": maps, "max pooling": ops.max_pool(maps, pool_size=2)}
    shown = {name: keras.ops.convert_to_numpy(stage)[0] for name, stage in stages.items()}
    return reports.plot_feature_maps(images[0, :, :, 0], shown)


def error_by_length():
    generator = np.random.default_rng(0)
    lengths = generator.poisson(6, 400) + 2
    return reports.plot_error_by_length(
        lengths, generator.beta(lengths, 60), "share of wrong letters", "letters of the word"
    )


def forecasts():
    loaded = data.load("sunspots")
    series = np.concatenate(
        [loaded[split]["sunspots"] for split in ("train", "validation", "test")]
    )
    years, truth = (loaded["test"][key] for key in ("year", "sunspots"))
    shown = {
        f"the same as {back} year{'s' * (back > 1)} before": series[-len(truth) - back : -back]
        for back in (1, 11)
    }
    return reports.plot_forecasts(years, truth, shown, "sunspots")


def gradient_flow():
    steps = np.arange(40)
    factors = {f"a factor of {factor} a step": factor ** (39.0 - steps) for factor in (0.7, 1, 1.1)}
    return reports.plot_gradient_flow(factors)


def image_rows():
    images, _, _ = digits()
    noise = np.random.default_rng(0).normal(0, 0.3, images[:10].shape)
    return reports.plot_image_rows(
        {"images": images[:10], "with noise": (images[:10] + noise).clip(0, 1)}
    )


def latent_grid():
    images, labels, _ = digits()
    corners = [images[labels == number][0].ravel() for number in (0, 6, 9)]
    return reports.plot_latent_grid(reports.latent_grid(*corners, 7).reshape(-1, 8, 8).clip(0, 1))


def latent_map():
    images, labels, _ = digits()
    return reports.plot_latent_map(images.reshape(len(images), -1), labels, NAMES)


def learning_curves():
    return reports.plot_learning_curves(
        {
            "loss": np.exp(-EPOCHS / 6) + 0.05,
            "val_loss": np.exp(-EPOCHS / 5) + 0.12 + 0.0008 * EPOCHS**2,
            "accuracy": 1 - 0.6 * np.exp(-EPOCHS / 5),
            "val_accuracy": 0.93 - 0.55 * np.exp(-EPOCHS / 4) - 0.0002 * EPOCHS**2,
        }
    )


def runs():
    return reports.plot_runs(
        {
            f"learning rate {rate}": {"val_loss": np.exp(-EPOCHS * speed) + floor}
            for rate, speed, floor in (("1e-4", 0.05, 0.1), ("1e-3", 0.2, 0.12), ("1e-2", 0.5, 0.3))
        }
    )


def marked_lines():
    true = ["the future may also matter", "not only the past"]
    seen = ["tke futune may alsc matter", "not onlv the pasf"]
    found = ["the future may alse matter", "not only the past"]
    return reports.plot_marked_lines(true, seen, found)


def overlays():
    loaded = data.load("nuclei")["test"]
    tiles, masks = (loaded[key][:8] for key in ("image", "mask"))
    return reports.plot_overlays(tiles, masks[..., 0] > 0, tiles[..., 0] > 60)


@cache
def trials():
    """Hyperparameters of a made-up search, and their losses: the rate matters most."""
    generator = np.random.default_rng(0)
    rates, units = 10 ** generator.uniform(-4, -1, 24), generator.integers(1, 9, 24) * 16
    cells = generator.choice(["gru", "lstm"], 24)
    losses = 0.2 + 0.1 * (np.log10(rates) + 2.5) ** 2 + 0.05 * (cells == "lstm") + 0.5 / units
    return {
        "rate": rates,
        "units": units,
        "cell": cells,
        "dropout": generator.uniform(0, 0.5, 24),
    }, losses


def parallel_coordinates():
    hyperparameters, losses = trials()
    return reports.plot_parallel_coordinates(hyperparameters, losses, name="val_loss")


def importance():
    return reports.plot_importance(reports.hyperparameter_importance(*trials()))


def search_progress():
    return reports.plot_search_progress(trials()[1], name="val_loss")


def shaded_text():
    counts = {letter: WRITTEN.count(letter) for letter in WRITTEN}
    bits = np.log2(len(WRITTEN)) - np.log2([counts[letter] for letter in WRITTEN])
    return reports.plot_shaded_text(WRITTEN, {"by its letters' frequencies": bits}, "bits")


PLOTS = {
    "plot_captions": captions,
    "plot_confusion_matrix": confusion_matrix,
    "plot_costs": layer_costs,
    "plot_error_by_length": error_by_length,
    "plot_feature_maps": feature_maps,
    "plot_forecasts": forecasts,
    "plot_gradient_flow": gradient_flow,
    "plot_image_rows": image_rows,
    "plot_importance": importance,
    "plot_kernels": kernels,
    "plot_latent_grid": latent_grid,
    "plot_latent_map": latent_map,
    "plot_learning_curves": learning_curves,
    "plot_marked_lines": marked_lines,
    "plot_mistakes": mistakes,
    "plot_overlays": overlays,
    "plot_parallel_coordinates": parallel_coordinates,
    "plot_receptive_fields": receptive_fields,
    "plot_runs": runs,
    "plot_search_progress": search_progress,
    "plot_shaded_text": shaded_text,
}
