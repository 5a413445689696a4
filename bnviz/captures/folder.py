"""The folder of one run: names of its own, whole files or none, and a list of what is in it.

Every process that trains writes by itself: a run is told from an earlier one by the manifest of
this very process, so none has to wait for another.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnviz.captures.npz import save_npz, write_members
from bnviz.captures.record import Capture

_open: dict[Path, Run] = {}  # by the folder that was asked for


class Run:
    """A folder that holds one run and nothing else; captures that overlap share it."""

    def __init__(self, asked: Path, rank: int, ranks: int) -> None:
        self.rank, self.ranks = rank, ranks
        self.asked, self.users = asked, 0
        self.manifest = "manifest.json" if ranks == 1 else f"manifest.rank{rank}.json"
        self.parts: list[Mapping[str, Any]] = []
        self.files: set[str] = set()
        number = 1
        self.folder = asked
        while not self._claimed():
            number += 1
            self.folder = asked / f"run-{number}"

    @staticmethod
    def join(folder: str | Path, rank: int, ranks: int) -> Run:
        """The run that is under way there, or a new one."""
        asked = Path(folder).absolute()
        run = _open.get(asked) or _open.setdefault(asked, Run(asked, rank, ranks))
        run.users += 1
        return run

    def leave(self) -> None:
        """Done; with nothing written, nothing is left behind."""
        self.users -= 1
        if self.users:
            return
        _open.pop(self.asked, None)
        if not self.files:
            (self.folder / self.manifest).unlink(missing_ok=True)
            for folder in (self.folder, self.asked):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()

    def _claimed(self) -> bool:
        """Make the folder this run's own, unless an earlier one is in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        claims = list(self.folder.glob("manifest*.json"))
        if not claims and any(self.folder.glob("*.npz")):
            return False
        if any(_ranks(claim) not in {0, self.ranks} for claim in claims):
            return False
        try:
            with (self.folder / self.manifest).open("x") as file:
                json.dump({"ranks": self.ranks, "rank": self.rank, "parts": []}, file)
        except FileExistsError:
            return False
        return True

    def name(self, layer: str, suffix: str) -> str:
        """A file name for a layer that no other layer has; case alone tells none apart."""
        plain = re.sub(r"[^\w.\-]", "_", layer)[:120].strip(".") or "norm"
        end = suffix + ("" if self.ranks == 1 else f".rank{self.rank}")
        name, number = f"{plain}{end}", 1
        while name.lower() in self.files:
            number += 1
            name = f"{plain}_{number}{end}"
        self.files.add(name.lower())
        return name

    def write(
        self, name: str, capture: Capture, lying: Mapping[str, NDArray[Any]] | None = None
    ) -> Path:
        """Write a capture; lying: see `save_npz`."""
        file = self.folder / f"{name}.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        _put(file, lambda part: save_npz(capture, part, lying=lying))
        return file

    def renote(self, file: Path, note: str) -> None:
        """Say something else of a capture that is written, unless it says so already."""
        with np.load(file, allow_pickle=False) as found:
            if str(found["note"]) == note:
                return
            arrays = {name: found[name] for name in found.files} | {"note": np.array(note)}
        _put(file, lambda part: write_members(part, arrays))

    def list(self, part: Mapping[str, Any]) -> None:
        """Put one capture's report into the manifest."""
        self.parts.append(part)
        text = json.dumps(
            {"ranks": self.ranks, "rank": self.rank, "parts": self.parts}, ensure_ascii=False
        )
        _put(self.folder / self.manifest, lambda part: part.write_text(text, encoding="utf-8"))


def _put(file: Path, write: Callable[[Path], object]) -> None:
    """All of the file, or what was there before."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        write(part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _ranks(claim: Path) -> int:
    """How many processes a run had, by a manifest of it; 0 where that is only being written."""
    try:
        return int(json.loads(claim.read_text(encoding="utf-8"))["ranks"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0
