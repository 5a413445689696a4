"""Captures: written and read again to the same numbers; anything else is a sentence."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz import captures
from bnviz.captures import (
    Capture,
    CaptureError,
    csv,
    holds_in_csv,
    read_csv,
    read_npz,
    save_csv,
    save_npz,
    survey,
)
from bnviz.captures import excerpt as excerpts
from bnviz.claims import layer as claims
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from tests.kinds import there

from .network import Network

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:
    import torch

if TYPE_CHECKING:
    import torch

TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="no PyTorch here")


def made(seed: int = 0, n: int = 50, k: int = 5, d: int = 6, dtype: str = "float32") -> Capture:
    rng = np.random.default_rng(seed)
    x, dy, a = rng.normal(2, 3, (n, k)), rng.normal(size=(n, k)), rng.normal(size=(n, d))
    gamma = rng.normal(size=k)
    dx = run(Scenario(x, dy, gamma)).dx
    tables = (v.astype(dtype) for v in (x, dy, gamma, np.zeros(k), a, dx))
    x_, dy_, gamma_, beta_, a_, dx_ = tables
    return Capture(x_, dy_, gamma_, beta_, a=a_, dx=dx_)


def written(capture: Capture) -> bytes:
    out = io.BytesIO()
    save_npz(capture, out)
    return out.getvalue()


def same(one: Capture, other: Capture) -> None:
    assert one.arrays().keys() == other.arrays().keys()
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(values, other.arrays()[name])
    assert (one.eps, one.mode, one.note) == (other.eps, other.mode, other.note)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_npz_round_trip(dtype: str) -> None:
    c = made(dtype=dtype)
    same(c, read_npz(io.BytesIO(written(c))))
    assert read_npz(io.BytesIO(written(c))).x.dtype == dtype
    assert np.load(io.BytesIO(written(c)))["dx"].shape == (50, 5)  # one line, no pickle


def test_npz_of_an_evaluating_layer() -> None:
    c = made()
    k = c.shape[1]
    frozen = Capture(
        c.x, c.dy, c.gamma, c.beta, 1e-3, "eval", "a note", None, None, None,
        np.zeros(k, np.float32), np.ones(k, np.float32),
    )  # fmt: skip
    same(frozen, read_npz(io.BytesIO(written(frozen))))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_was_exported_opens_again_to_the_same_numbers(dtype: str) -> None:
    c = made(dtype=dtype)
    terms = excerpts.terms(c)
    back = read_csv(save_csv(c, terms))
    for name in ("x", "dy", "a", "dx", "gamma", "beta"):
        np.testing.assert_array_equal(getattr(back, name), getattr(c, name))
    assert back.eps == c.eps
    out = io.BytesIO()
    save_npz(c, out, terms)
    same(read_npz(io.BytesIO(out.getvalue())), c)
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    np.testing.assert_array_equal(np.load(io.BytesIO(out.getvalue()))["term_dx"], t.dx)
    np.testing.assert_array_equal(np.load(io.BytesIO(out.getvalue()))["term_dweight"], t.dweight)
    frame = pd.read_csv(io.StringIO(save_csv(c, terms)))
    np.testing.assert_array_equal(frame["term_x_hat_2"], t.x_hat[:, 1])


@pytest.mark.parametrize(
    ("n", "k", "d"),
    [
        (1, 1, 9999), (1, 1, 10_000), (1, 1538, 0), (1, 1539, 0), (2, 1000, 6999), (2, 1000, 7000),
        (500, 1, 6), (2500, 1, 6), (3000, 1, 6), (4000, 1, 6), (1300, 3, 0),
    ],
)  # fmt: skip
def test_a_csv_that_is_offered_opens_again(
    n: int, k: int, d: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers as long as they can be; and where it is not offered, it is far from small."""
    limit = 2**20 if n > 2 else 2**25
    monkeypatch.setattr(csv, "_LONGEST", limit)
    x, dy, a = (np.full((n, width), -1.2345678901234567e-99) for width in (k, k, d))
    x[::2] *= -1
    c = Capture(x, dy, np.full(k, 1 / 3), np.full(k, 2 / 3), a=a if d else None, dx=dy)
    if holds_in_csv(c):
        same(read_csv(save_csv(c, excerpts.terms(c))), c)
    else:
        assert d > 9999 or 13 * k + d >= 20_000 or n * (13 * k + d) * 25 > 0.9 * limit


def test_a_csv_has_no_room_for_another_mode_or_format() -> None:
    c = made()
    assert holds_in_csv(c)
    assert not holds_in_csv(dataclasses.replace(c, mode="eval"))
    assert not holds_in_csv(dataclasses.replace(c, roundoff=2.0**-7))


def zipped(**members: bytes) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return io.BytesIO(out.getvalue())


def npy(values: np.ndarray, pickled: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, values, allow_pickle=pickled)
    return out.getvalue()


def crowded(count: int, comment: int) -> io.BytesIO:
    """So many members, all of a kind that is passed over, and a comment behind them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for i in range(count):
            archive.writestr(f"term_{chr(97 + i // 26)}{chr(97 + i % 26)}.npy", b"")
        archive.comment = bytes(comment)
    return io.BytesIO(out.getvalue())


X = npy(np.ones((4, 2)))
NAN = npy(np.array([[1, np.nan], [2, 3], [4, 5], [6, 7]]))


def header(shape: str, descr: str = "<f8") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (io.BytesIO(b""), "no .npz file"),
        (io.BytesIO(b"PK\x03\x04 and then nothing"), "no .npz file"),
        (io.BytesIO(written(made())[:700]), "no .npz file"),
        (zipped(x__npy=X), "no dy"),
        (zipped(x__npy=X, dy__npy=npy(np.ones((4, 3)))), r"dy must have shape \(4, 2\)"),
        (zipped(x__npy=X, dy__npy=X, evil__py=b"1"), "evil.py"),
        (zipped(x__npy=b"not an array", dy__npy=X), "x.npy in the file is no NumPy array"),
        (zipped(x__npy=npy(np.array([{}]), True), dy__npy=X), "must hold numbers"),
        (zipped(x__npy=header("(4, 2)", "|O") + b"cos\nsystem\n", dy__npy=X), "must hold numbers"),
        (zipped(x__npy=header("(10**9, 10**9)"), dy__npy=X), "no NumPy array"),
        (zipped(x__npy=header("(1000000000, 1000000000)"), dy__npy=X), "says that its shape"),
        (zipped(x__npy=header("(-4, 2)") + bytes(64), dy__npy=X), "says that its shape"),
        (zipped(x__npy=npy(np.array([["a", "b"]])), dy__npy=X), "it holds text"),
        (zipped(x__npy=npy(np.ones(4)), dy__npy=X), r"dy must have shape \(4, 1\)"),
        (zipped(x__npy=X, grad__npy=X), "no dy; a capture needs x and dy. Not read: grad"),
        (zipped(**{"archive/data__pkl": b"", "x__npy": X}), "written by torch.save"),
        (zipped(x__npy=X, dy__npy=X, norm__npy=npy(np.array("what"))), "norm must be one of"),
        (
            zipped(
                x__npy=X, dy__npy=X, norm__npy=npy(np.array("group")), groups__npy=npy(np.array(3))
            ),
            "groups that divide 2 neurons",
        ),
        (zipped(x__npy=X, dy__npy=X, whole_rows__npy=npy(np.array(9))), "sums of the whole batch"),
        (zipped(x__npy=npy(np.ones((0, 2))), dy__npy=X), "x must have two axes"),
        (zipped(x__npy=npy(np.ones((2, 2), complex)), dy__npy=X), "must hold numbers"),
        (zipped(x__npy=X, dy__npy=X, mode__npy=npy(np.array("x"))), "train or eval"),
        (zipped(x__npy=X, dy__npy=X, mode__npy=npy(np.array("eval"))), "running_mean"),
        (zipped(x__npy=X, dy__npy=X, eps__npy=npy(np.array(-1.0))), "eps must be"),
        (zipped(x__npy=X, dy__npy=X, weight__npy=X), "weight must have shape"),
        (zipped(x__npy=npy(np.ones((1, 70_000))), dy__npy=npy(np.ones((1, 70_000)))), "too wide"),
        (zipped(x__npy=X, dy__npy=X, a__npy=npy(np.ones((4, 0)))), "at least one column"),
        (zipped(x__npy=X, dy__npy=npy(np.full((4, 2), 1e170))), r"dy must be 0 or between"),
        (zipped(x__npy=npy(np.full((4, 2), 1e-170)), dy__npy=X), r"x must be 0 or between"),
        (
            zipped(**{f"term_{chr(97 + i // 26)}{chr(97 + i % 26)}__npy": b"" for i in range(200)}),
            "too many arrays",
        ),
        (crowded(300, 0), "too many arrays"),
        (crowded(101, 2**16 - 1), "too many arrays"),
        (crowded(100, 2**16 - 1), "no x"),
        (zipped(x__npy=X, dy__npy=X, roundoff__npy=npy(np.array(9.0))), "roundoff must be"),
    ],
)
def test_a_hostile_npz_is_a_sentence(file: io.BytesIO, what: str) -> None:
    with pytest.raises(CaptureError, match=what):
        read_npz(file)


def test_what_swells_when_it_is_opened_is_a_sentence() -> None:
    bomb = npy(np.zeros((4, 2)))[:128] + bytes(200_000_000)
    with pytest.raises(CaptureError, match="and the file is another"):
        read_npz(zipped(x__npy=bomb, dy__npy=X))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1.0])
@pytest.mark.parametrize(
    "name",
    ["eps", "roundoff", "axis", "groups", "positions", "patch_groups", "at_rank", "at_ranks"],
)
def test_no_single_number_of_a_file_is_used_before_it_is_looked_at(name: str, value: float) -> None:
    looks = np.array([[1], [0], [0], [1], [1]])
    with pytest.raises(CaptureError, match=f"{name} must be a finite number"):
        read_npz(
            zipped(
                x__npy=npy(np.ones((2, 4, 3))),
                dy__npy=npy(np.ones((2, 4, 3))),
                a__npy=npy(np.ones((2, 3, 5))),
                weight__npy=npy(np.ones((4, 3, 3))),
                patches__npy=npy(looks),
                **{f"{name}__npy": npy(np.array(value))},
            )
        )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no numbers"),
        ("x_1,dy_1\n", "no numbers"),
        ("x_1\n1\n", "no dy"),
        ("x_1,dy_1\n1,2,3\n", "Line 2 has 3 cells"),
        ("x_1,dy_1\n1,nan\n", "Line 2, dy_1: “nan”"),
        ("x_1,dy_1\n1,=1+1\n", "“=1\\+1” is not a number"),
        ("x_1,<b>dy</b>\n1,2\n", "Column “<b>dy</b>” is not known"),
        ("x_1,x_3,dy_1\n1,2,3\n", "columns of x must be"),
        ("x_1,dy_1,gamma_1\n1,2,3\n1,2,4\n", "gamma must be the same"),
        ("x_1,dy_1,eps_1,eps_2\n1,2,3,4\n", "eps must be one"),
        ("x_1,dy_1\n1_0,2\n", "“1_0” is not a number"),
        (",".join(["x_1"] * 30_000), "30000 columns"),
        ('x_1,dy_1\n"' + "1" * 200_000, "no CSV file"),
    ],
)
def test_a_hostile_csv_is_a_sentence(text: str, what: str) -> None:
    with pytest.raises(CaptureError, match=what):
        read_csv(text)


@pytest.mark.parametrize("codes", [[0xD800, 0x41], [0x7FFFFFFF, 0x41], [0x0A, 0x41]])
def test_a_note_that_is_no_text_is_shown_as_far_as_it_can_be(codes: list[int]) -> None:
    note = header("()", "<U2") + np.array(codes, "<u4").tobytes()
    assert read_npz(zipped(x__npy=X, dy__npy=X, note__npy=note)).note == "A"


def test_short_formats_stay_short() -> None:
    x = np.array([[0, 1], [1, 0], [1, 1]])
    for kind in ("int8", "float16", "int16"):
        c = read_npz(zipped(x__npy=npy(x.astype(kind)), dy__npy=npy(x.astype(kind))))
        assert c.x.dtype == c.dy.dtype == np.float32
        np.testing.assert_array_equal(c.x, x)
    assert read_npz(zipped(x__npy=npy(x), dy__npy=npy(x))).x.dtype == np.float64


def test_files_of_other_programs_open() -> None:
    """Channels last, γ of (1, k), one neuron, extra keys, and zeros that compress well."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 8, 4, 4, 3))

    def opened(**arrays: Any) -> Capture:
        out = io.BytesIO()
        np.savez_compressed(out, **arrays)
        return read_npz(io.BytesIO(out.getvalue()))

    c = opened(x=x, dy=dy, gamma=np.full((1, 3), 2.0), beta=np.zeros(3), eps=1e-3, step=7)
    np.testing.assert_array_equal(c.x, x.reshape(-1, 3))
    assert (c.shape, c.gamma.tolist(), c.eps) == ((128, 3), [2.0] * 3, 1e-3)
    assert "the last axis is that of the neurons" in c.note
    assert "Not read: step." in c.note
    first = np.moveaxis(x, -1, 1)
    c = opened(x=first, dy=first, gamma=np.ones(3))
    np.testing.assert_array_equal(c.x, x.reshape(-1, 3))
    c = opened(x=x[0, 0, 0], dy=dy[0, 0, 0])
    assert c.shape == (3, 1)
    many = np.arange(6_400_000, dtype=np.float32).reshape(-1, 64) % 7
    c = opened(x=many, dy=0 * many)
    assert not c.dy.any()
    wide = np.ones((1, 4_000))
    c = opened(x=wide, dy=wide, a=wide)
    assert c.a is None
    assert "The layer in front, 4000 inputs to 4000, is too large" in c.note


@pytest.mark.parametrize("tail", ["1e-" + "9" * 400, "1e-999", "0.0", "1" * 300 + "e-300"])
def test_however_a_gradient_is_written(tail: str) -> None:
    c = read_csv(f"x_1,dy_1,dx_1\n1,1,{tail}\n2,1,0.0\n4,0,0.0\n")
    assert c.written == 0 or 0 < c.written < 1e-200


@pytest.mark.parametrize(
    ("cells", "last"),
    [
        (["0.25", "1.5"], 0.01),
        (["2.5e-3", "1"], 1e-4),
        (["12", "7"], 0),
        (["-0.125", "3.1E+1"], 1e-3),
        (["0.0000", "0.5"], 0.1),  # a zero says nothing of its places
    ],
)
def test_half_of_the_last_decimal_place_is_what_a_text_hides(cells: list[str], last: float) -> None:
    rows = "".join(f"{i},1,{cell}\n" for i, cell in enumerate(cells))
    written = read_csv("x_1,dy_1,dx_1\n" + rows).written
    assert written == pytest.approx(last / 2, rel=1e-12, abs=0)


def attempt(read: Callable[[Any], Capture], data: Any) -> None:
    """It opens, or it is a sentence."""
    said = "."
    try:
        read(data)
    except CaptureError as error:
        said = str(error)
    assert said.endswith(".")


GOOD = written(made(n=6, k=2, d=2))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_capture_or_a_sentence(data: bytes) -> None:
    attempt(read_npz, io.BytesIO(data))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.data())
def test_a_good_file_with_wrong_bytes_is_a_capture_or_a_sentence(data: st.DataObject) -> None:
    bent = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 8))):
        bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(bent)))
    attempt(read_npz, io.BytesIO(bytes(bent[: cut or None])))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet="x_1dy2a,;\n\"'.-e0 =", max_size=80))
def test_any_text_is_a_capture_or_a_sentence(text: str) -> None:
    attempt(read_csv, text)


@pytest.mark.parametrize(("places", "good"), [(3, True), (6, True), (None, True), (6, False)])
def test_a_gradient_written_to_a_few_places_is_judged_by_them(
    places: int | None, good: bool
) -> None:
    c = made(5, n=30, k=2, dtype="float64")
    dx = there(c.dx) if good else there(c.dx) + 1e-4
    rounded = [v if places is None else np.round(v, places) for v in (c.x, c.dy, dx)]
    gamma = np.broadcast_to(c.gamma, c.x.shape)
    rows = np.hstack([*rounded, gamma])
    heads = ",".join(f"{name}_{j}" for name in ("x", "dy", "dx", "gamma") for j in (1, 2))
    text = "\n".join([heads, *(",".join(repr(float(v)) for v in row) for row in rows)])
    agrees = claims.agreement(survey.survey(read_csv(text)))
    assert agrees is not None
    assert agrees[0] == good


@TORCH
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("Conv2d(3, 5, 3, padding=1)", (4, 3, 7, 6)),
        ("Conv2d(3, 5, (2, 3), stride=(2, 1), dilation=2, bias=False)", (4, 3, 9, 8)),
        ("Linear(6, 5)", (16, 6)),
    ],
)
def test_the_layer_in_front_is_taken_along(
    layer: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    import torch  # noqa: PLC0415

    torch.manual_seed(3)
    front = eval(f"torch.nn.{layer}", {"torch": torch})
    norm = (torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d)(5)
    model = torch.nn.Sequential(front, norm, torch.nn.ReLU(inplace=True))
    with captures.capture(model, tmp_path) as found:
        out = model(torch.randn(shape))
        (out * torch.randn(out.shape)).sum().backward()
    c = read_npz(tmp_path / "1.npz")
    same(c, found["1"])
    np.testing.assert_allclose(there(c.a) @ there(c.weight) + there(c.bias), c.x, atol=1e-5)
    assert there(claims.agreement(survey.survey(c)))[0]
    # What PyTorch found for the layer in front is aᵀ ∂L/∂x.
    by_torch = front.weight.grad.reshape(5, -1).T.numpy()
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps, c.a))
    np.testing.assert_allclose(there(t.dweight), by_torch, atol=1e-5 * np.abs(by_torch).max())
    assert (survey.survey(c).dweight is not None) == (c.a is not None)


@TORCH
def test_beside_a_skip_connection_the_gradient_is_of_the_norm_alone(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    class Block(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.norm = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            x = self.linear(given)
            out: torch.Tensor = x + self.norm(x).relu_()
            return out

    torch.manual_seed(0)
    block = Block()
    with captures.capture(block, tmp_path) as found:
        (block(torch.randn(20, 3)) ** 2).sum().backward()
    good, said = there(claims.agreement(survey.survey(found["norm"])))
    assert good, said
    assert found["norm"].a is not None


def hooked(
    model: torch.nn.Module,
    given: torch.Tensor,
    tmp_path: Path,
    act: Callable[[], None] = lambda: None,
    call: Callable[..., Any] | None = None,
) -> captures.Captured:
    """A model's captures, after one forward and backward and what else is done in between."""
    with captures.capture(model, tmp_path) as found:
        out = model(given) if call is None else call(model, given)
        (out**2).sum().backward()
        act()
    return found


@TORCH
def test_what_happens_after_the_backward_pass_changes_nothing(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 2)
    )
    given = torch.randn(20, 6)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)

    def act() -> None:
        optimiser.step()
        given.zero_()

    c = hooked(model, given, tmp_path, act)["1"]
    good, said = there(claims.agreement(survey.survey(c)))
    assert good, said
    np.testing.assert_allclose(there(c.a) @ there(c.weight) + there(c.bias), c.x, atol=1e-5)


@TORCH
def test_a_layer_whose_output_was_changed_in_place_is_not_in_front(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    model = torch.nn.Sequential(
        torch.nn.Linear(6, 5), torch.nn.ReLU(inplace=True), torch.nn.BatchNorm1d(5)
    )
    assert hooked(model, torch.randn(9, 6), tmp_path)["2"].a is None


@TORCH
def test_the_model_does_the_same_with_and_without_hooks(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    class Named(torch.nn.Module):  # type: ignore[misc]
        """Calls by keyword, and has a name with a slash."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(6, 5)
            self.norms = torch.nn.ModuleDict({"a/b": torch.nn.BatchNorm1d(5)})

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.norms["a/b"](input=self.linear(input=given))
            return out

    torch.manual_seed(0)
    model, given = Named(), torch.randn(20, 6)
    (model(given) ** 2).sum().backward()
    plain = [there(p.grad).clone() for p in model.parameters()]
    model.zero_grad()
    c = hooked(model, given, tmp_path)["norms.a/b"]
    assert (tmp_path / "norms.a_b.npz").exists()
    assert c.a is not None
    for before, parameter in zip(plain, model.parameters(), strict=True):
        assert torch.equal(before, there(parameter.grad))
    hooks = [(m._forward_hooks, m._forward_pre_hooks) for m in model.modules()]
    assert not any(before or after for before, after in hooks)  # none is left
    frozen = torch.nn.Sequential(torch.nn.BatchNorm1d(6)).requires_grad_(False)
    with pytest.raises(CaptureError, match="no gradient reaches it"):  # noqa: SIM117
        with captures.capture(frozen, tmp_path):
            assert not frozen(given).requires_grad


@TORCH
@pytest.mark.parametrize("affine", [True, False])
def test_scale_and_shift_come_along_and_are_one_and_zero_without(
    affine: bool, tmp_path: Path
) -> None:
    import torch  # noqa: PLC0415

    norm = torch.nn.BatchNorm1d(3, eps=1e-3, affine=affine)
    gamma, beta = [1.5, -2.0, 0.25], [3.0, 0.5, -1.0]
    if affine:
        with torch.no_grad():
            norm.weight.copy_(torch.tensor(gamma))
            norm.bias.copy_(torch.tensor(beta))
    given = torch.randn(9, 3, requires_grad=True)
    c = hooked(torch.nn.Sequential(norm), given, tmp_path)["0"]
    assert c.gamma.tolist() == (gamma if affine else [1.0] * 3)
    assert c.beta.tolist() == (beta if affine else [0.0] * 3)
    assert c.eps == 1e-3
    # The loss is Σ y², so y is half of ∂L/∂y.
    t = run(Scenario(c.x, c.dy, c.gamma, c.beta, c.eps))
    np.testing.assert_allclose(t.y, c.dy / 2, atol=1e-5)


@TORCH
def test_of_several_backward_passes_it_is_the_last(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    with captures.capture(model, tmp_path) as found:
        given = torch.randn(20, 3, requires_grad=True)
        out = model(given)
        (out**2).sum().backward(retain_graph=True)
        before = there(given.grad).clone()
        (out**3).sum().backward()
    assert "This is backward pass 2." in found["0"].note
    np.testing.assert_allclose(
        there(found["0"].dx), (there(given.grad) - before).numpy(), atol=1e-6
    )
    assert there(claims.agreement(survey.survey(found["0"])))[0]


@TORCH
def test_half_precision_and_inputs_without_a_gradient(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)).bfloat16()
    given = torch.randn(32, 4).bfloat16()
    with captures.capture(model, tmp_path):
        model(given).float().square().sum().backward()
        with torch.no_grad():
            model(given * 2)  # watched as well, and passed over
    c = read_npz(tmp_path / "0.npz")
    assert c.x.dtype == np.float32
    assert c.precision == 2.0**-7
    assert c.dx is not None
    assert c.note == ""  # calls are those that get a gradient
    np.testing.assert_array_equal(c.x, given.float().numpy())
    assert there(claims.agreement(survey.survey(c)))[0]
    wrong = dataclasses.replace(c, dx=c.dx + 0.5 * np.abs(c.dx).max())
    assert not there(claims.agreement(survey.survey(wrong)))[0]


@TORCH
def test_two_layers_of_a_network_in_training(tmp_path: Path) -> None:
    network = Network()
    with captures.capture(network.model, tmp_path) as found:
        network.backward()
    assert sorted(found) == ["1", "4"]
    for name in found:
        c = read_npz(tmp_path / f"{name}.npz")
        same(c, found[name])
        good, said = there(claims.agreement(survey.survey(c)))
        assert good, said
    assert found["1"].shape == (16 * 36, 4)
    assert "(16, 4, 6, 6) read as (576, 4)" in found["1"].note
    assert there(found["4"].a).shape == (16, 144)
    network.model.eval()
    with captures.capture(network.model, tmp_path) as found:
        network.backward()
    assert {c.mode for c in found.values()} == {"eval"}
    for c in found.values():
        assert there(claims.agreement(survey.survey(c)))[0]
