"""How large a capture the app opens: `python -m tests.bench.layer`.

Captures of float32 x, ∂L/∂y and ∂L/∂x with 64 neurons are uploaded in a real browser. Per row
of the table: the seconds from the choice of the file to the table of neurons, beside those of
reading and surveying alone, and the server's memory, as multiples of the file.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import bnviz
from bnviz.captures import Capture, read_npz, save_npz
from bnviz.claims import layer as claims
from tests.browser.conftest import FLAGS, App, find_browser, free_port, served

SIZES = (250_000, 1_000_000)
NEURONS = 64


def written(n: int, folder: Path) -> Path:
    """A capture of n rows, on disk."""
    rng = np.random.default_rng(n)
    x, dy = (rng.standard_normal((n, NEURONS), dtype=np.float32) for _ in range(2))
    ones = np.ones(NEURONS, np.float32)
    file = folder / f"{n}.npz"
    save_npz(Capture(x, dy, ones, 0 * ones, dx=bnviz.gradients(x, dy)[0]), file)
    return file


def resident(pid: int) -> float:
    """The memory of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """The memory of a process before, and at its peak so far."""
    found = [resident(pid)] * 2
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            found[1] = max(found[1], resident(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def main() -> None:
    """Measure and print the table."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as name,
        sync_playwright() as playwright,
        served(port, Path(name) / "log.txt") as process,
    ):
        folder = Path(name)
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        print(
            "| rows × 64 | file | read and surveyed | in the browser | memory at its peak | kept |"
        )
        print("| --- | --- | --- | --- | --- | --- |")
        for n in SIZES:
            file = written(n, folder)
            size = file.stat().st_size
            start = time.perf_counter()
            claims.look_over(read_npz(file))
            alone = time.perf_counter() - start
            page = chromium.new_page()
            app = App(page, f"http://localhost:{port}").open("/layer")
            page.get_by_role("button", name="Open your own").click()
            with watched(process.pid) as memory:
                start = time.perf_counter()
                page.locator("input[type=file]").first.set_input_files(file)
                page.wait_for_selector("[data-neurons] tbody tr", timeout=120_000)
                took = time.perf_counter() - start
                app.idle()
            kept = resident(process.pid) - memory[0]
            page.close()
            print(
                f"| {n:,} | {size / 2**20:.0f} MB | {alone:.1f} s | {took:.1f} s | "
                f"{(memory[1] - memory[0]) / size:.1f} × file | {kept / size:.1f} × file |"
            )
        chromium.close()


if __name__ == "__main__":
    main()
