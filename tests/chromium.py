"""The real Chromium that pages are tested in: skipped, visibly, where there is none."""

import shutil
from contextlib import contextmanager

import pytest

playwright = pytest.importorskip("playwright.sync_api")
PATH = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(PATH is None, reason="needs Chromium on the PATH")

# A container's root has no sandbox; the rest keeps the browser itself from using the network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launched():
    """A browser, closed at the end."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=PATH, args=FLAGS)
        yield browser
        browser.close()
