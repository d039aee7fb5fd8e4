"""The page in a real Chromium: skipped, visibly, where there is none."""

import contextlib

import keras
import numpy as np
import pandas
import pytest

from keras_dlnotes.reports import Page, plot_kernels, search_page, summarize
from tests.chromium import launched, needs_chromium

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 1, 16))
    path = tmp_path_factory.mktemp("report") / "report.html"
    (
        Page("report")
        .add_facts({f"a fact with a long name, {number}": 10.0**number for number in range(6)})
        .add_figure(plot_kernels(kernel), "Kernels", "sixteen kernels")
        .add_table(
            {
                "layer": ["conv_10", "conv_9", "pool", "dense"],
                "size": [9, 1000.0, None, -2],
                "loss": [0.5, float("nan"), float("inf"), 0.25],
            },
            "Layers",
        )
        .write(path)
    )
    return path.as_uri()


@contextlib.contextmanager
def opened(browser, url, width, scheme=None):
    """Opens a page, which must cause no message in the console and no request."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    messages, requests = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(url)
    yield page
    page.close()
    assert messages == []
    assert [one for one in requests if not one.startswith("data:")] == [url]


@pytest.fixture
def page(browser, report):
    with opened(browser, report, 390) as page:
        yield page


def column(page, number: int) -> list[str]:
    return page.locator(f"tbody td:nth-child({number})").all_inner_texts()


def test_it_fits_a_phone(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("figure img").evaluate("image => image.complete && image.naturalWidth") > 0


def test_a_table_sorts_by_click_and_by_key(page):
    size = page.get_by_role("columnheader", name="size")
    assert size.get_attribute("aria-sort") is None
    size.get_by_role("button").click()
    assert size.get_attribute("aria-sort") == "ascending"
    assert column(page, 2) == ["−2", "9", "1000", ""]
    size.get_by_role("button").press("Enter")
    assert size.get_attribute("aria-sort") == "descending"
    assert column(page, 2) == ["1000", "9", "−2", ""]
    page.get_by_role("button", name="layer").click()
    assert size.get_attribute("aria-sort") is None
    assert column(page, 1) == ["conv_9", "conv_10", "dense", "pool"]
    for expected in (["0.25", "0.5", "inf", "nan"], ["inf", "0.5", "0.25", "nan"]):
        page.get_by_role("button", name="loss").click()
        assert column(page, 3) == expected


def test_a_figure_enlarges_and_closes_by_keyboard(page):
    dialog = page.get_by_role("dialog")
    button = page.get_by_role("button", name="Enlarge: sixteen kernels")
    button.press("Enter")
    assert dialog.is_visible()
    large = dialog.get_by_role("img", name="sixteen kernels")
    assert large.bounding_box()["width"] > button.bounding_box()["width"]
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    assert button.evaluate("button => button === document.activeElement")


@pytest.mark.parametrize(("scheme", "paper_is_light"), [("light", True), ("dark", False)])
def test_figures_follow_the_colour_scheme(page, scheme, paper_is_light):
    page.emulate_media(color_scheme=scheme)
    brightness = page.locator("figure img").evaluate(
        """async image => {
            await image.decode();
            const canvas = new OffscreenCanvas(1, 1);
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0, 4, 4, 0, 0, 1, 1);
            return context.getImageData(0, 0, 1, 1).data[0];
        }"""
    )
    assert (brightness > 128) == paper_is_light


def test_the_policy_refuses_every_request(browser, report):
    page = browser.new_page()
    page.goto(report)
    directive = page.evaluate(
        """() => new Promise(resolve => {
            document.addEventListener(
                "securitypolicyviolation", event => resolve(event.effectiveDirective));
            new Image().src = "https://example.org/pixel.png";
        })"""
    )
    assert directive == "img-src"
    page.close()


@pytest.fixture(scope="module")
def model_report(tmp_path_factory) -> str:
    inputs = keras.Input((64, 64, 3))
    x = inputs
    for number in range(6):
        x = keras.layers.Conv2D(8, 3, padding="same", name=f"convolution_{number}")(x)
    outputs = keras.layers.Dense(10, name="head")(keras.layers.GlobalAveragePooling2D()(x))
    path = tmp_path_factory.mktemp("model") / "report.html"
    summarize(keras.Model(inputs, outputs, name="a_model")).to_html(path)
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_of_a_model_opens_sorts_and_fits(browser, model_report, scheme, width):
    with opened(browser, model_report, width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.get_by_role("heading", level=1).inner_text() == "a_model"
        for image in page.locator("figure img").all():
            assert image.evaluate("image => image.complete && image.naturalWidth") > 0
        heading = page.get_by_role("columnheader", name="multiplications").get_by_role("button")
        heading.press("Enter")
        heading.press("Enter")
        assert column(page, 2)[0] == "2,359,296", "8 channels see 8 channels at 64 × 64 positions"
        page.get_by_role("columnheader", name="layer").get_by_role("button").click()
        assert column(page, 1)[:2] == ["convolution_0", "convolution_1"]


def test_a_wide_window_shows_all_columns(browser, model_report):
    with opened(browser, model_report, 1920, "light") as page:
        for table in page.locator(".table div").all():
            assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1920


@pytest.fixture(scope="module")
def score_report(tmp_path_factory) -> str:
    names = ["this network", "scikit-image's non-local means, 0.4 chosen on validation"]
    columns = ["accuracy of a classifier of the codes", "test MSE", "parameters", "seconds"]
    rows = [{"method": name} | dict.fromkeys(columns, 12345.6) for name in names]
    path = tmp_path_factory.mktemp("scores") / "report.html"
    Page("scores").add_table(rows, "Scores").write(path)
    return path.as_uri()


@pytest.mark.thorough
def test_scores_are_in_sight_on_a_phone_and_stay_beside_their_method(browser, score_report):
    with opened(browser, score_report, 390) as page:
        region = page.get_by_role("region")
        right = region.evaluate("one => one.getBoundingClientRect().right")
        cells = page.locator("tbody tr:nth-child(2) td")
        boxes = [cell.bounding_box() for cell in cells.all()]
        assert all(box["x"] + box["width"] <= right for box in boxes[:3]), "two scores"
        region.evaluate("one => one.scrollLeft = 1000")
        after = [cell.bounding_box() for cell in cells.all()]
        assert after[0]["x"] == boxes[0]["x"]
        assert after[-1]["x"] + after[-1]["width"] <= right + 1


@pytest.fixture(scope="module")
def search_report(tmp_path_factory) -> str:
    rows = [
        {"trial": f"{trial:02}", "status": "COMPLETED", "execution": 0, "epoch": epoch}
        | {"val_loss": trial + 1 / epoch, "a_long_name_of_a_rate": 10.0 ** (-trial / 2)}
        | {"cell": ("gru", "lstm", "simple")[trial % 3], "units": 8 * (trial % 5 + 1)}
        for trial in range(12)
        for epoch in (1, 2, 3)
    ]
    rows.append({"trial": "12", "status": "FAILED", "cell": "gru", "units": 8})
    path = tmp_path_factory.mktemp("search") / "report.html"
    search_page(pandas.DataFrame(rows), "val_loss").write(path)
    return path.as_uri()


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_of_a_search_opens_sorts_and_fits(browser, search_report, scheme, width):
    with opened(browser, search_report, width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        images = page.locator("figure img").all()
        assert len(images) == 4
        for image in images:
            assert image.evaluate("image => image.complete && image.naturalWidth") > 0
        assert column(page, 1)[0] == "00"
        assert column(page, 4)[-1] == "FAILED"
        page.get_by_role("columnheader", name="trial").get_by_role("button").click()
        assert column(page, 1) == [f"{trial:02}" for trial in range(13)]
