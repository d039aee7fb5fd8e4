"""The pages' widgets in a real Chromium, from disk: their numbers are the package's."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops, reports
from keras_dlnotes.reports.autodiff import gradients
from tests.chromium import launched, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

ROOT = Path(__file__).parents[1]
PAGES = {
    name: page.relative_to(ROOT / "docs").with_suffix(".html")
    for page in (ROOT / "docs").rglob("*.md")
    for name in re.findall(r"^@widget (\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
}
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 800}}


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(params=SIZES)
def widget(request, browser, site):
    """A function that opens a page from disk and finds its widget; nothing may go wrong there."""
    pages, complaints, requests = [], [], []

    def find(name):
        page = browser.new_page(viewport=SIZES[request.param])
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((site / PAGES[name]).as_uri())
        found = page.locator(f"[data-widget={name}]")
        found.scroll_into_view_if_needed()
        box = found.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= SIZES[request.param]["width"]
        return found

    yield find
    for page in pages:
        page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def fill(found, *values):
    """Types these values into the fields."""
    for field, value in zip(found.locator("input").all(), values, strict=True):
        field.fill(str(value))


def cells(found, name):
    """The values of a grid that has this name."""
    texts = found.locator(f".cells[aria-label='{name}'] .cell").all_inner_texts()
    side = round(len(texts) ** 0.5)
    return np.array([float(text.replace("−", "-")) for text in texts]).reshape(side, side)


def data(found, name):
    """What the widget says of itself."""
    return found.evaluate(f"host => host.dataset.{name}")


def test_the_five_widgets_are_on_pages():
    scripts = {path.stem for path in (ROOT / "docs" / "javascripts").glob("*.js")}
    assert set(PAGES) == scripts - {"widget"} and len(PAGES) == 5


@pytest.mark.parametrize(
    ("m", "k", "p", "s"), [(5, 3, 0, 1), (5, 3, 1, 2), (10, 7, 3, 5), (6, 2, 1, 3), (1, 1, 0, 1)]
)
def test_the_convolution_has_the_lengths_and_sums_of_the_op(widget, m, k, p, s):
    found = widget("convolution")
    fill(found, m, k, p, s)
    assert int(data(found, "outputs")) == ops.output_length(m, k, padding=p, stride=s)
    padded = cells(found, "padded image").astype("float32")
    image = padded[p : p + m, p : p + m]
    assert padded.sum() == image.sum()
    kernel = np.array([[(u + 2 * v) % 3 - 1 for v in range(k)] for u in range(k)], "float32")
    expected = ops.conv(image[None, :, :, None], kernel[:, :, None, None], strides=s, padding=p)
    expected = keras.ops.convert_to_numpy(expected)[0, :, :, 0]
    np.testing.assert_allclose(cells(found, "feature map"), expected, atol=1e-4)


def test_a_kernel_that_is_too_long_is_refused_like_in_the_op(widget):
    found = widget("convolution")
    fill(found, 2, 7, 1, 1)
    with pytest.raises(ValueError, match="kernel"):
        ops.output_length(2, 7, padding=1)
    assert "longer than the padded image" in found.inner_text()
    assert found.locator(".cells[aria-label='feature map'] .cell").count() == 0
    found.locator("input").first.fill("")
    assert found.locator("input").first.get_attribute("aria-invalid") == "true"


def test_the_keyboard_slides_the_kernel(widget):
    found = widget("convolution")
    fill(found, 5, 3, 0, 1)
    found.locator(".cells button").first.focus()
    sums = cells(found, "feature map")
    for key, (i, j) in (("ArrowRight", (0, 1)), ("ArrowDown", (1, 1)), ("ArrowUp", (0, 1))):
        found.page.keyboard.press(key)
        said = found.locator(".result").last.inner_text().replace("−", "-")
        assert said == f"S({i}, {j}) = {sums[i, j]:g}"
        under = found.locator(".cells[aria-label='padded image'] .cell").evaluate_all(
            "all => all.map((one, n) => one.classList.contains('kernel') ? n : -1)"
        )
        assert next(n for n in under if n >= 0) == 5 * i + j


def pooled_gradient(image, upstream, k, s):
    tensor = image.astype("float32")[None, :, :, None]
    given = upstream.astype("float32")[None, :, :, None]

    def loss(tensors):
        return keras.ops.sum(ops.max_pool(tensors[0], k, strides=s) * given)

    return gradients(loss, [tensor])[0][0, :, :, 0]


@pytest.mark.parametrize(("k", "s"), [(2, 2), (2, 1), (3, 1), (1, 3), (4, 4)])
@pytest.mark.parametrize("table", ["The notes' image", "An image with ties"])
def test_the_pooling_sends_gradients_where_the_op_does(widget, table, k, s):
    found = widget("pooling")
    found.get_by_role("button", name=table).click()
    fill(found, k, s)
    image = cells(found, "image")
    count = ops.output_length(4, k, stride=s)
    upstream = np.zeros((count, count))
    upstream[0, 0] = 1
    np.testing.assert_array_equal(cells(found, "gradient"), pooled_gradient(image, upstream, k, s))
    if count > 1:
        found.get_by_role("button", name="All on or off").click()
    upstream[:] = 1
    expected = pooled_gradient(image, upstream, k, s)
    np.testing.assert_array_equal(cells(found, "gradient"), expected)
    np.testing.assert_array_equal(json.loads(data(found, "gradient")), expected)
    tensor = image.astype("float32")[None, :, :, None]
    pooled = keras.ops.convert_to_numpy(ops.max_pool(tensor, k, strides=s))[0, :, :, 0]
    np.testing.assert_array_equal(cells(found, "pooled"), pooled)


def test_the_keyboard_switches_pooled_cells_on_and_off(widget):
    found = widget("pooling")
    fill(found, 2, 1)
    found.locator(".cells button").first.focus()
    for key in ("Space", "ArrowRight", "Enter", "ArrowDown", "Space"):
        found.page.keyboard.press(key)
    pressed = found.locator(".cells button").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-pressed'))"
    )
    assert [n for n, state in enumerate(pressed) if state == "true"] == [1, 4]
    upstream = np.zeros((3, 3))
    upstream[0, 1] = upstream[1, 1] = 1
    expected = pooled_gradient(cells(found, "image"), upstream, 2, 1)
    np.testing.assert_array_equal(cells(found, "gradient"), expected)
    assert "= 92 gets 2 · D" in found.locator(".result").inner_text()


def test_the_board_goes_through_the_notes_steps_by_keyboard(widget):
    found = widget("board")
    following = found.get_by_role("button", name="Next step")
    following.focus()
    boards = []
    while following.is_enabled():
        found.page.keyboard.press("Enter")
        boards.append([text.rpartition("= ")[2] for text in found.locator("li").all_inner_texts()])
    assert boards[2:] == [
        ["10", "3", "30"],
        ["5", "3", "30"],
        ["5", "35", "30"],
        ["5", "35", "2"],
        ["70", "35", "2"],
        ["70", "3", "2"],
        ["70", "3", "6"],
        ["70", "76", "6"],
    ]
    a, b, c, d = -4, 7, 11, 6
    fill(found, a, b, c, d)
    assert int(data(found, "value")) == a * (b * c + d) + a * c
    found.get_by_role("button", name="Back").click()
    said = found.locator(".result").inner_text()
    assert "Read a and c, forget a, write ac = −44" in said
    assert found.locator(".result").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize(
    ("channels", "maps", "k", "side"), [(3, 256, 5, 8), (16, 32, 3, 14), (2, 1, 2, 4)]
)
def test_the_costs_are_those_of_the_report(widget, channels, maps, k, side):
    found = widget("separable")
    fill(found, channels, maps, k, side)
    length = side + k - 1
    model = keras.Sequential(
        [keras.Input((length, length, channels)), layers.Conv2D(maps, k, use_bias=False)]
    )
    row = reports.savings(model, measure=False).iloc[0]
    assert int(data(found, "normal")) == row["normal"]
    assert int(data(found, "separable")) == row["depthwise"]
    assert float(data(found, "ratio")) == pytest.approx(row["notes_ratio"])
    assert float(data(found, "ratio")) == pytest.approx(row["depthwise_ratio"])


def decoded(code):
    """The picture of a code, by NumPy, from the file that the page brings along."""
    path = ROOT / "docs" / "javascripts" / "latent.json"
    assert path.stat().st_size <= 150_000
    values = np.array(code)
    *hidden, last = json.loads(path.read_text(encoding="utf-8"))["layers"]
    for layer in hidden:
        values = np.tanh(values @ np.array(layer["kernel"]) + layer["bias"])
    return 1 / (1 + np.exp(-(values @ np.array(last["kernel"]) + last["bias"])))


def test_the_latent_explorer_decodes_the_point_under_the_finger(widget):
    found = widget("latent")
    plane = found.locator("canvas").first
    box = plane.bounding_box()
    for right, down in ((0.5, 0.5), (0.2, 0.7), (0.9, 0.1)):
        plane.click(position={"x": box["width"] * right, "y": box["height"] * down})
        said = found.locator(".result").inner_text()
        code = [float(number) for number in re.findall(r"-?\d+\.\d+", said)[:2]]
        assert code == pytest.approx([2.2 * right - 1.1, 1.1 - 2.2 * down], abs=0.02)
        np.testing.assert_allclose(json.loads(data(found, "pixels")), decoded(code), atol=0.03)


def test_arrow_keys_move_the_point(widget):
    found = widget("latent")
    found.locator("canvas").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        found.page.keyboard.press(key)
    assert "z = (-0.05, 0.05)" in found.locator(".result").inner_text()
    expected = decoded([-0.05, 0.05])
    np.testing.assert_allclose(json.loads(data(found, "pixels")), expected, atol=1e-4)
