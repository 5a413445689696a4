"""Everything that must hold, from a fresh clone: `python3 tests/run.py`.

Sets up a virtual environment (.venv, unless one is active), the packages and a
browser, then runs the linter, the type checker and all tests, on all
processors. Arguments go on to pytest: `python3 tests/run.py -k share`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).parents[1]
# The headless shell is the same engine without a desktop: a quarter less time for the journeys.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Each worker has a server and a browser of its own; one that is done takes over from another.
# One more than processors: journeys over a broken line wait for most of their time.
WORKERS = ("-n", str(min((os.cpu_count() or 1) + 1, 4)), "--dist", "worksteal")
FAILED = 1  # pytest's exit code where tests failed, and not the run


def attempt(*command: str | Path) -> int:
    """Run a command in the checkout; its exit code."""
    print("+", *command, flush=True)
    # What is imported is compiled once, and not by each worker and server again.
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=env, check=False
    ).returncode


def run(*command: str | Path) -> None:
    """Run a command in the checkout; end with its exit code if it fails."""
    code = attempt(*command)
    if code:
        sys.exit(code)


def python() -> Path:
    """The Python of the active virtual environment, else of the checkout's own."""
    if sys.prefix != sys.base_prefix:
        return Path(sys.executable)
    folder = ROOT / ".venv"
    if not folder.exists():
        print(f"making {folder}", flush=True)
        venv.create(folder, with_pip=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def packages_of_the_system() -> None:
    """Have the system's packager bring a browser and Redis, where they are missing and it may."""
    wanted: list[tuple[str, ...]] = []  # each with what does as well
    if not any(map(shutil.which, BROWSERS)):
        wanted.append(BROWSERS[:2])
    if shutil.which("redis-server") is None:
        wanted.append(("redis-server",))
    if wanted and shutil.which("apt-get") and os.name == "posix" and os.geteuid() == 0:
        attempt("apt-get", "update", "-qq")
        get = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")
        for names in wanted:
            any(attempt(*get, name) == 0 for name in names)


def browser(interpreter: Path) -> None:
    """See to it that there is a browser, and say which. Without Redis its tests say so."""
    if not any(map(shutil.which, BROWSERS)):
        run(interpreter, "-m", "playwright", "install", "chromium")
    found = next(filter(None, map(shutil.which, BROWSERS)), "the one Playwright installed")
    print(f"browser: {found}", flush=True)


def main() -> None:
    """Set up, then check."""
    interpreter = python()
    system = Thread(target=packages_of_the_system)  # beside Python's own packages
    system.start()
    packages = [
        part
        for name in ("requirements.txt", "bnviz/requirements-serve.txt", "tests/requirements.txt")
        for part in ("-r", name)
    ]
    # Compiling all there is takes longer than all tests of the core; what is imported will be.
    run(interpreter, "-m", "pip", "install", "--quiet", "--no-compile", *packages)
    system.join()
    browser(interpreter)
    run(interpreter, "-m", "ruff", "check", ".")
    run(interpreter, "-m", "ruff", "format", "--check", ".")
    # The type checker works alone for a third of a minute: the tests need not wait for it.
    with subprocess.Popen([interpreter, "-m", "mypy"], cwd=ROOT) as types:
        # What the tests import is compiled once, not by each worker and server at a time.
        attempt(interpreter, "-m", "pytest", "--collect-only", "-qq", "--no-summary", *sys.argv[1:])
        if attempt(interpreter, "-m", "pytest", *WORKERS, *sys.argv[1:]) == FAILED:
            # A browser may time out on a machine that does too much: once more, one at a time.
            print("what failed above is tried again, alone", flush=True)
            run(interpreter, "-m", "pytest", "--lf", "--lfnf=none", *sys.argv[1:])
        if types.wait():
            sys.exit(types.returncode)


if __name__ == "__main__":
    main()
