"""Makes the README's picture of the real app: `.venv/bin/python -m tests.picture`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, App, find_browser, free_port, served

OUT = Path(__file__).parent / "picture.png"


def main() -> None:
    """Open the app as a laptop does, and save what is there."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        served(port, Path(folder) / "log.txt"),
    ):
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 1080})
        App(page, f"http://localhost:{port}").open()
        page.screenshot(path=OUT)
        chromium.close()
    print(OUT)


if __name__ == "__main__":
    main()
