"""Makes the gallery's entries and pictures out of run folders of `dlnotes fit`.

    python docs/collect_runs.py runs/digits runs/mnist …

Each run replaces the entry of its task in `docs/tasks.json`, and its picture in
`docs/images/tasks/`. The picture is taken from the run's report page by Chromium.
"""

import argparse
import io
import json
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from keras_dlnotes import tasks
from keras_dlnotes.common.files import write_json
from keras_dlnotes.runs.fit_folder import with_variants
from keras_dlnotes.runs.task import Task

DOCS = Path(__file__).parent
ENTRIES = DOCS / "tasks.json"
# Which of the report's pictures is the one that the notes draw, by the beginning of its title.
PICTURES = {
    "digits": "Feature maps of one image",
    "mnist": "Worst mistakes",
    "mnist-vgg": "Feature maps of one image",
    "mnist-resnet": "Training loss",
    "mnist-densenet": "Confusion matrix",
    "mnist-autoencoder": "Reconstructions",
    "mnist-overcomplete": "Reconstructions",
    "mnist-denoising": "Before and after",
    "latent-space": "Decoded points",
    "nuclei": "Overlays",
    "vowels": "Confusion matrix",
    "sunspots": "Forecasts",
    "spell": "Images and words",
    "characters": "Surprise",
    "ocr": "Corrected lines",
    "pronounce": "Error by length",
}
LARGEST = 60_000  # bytes of a picture
WIDTH = 820  # pixels of the window; a report's figures are 614 wide
SCALE = 2  # pixels of the picture for one of the window's


def entry(task: Task, folder: Path, picture: dict) -> dict:
    """Returns what the gallery says of a run."""
    metrics = with_variants(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
    baselines = [metrics["baseline"], *metrics["other_baselines"]]
    methods = {
        "this network": metrics,
        **metrics["variants"],
        **{baseline["name"]: baseline for baseline in baselines},
    }
    scores = [name for name in metrics if isinstance(metrics[name], float) and name != "seconds"]
    return {
        "task": task.name,
        "description": task.description,
        "section": task.section,
        "primary_metric": task.primary_metric,
        "baseline": metrics["baseline"]["name"],
        "seed": metrics["seed"],
        "versions": " and ".join(
            f"{name} {metrics['versions'][name]}" for name in ("keras", metrics["backend"])
        ),
        "picture": picture,
        "methods": [
            {
                "method": name,
                "scores": {score: row[score] for score in scores if score in row},
                **{key: row[key] for key in ("parameters", "epochs", "seconds") if key in row},
            }
            for name, row in methods.items()
        ],
    }


def take_picture(browser: Browser, folder: Path, title: str, path: Path) -> dict:
    """Saves a picture of a report page as WebP; returns its file, size, caption and text."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": 900}, device_scale_factor=SCALE, color_scheme="light"
    )
    page.goto((folder / "report.html").resolve().as_uri())
    heading = page.locator("h2").filter(has_text=title).first
    figure = heading.locator("xpath=following-sibling::figure[1]")
    image = figure.locator("img")
    box = image.bounding_box()
    shot = Image.open(io.BytesIO(image.screenshot())).convert("RGB")
    found = {
        "file": path.relative_to(DOCS).as_posix(),
        "width": round(box["width"]),
        "height": round(box["height"]),
        # without what to look for, which comes behind it
        "caption": figure.locator("figcaption").evaluate("one => one.firstChild.data.trim()"),
        "alt": image.get_attribute("alt"),
    }
    page.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(small(shot))
    return found


def small(image: Image.Image) -> bytes:
    """Returns the image as WebP, at the best quality and then size that `LARGEST` lets it have."""
    while True:
        for quality in (85, 75, 65):
            content = io.BytesIO()
            image.save(content, "WEBP", quality=quality, method=6)
            if content.tell() <= LARGEST:
                return content.getvalue()
        image = image.reduce(2)


def main(folders: list[Path]) -> None:
    """Collects the runs in these folders."""
    found = json.loads(ENTRIES.read_text(encoding="utf-8")) if ENTRIES.exists() else []
    entries = {row["task"]: row for row in found}
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for folder in folders:
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
            task = tasks.get(metrics["task"])
            path = DOCS / "images" / "tasks" / f"{task.name}.webp"
            picture = take_picture(browser, folder, PICTURES[task.name], path)
            entries[task.name] = entry(task, folder, picture)
            print(f"{task.name}: {path.stat().st_size / 1000:.0f} kB")
        browser.close()
    write_json(ENTRIES, [entries[name] for name in tasks.names() if name in entries])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="run folders of `dlnotes fit`")
    main(parser.parse_args().folders)
