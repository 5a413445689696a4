"""A network that was captured: its files together, in order, and the ranks that wrote them."""

import dataclasses
import importlib.util
import io
import socket
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnviz
from bnviz.captures import Capture, CaptureError, read_npz, save_npz, survey
from bnviz.captures.network import File, files_at, files_in_zip, join, layers_of
from bnviz.captures.record import Place
from bnviz.claims import layer as claims
from bnviz.claims.network import Network, open_network
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.draw.layers import depths, payload
from tests.kinds import there

from . import ranks as two
from .test_captures import made

TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="no PyTorch here")


def placed(name: str, order: int, **changes: Any) -> Capture:
    c = made(order, dtype="float64")
    return dataclasses.replace(c, place=Place(name, order), **changes)


def written(folder: Path, *captures: Capture) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for c in captures:
        save_npz(c, folder / f"{c.place.layer}.npz")
    return folder


def three(folder: Path) -> Path:
    """Three layers, the last by name first in the pass; the second has a dead neuron."""
    sick = placed("a", 1)
    dy = sick.dy.copy()
    dy[:, 3] = 0
    return written(
        folder, placed("z", 0), dataclasses.replace(sick, dy=dy, dx=None), placed("b", 2)
    )


def test_a_folder_is_a_table_in_the_order_of_the_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = bnviz.open(three(tmp_path))
    printed = capsys.readouterr().out
    assert network.names() == ["z", "a", "b"]
    assert [line.split()[0] for line in printed.splitlines()[1:]] == ["z", "a", "b"]
    assert "1: neuron 4 dead" in printed
    assert [row.dead for row in network.rows] == [0, 1, 0]
    assert network.worst_first() == [1, 0, 2]
    c = network["z"].capture
    t: Any = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    np.testing.assert_allclose(network.rows[0].dx_size, np.sqrt((t.dx**2).mean()), rtol=1e-9)
    one: Any = network["z"].trace(neuron=2)
    np.testing.assert_allclose(one.dx[:, 0], t.dx[:, 2], rtol=1e-12)
    np.testing.assert_allclose(one.dweight[:, 0], t.dweight[:, 2], rtol=1e-9, atol=1e-12)
    with pytest.raises(CaptureError, match="from 0 to 4"):
        network["z"].trace(neuron=5)
    with pytest.raises(KeyError, match="the layers are z, a, b"):
        network["y"]


def test_a_zip_and_single_files_open_as_the_folder_does(tmp_path: Path) -> None:
    folder = three(tmp_path / "run")
    packed = tmp_path / "run.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"run/{file.name}")
    assert open_network(packed).rows == open_network(folder).rows
    alone = open_network(folder / "a.npz")
    assert (alone.names(), alone.rows[0].dead) == (["a"], 1)


@pytest.mark.parametrize("name", ["", "x.zip", "x.npz"])
def test_what_is_no_network_is_a_sentence(name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    if name:
        target.write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(CaptureError, match=r"\.$"):
        open_network(target)
    with pytest.raises(CaptureError, match="no folder or file"):
        open_network(tmp_path / "nowhere")


def test_one_bad_file_is_named_and_the_others_open(tmp_path: Path) -> None:
    folder = three(tmp_path)
    (folder / "bad.npz").write_bytes(b"no")
    (folder / "manifest.json").write_text('{"parts": [{"missed": {"q": "was not called"}}, 3]}')
    network = open_network(folder)
    assert network.names() == ["z", "a", "b"]
    said = network.not_captured()
    assert said.startswith("3 of 5 layers are here. q: was not called; bad.npz: This is no .npz")


def test_the_last_run_and_the_last_step_are_shown(tmp_path: Path) -> None:
    written(tmp_path, placed("old", 0))
    for step in (0, 100):
        c = placed("new", 0)
        c = dataclasses.replace(c, place=dataclasses.replace(c.place, step=step))
        written(tmp_path / "run-2" / f"step-{step}", c)
    network = open_network(tmp_path)
    assert network.names() == ["new"]
    assert network.at(0).capture.place.step == 100
    assert "run 2 of 2" in str(network)
    assert "step 100; captured were also 0" in str(network)


def test_where_it_was_not_finite_first() -> None:
    """Forward comes before backward, and backward begins at the last layer."""

    def network_of(*captures: Capture) -> Network:
        files = []
        for c in captures:
            out = io.BytesIO()
            save_npz(c, out)
            data = out.getvalue()
            files.append(File(f"{c.place.layer}.npz", 0, partial(io.BytesIO, data)))
        return Network(layers_of(files, hold=True), "it", lambda share: None)

    first, second = placed("p", 0), placed("q", 1)

    def bad(c: Capture, table: str, row: int, neuron: int) -> Capture:
        values = getattr(c, table).copy()
        values[row, neuron] = np.inf
        return dataclasses.replace(c, **{table: values})

    assert network_of(first, second).first_fault() == ""
    both = network_of(bad(first, "dy", 3, 1), bad(second, "dy", 2, 4))
    assert both.first_fault() == "q: Not finite first: ∂L/∂y of row 3, neuron 5, is ∞."
    both = network_of(bad(first, "dy", 3, 1), bad(second, "x", 7, 0))
    assert both.first_fault() == "q: Not finite first: x of row 8, neuron 1, is ∞."
    shown = payload(both, worst_first=True)
    assert shown["rows"][0]["words"].startswith("neuron 1: not finite: x of row 8")


def test_depth_is_drawn_in_powers_of_ten() -> None:
    rows = [
        dataclasses.replace(open_network(files[0]).rows[0], dx_size=size)
        for size, files in ((1.0, SHIPPED), (0.1, SHIPPED), (0.01, SHIPPED), (0.0, SHIPPED))
    ]
    bars: list[Any] = depths(rows)
    assert bars[0] == 1
    np.testing.assert_allclose(bars[0] - bars[1], bars[1] - bars[2])
    assert bars[3] == 0


SHIPPED = [Path(bnviz.__file__).parent / "captures" / "digits.zip"]


# ---- Ranks -------------------------------------------------------------------------------


def split(sampled: bool) -> tuple[Capture, list[Capture]]:
    """A batch norm over 50 rows, and its two parts of 20 and 30."""
    c = made(dtype="float64")
    parts = []
    for rank, rows in enumerate((slice(0, 20), slice(20, 50))):
        tables = {name: getattr(c, name)[rows] for name in ("x", "dy", "dx", "a")}
        place = Place("n", 0, 0, rank, 2)
        parts.append(dataclasses.replace(c, norm="sync", place=place, **tables))
    if sampled:
        from bnviz.captures.network import _sums  # noqa: PLC0415

        some = {name: getattr(parts[1], name)[::3] for name in ("x", "dy", "dx", "a")}
        parts[1] = dataclasses.replace(parts[1], whole=_sums(parts[1]), **some)
    return c, parts


@pytest.mark.parametrize("sampled", [False, True])
def test_a_norm_over_all_ranks_is_one_layer_and_adds_up_over_all(sampled: bool) -> None:
    c, parts = split(sampled)
    both = join(parts)
    seen, wanted = survey.survey(both), survey.survey(c)
    for name in ("mean", "var", "dx_size", "removed_mean", "removed_x_hat"):
        np.testing.assert_allclose(getattr(seen, name), getattr(wanted, name), rtol=1e-9)
    assert there(claims.agreement(seen))[0]
    assert (np.abs(seen.dx_sum) <= seen.sum_bound).all()
    alone = np.abs([there(p.dx).sum(axis=0) for p in split(False)[1]])
    assert f"adds up to {alone.max():.2f} in size" in both.note
    bent = dataclasses.replace(both, dx=np.asarray(1.01 * there(both.dx)))
    assert there(claims.agreement(survey.survey(bent)))[0] is False
    # One rank by itself is not accused.
    assert claims.agreement(survey.survey(parts[0])) is None
    assert "taken over 2 ranks" in claims.what_kind(parts[0], survey.survey(parts[0]))


@TORCH
def test_two_processes_write_by_themselves_and_are_joined(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Programs of their own: a worker of the test runner is no module that could be spawned again.
    ranks = [
        subprocess.Popen([sys.executable, "-m", two.__name__, str(rank), tmp_path, str(port)])
        for rank in range(2)
    ]
    assert [rank.wait(240) for rank in ranks] == [0, 0]
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [
        f"{stem}.rank{rank}.{end}"
        for stem, end in (("manifest", "json"), ("module.1", "npz"), ("module.3", "npz"))
        for rank in (0, 1)
    ]
    network = open_network(tmp_path)
    assert network.names() == ["module.1 · rank 0", "module.1 · rank 1", "module.3"]
    assert all(row.agrees for row in network.rows)
    assert [row.rows for row in network.rows] == [20, 30, 50]
    for rank in (0, 1):  # each rank by itself
        seen = network[f"module.1 · rank {rank}"].overview.seen
        assert (np.abs(seen.dx_sum) <= seen.sum_bound).all()
        part = read_npz(tmp_path / f"module.3.rank{rank}.npz")
        assert np.abs(there(part.dx).sum(axis=0)).max() > 1e-3
    seen = network["module.3"].overview.seen
    assert (np.abs(seen.dx_sum) <= seen.sum_bound).all()
    # Without the files of one rank nothing is claimed of the norm over both.
    (tmp_path / "module.3.rank1.npz").unlink()
    assert open_network(tmp_path).rows[-1].agrees is None


def test_files_of_a_folder_and_of_a_zip_are_found_alike(tmp_path: Path) -> None:
    folder = three(tmp_path / "f")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    here = [f.name for f in files_at(folder)]
    assert [f.name for f in files_in_zip(io.BytesIO(out.getvalue()))] == here
