"""Arrays of bytes, booleans and half precision are shown as the same numbers in float64 are."""

import keras
import numpy as np
import pytest

from keras_dlnotes import reports

TYPES = ["bool", "uint8", "int8", "int32", "uint64", "float16", "bfloat16", "float32"]
VALUES = np.random.default_rng(0).integers(0, 120, size=(2, 5, 4))


def typed(values, dtype):
    """The values in a type, as a tensor where NumPy lacks it, and what float64 makes of that."""
    if dtype == "bfloat16":
        array = keras.ops.cast(np.asarray(values, "float32"), dtype)
        return array, np.asarray(keras.ops.convert_to_numpy(array)).astype("float64")
    array = (values > np.mean(values)) if dtype == "bool" else np.asarray(values).astype(dtype)
    return array, np.asarray(array).astype("float64")


def drawn(figure):
    """All numbers of a figure: of its images, lines, bars and points."""
    numbers = []
    for axes in figure.axes:
        numbers += [np.ma.filled(image.get_array().astype("float64"), -1) for image in axes.images]
        numbers += [np.asarray(line.get_xydata(), "float64") for line in axes.lines]
        numbers += [np.array([bar.get_width(), bar.get_height()]) for bar in axes.patches]
        numbers += [np.asarray(part.get_offsets(), "float64") for part in axes.collections]
    return np.concatenate([part.ravel() for part in numbers])


ROWS = VALUES[:, 0, 0]
PLOTS = {
    "error by length": (lambda x: reports.plot_error_by_length([3, 3], x), ROWS),
    "lengths": (lambda x: reports.plot_error_by_length(x, [0.25, 0.5]), ROWS),
    "feature maps": (lambda x: reports.plot_feature_maps(np.eye(4), {"a": x}), VALUES),
    "forecasts": (lambda x: reports.plot_forecasts([1, 2], x, {"a": x}), ROWS),
    "gradient flow": (lambda x: reports.plot_gradient_flow({"a": x}), ROWS),
    "kernels": (lambda x: reports.plot_kernels(x), VALUES[None] - 60),
    "kernels of colour": (lambda x: reports.plot_kernels(x), VALUES[:, :3, :3, None]),
    "latent map": (lambda x: reports.plot_latent_map(x), VALUES[0]),
    "learning curves": (lambda x: reports.plot_learning_curves({"loss": x}), ROWS),
    "runs": (lambda x: reports.plot_runs({"a": {"loss": x}}, "loss"), ROWS),
    "costs": (lambda x: reports.plot_costs(["a", "b"], x, x), ROWS),
    "search": (lambda x: reports.plot_search_progress(x), ROWS),
    "shaded text": (lambda x: reports.plot_shaded_text("ab", {"a": x}), ROWS),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", PLOTS)
def test_numbers_are_drawn_alike_in_any_type(name, dtype):
    plot, values = PLOTS[name]
    if "int" in dtype and dtype.startswith("u"):
        values = np.abs(values)
    given, exact = typed(values, dtype)
    np.testing.assert_array_equal(drawn(plot(given)), drawn(plot(exact)))


def in_range(values, dtype):
    """What stands for black and white: of bytes 0 and 255, of fractions 0 and 1, else the ends."""
    if dtype == "uint8":
        return values / 255
    if values.min() >= 0 and values.max() <= 1:
        return values
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("dtype", TYPES)
def test_images_keep_their_contrast(dtype):
    given, exact = typed(VALUES, dtype)
    expected = in_range(exact, dtype)
    figures = {
        "captions": reports.plot_captions(given, ["a", "b"]),
        "grid": reports.plot_latent_grid(given, columns=2),
        "rows": reports.plot_image_rows({"a": given}),
    }
    for name, figure in figures.items():
        shown = [image.get_array() for image in figure.axes[0].images]
        np.testing.assert_allclose(shown, expected, atol=1e-12, err_msg=name)
    masks = np.zeros(VALUES.shape, bool)
    overlay = reports.plot_overlays(given, masks, masks).axes[0].images[1].get_array()
    np.testing.assert_allclose(overlay, np.repeat(expected[1][..., None], 3, -1), atol=1e-12)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_latent_grid_is_computed_in_float64(dtype):
    corners, exact_corners = typed(VALUES[:, 0, :3].T, dtype)
    found = reports.latent_grid(*corners, size=3)
    np.testing.assert_allclose(found, reports.latent_grid(*exact_corners, size=3))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_mean_of_many_errors_is_exact(dtype):
    """256 ones add up to 256 in bfloat16, and so do 257; 10⁵ of them overflow float16."""
    given, exact = typed(np.full(100_000, 0.1), dtype)
    figure = reports.plot_error_by_length(np.ones(100_000), given)
    assert figure.axes[0].patches[0].get_height() == pytest.approx(exact[0], rel=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint64"])
def test_class_numbers_of_any_integer_type_are_counted(dtype):
    labels = np.arange(200).astype(dtype) % 3
    figure = reports.plot_confusion_matrix(labels, labels, ["a", "b", "c"])
    shown = [int(text.get_text()) for text in figure.axes[0].texts]
    assert sorted(shown) == sorted(np.bincount(labels.astype(int)))
    assert reports.plot_latent_map(np.ones((200, 2)), labels).legends[0].get_texts()


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float64"])
def test_a_gradient_does_not_depend_on_the_type_of_the_inputs(dtype):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3, 2)), keras.layers.SimpleRNN(4)])
    inputs = np.random.default_rng(0).integers(0, 3, size=(2, 3, 2))
    found = reports.gradient_flow(model, inputs.astype(dtype))
    expected = reports.gradient_flow(model, inputs.astype("float32"))
    np.testing.assert_allclose(found["norm"], expected["norm"], rtol=1e-6)
    assert (found["norm"] > 0).all()


def test_a_gradient_that_is_not_finite_is_flagged():
    model = keras.Sequential([keras.Input((3, 1)), keras.layers.SimpleRNN(1)])
    frame = reports.gradient_flow(
        model, np.ones((1, 3, 1)), loss=lambda outputs: keras.ops.sum(outputs) * float("nan")
    )
    assert set(frame["flag"]) == {"exploding"}


def test_inputs_by_name_find_their_places():
    inputs = {name: keras.Input((2,), name=name) for name in ("second", "first")}
    outputs = keras.layers.Dense(1)(inputs["second"]) + 0 * keras.layers.Dense(1)(inputs["first"])
    model = keras.Model(list(inputs.values()), outputs)
    values = {"first": np.zeros((1, 2)), "second": np.ones((1, 2))}
    by_name = reports.gradient_flow(model, values)
    in_order = reports.gradient_flow(model, [values["second"], values["first"]])
    np.testing.assert_allclose(by_name["norm"], in_order["norm"])


def test_an_infinite_surprisal_has_the_strongest_shade():
    figure = reports.plot_shaded_text("abc", {"a": [1.0, np.inf, 3.0]})
    image = figure.axes[0].images[0]
    assert image.get_clim() == (0, 3)
    assert image.get_array()[0].tolist() == [1, 3, 3]


def test_what_is_masked_is_a_hole():
    masked = np.ma.masked_array([1.0, -999, 2.0], [0, 1, 0])
    [line, *_] = reports.plot_gradient_flow({"a": masked}).axes[0].lines
    assert np.isnan(line.get_ydata()[1])
