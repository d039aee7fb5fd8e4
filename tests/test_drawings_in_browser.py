"""The pages' drawings in a real Chromium: what is written in them can be read at any width."""

import re
from pathlib import Path

import pytest

from tests.chromium import launched, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

ROOT = Path(__file__).parents[1]
DRAWN = {
    page.relative_to(ROOT / "docs").with_suffix(".html").as_posix(): names
    for page in (ROOT / "docs").rglob("*.md")
    if (names := re.findall(r"^@drawing (\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE))
}
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 800}}
SMALLEST = 11  # pixels of the screen for the letters of a label
# Each label as its frame, of which the middle is taken: a font's own frame is higher than letters.
LABELS = """svg => {
    const frame = svg.getBoundingClientRect();
    const labels = [...svg.querySelectorAll('text')].map(text => {
        const box = text.getBoundingClientRect();
        const [middle, half] = [(box.top + box.bottom) / 2, 0.25 * box.height];
        return [text.textContent, box.left - frame.left, box.right - frame.left,
                middle - half - frame.top, middle + half - frame.top];
    });
    return { width: frame.width, height: frame.height, units: svg.viewBox.baseVal.width, labels };
}"""


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


def overlapping(labels):
    """The pairs of labels that lie on each other, by more than a pixel."""
    return [
        (one[0], other[0])
        for number, one in enumerate(labels)
        for other in labels[:number]
        if min(one[2], other[2]) - max(one[1], other[1]) > 1
        and min(one[4], other[4]) - max(one[3], other[3]) > 1
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", DRAWN)
def test_the_labels_are_whole_apart_and_large_enough(browser, site, path, size):
    page = browser.new_page(viewport=SIZES[size])
    page.goto((site / path).as_uri())
    page.evaluate("document.fonts.ready")
    names = page.locator(".drawing").evaluate_all("all => all.map(one => one.id)")
    assert names == [f"drawing-{name}" for name in DRAWN[path]]
    faults = []
    for panel in page.locator(".drawing svg").all():
        found = panel.evaluate(LABELS)
        if found["width"] / found["units"] * 12 < SMALLEST:
            faults.append(("small", panel.locator("title").text_content()))
        for label, left, right, top, bottom in found["labels"]:
            if left < -1 or right > found["width"] + 1 or top < 0 or bottom > found["height"]:
                faults.append(("cut", label))
        faults += overlapping(found["labels"])
    page.close()
    assert faults == []
