"""Any print that people have: read as written, refused with its place, and never executed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnviz.core.arrays import Array
from bnviz.core.trace import run
from bnviz.inputs.presets import PRESETS
from bnviz.proof.judge import diagnose
from bnviz.proof.reading import Pasted, PasteError, as_text, parse

T = run(PRESETS["puzzle"].scenario)


def csv(values: np.ndarray) -> str:
    return "\n".join(",".join(repr(float(v)) for v in row) for row in values)


def rows(values: np.ndarray, between: str = " ", form: str = ".6f") -> list[str]:
    """Each row as text, its numbers in columns."""
    return [between.join(f"{v:{form}}".rjust(9) for v in row) for row in values]


def torch_print(v: np.ndarray, form: str = ".4f") -> str:
    lines = [", ".join(f"{x:{form}}".rjust(7) for x in row) for row in v]
    return "tensor([[" + "],\n        [".join(lines) + "]])"


def julia(v: np.ndarray) -> str:
    return "6×2 Matrix{Float64}:\n" + "\n".join("  " + row for row in rows(v, "  "))


def r_print(v: np.ndarray) -> str:
    return "           [,1]       [,2]\n" + "\n".join(
        f"[{i + 1},] {row}" for i, row in enumerate(rows(v, form=".7f"))
    )


def markdown(v: np.ndarray) -> str:
    lines = ["| dx1 | dx2 |", "|:---|---:|"]
    return "\n".join(lines + ["| " + " | ".join(f"{x:.6f}" for x in row) + " |" for row in v])


def numpy_2(v: np.ndarray) -> str:
    return "[" + ", ".join(str([np.float64(x) for x in row]) for row in v) + "]"


def commas(v: np.ndarray, between: str) -> str:
    return "\n".join(between.join(repr(float(x)).replace(".", ",") for x in row) for row in v)


ROWS = [list(row) for row in T.dx]
WRITTEN: dict[str, Callable[[Array], str]] = {
    "numpy": str,
    "repr": repr,
    "float32": lambda v: repr(v.astype(np.float32)),
    "assigned": lambda v: f"dx = np.{v!r}",
    "list": lambda v: str(v.tolist()),
    "tuples": lambda v: str(tuple(tuple(row) for row in v.tolist())),
    "list of tuples": lambda v: str([tuple(row) for row in v.tolist()]),
    "list of arrays": lambda v: str(list(v)),
    "NumPy 2": numpy_2,
    "csv": csv,
    "csv with names": lambda v: "a,b\n" + csv(v),
    "csv with a comma at the end": lambda v: csv(v).replace("\n", ",\n") + ",",
    "savetxt": lambda v: "# dx\n" + "\n".join(" ".join(f"{x:.18e}" for x in row) for row in v),
    "pandas": lambda v: (
        ",a,b\n" + "\n".join(f"{i},{line}" for i, line in enumerate(csv(v).split("\n")))
    ),
    "pandas print": lambda v: (
        "          0         1\n" + "\n".join(f"{i}  {row}" for i, row in enumerate(rows(v)))
    ),
    "counted from 1": lambda v: (
        "sample,dx_1,dx_2\n"
        + "\n".join(f"{i + 1},{line}" for i, line in enumerate(csv(v).split("\n")))
    ),
    "a loop": lambda v: "\n".join(f"{i}: {x!r} {y!r}" for i, (x, y) in enumerate(v.tolist())),
    "tabs": lambda v: csv(v).replace(",", "\t"),
    "semicolons": lambda v: csv(v).replace(",", ";"),
    "blanks": lambda v: csv(v).replace(",", "  "),
    "decimal commas": lambda v: commas(v, ";"),
    "decimal commas and tabs": lambda v: commas(v, "\t"),
    "decimal commas and blanks": lambda v: commas(v, "  "),
    "typographic minus": lambda v: csv(v).replace("-", "−"),
    "no-break blanks": lambda v: str(v).replace(" ", "\u00a0").replace("-", "−"),
    "torch": lambda v: "tensor(" + str(v.tolist()) + ", dtype=torch.float64)",
    "torch's print": torch_print,
    "torch's powers": lambda v: torch_print(v, ".4e"),
    "x.grad": lambda v: "x.grad: " + torch_print(v),
    "x.grad =": lambda v: "x.grad = " + torch_print(v),
    "a parameter": lambda v: (
        "Parameter containing:\n" + torch_print(v)[:-1] + ", requires_grad=True)"
    ),
    "on a device": lambda v: (
        torch_print(v)[:-1] + ", device='cuda:0',\n dtype=torch.float64, grad_fn=<AddBackward0>)"
    ),
    "autograd.grad": lambda v: f"({torch_print(v)},)",
    "tf.Tensor": lambda v: f"tf.Tensor(\n{v}, shape=(6, 2), dtype=float64)",
    "tf's repr": lambda v: f"<tf.Tensor: shape=(6, 2), dtype=float64, numpy=\n{v!r}>",
    "jax": lambda v: f"Array({v.astype(np.float32).tolist()}, dtype=float32)",
    "CuPy": lambda v: f"cupy.{v!r}",
    "MXNet": lambda v: f"\n{v.astype(np.float32)}\n<NDArray 6x2 @cpu(0)>",
    "candle": lambda v: (
        f"{[[round(x, 4) for x in row] for row in v.tolist()]}\nTensor[[6, 2], f64]"
    ),
    "ndarray": lambda v: (
        f"{v.tolist()}, shape=[6, 2], strides=[2, 1], layout=Cc (0x5), const ndim=2"
    ),
    "JSON": lambda v: json.dumps({"dx": v.tolist()}),
    "print with a name": lambda v: f"dx: {v}",
    "a prompt": lambda v: f">>> dx\n{v!r}",
    "IPython": lambda v: f"In [2]: dx\nOut[2]: \n{v!r}",
    "IPython's answer": lambda v: f"Out[3]: {v!r}",
    "MATLAB": lambda v: "dx =\n\n" + "\n".join("   " + row for row in rows(v, form=".4f")) + "\n",
    "MATLAB's literal": lambda v: "dx = [" + "; ".join(rows(v)) + "];",
    "Octave": lambda v: "dx =\n\n" + "\n".join(rows(v, form=".4f")),
    "R": r_print,
    "Julia": julia,
    "Julia's literal": lambda v: "[" + "; ".join(rows(v)) + "]",
    "Eigen": lambda v: "\n".join(rows(v)),
    "Mathematica": lambda v: str(v.tolist()).replace("[", "{").replace("]", "}"),
    "Markdown": markdown,
    "LaTeX": lambda v: " \\\\\n".join(" & ".join(f"{x:.6f}" for x in row) for row in v),
    "C": lambda v: "{" + ", ".join("{" + ", ".join(f"{x:.6f}f" for x in r) + "}" for r in v) + "};",
    "flat": lambda v: repr(v.ravel()),
    "(N, k, 1, 1)": lambda v: repr(v[:, :, None, None]),
    "windows": lambda v: "\ufeff" + csv(v).replace("\n", "\r\n") + "\r\n",
}


@pytest.mark.parametrize("way", WRITTEN)
def test_reads_what_people_paste(way: str) -> None:
    text = WRITTEN[way](T.dx)
    found = parse(text)
    assert found.values.size == 12
    np.testing.assert_allclose(found.values.reshape(6, 2), T.dx, atol=6e-5)
    assert diagnose(T, "dx", found).holds, diagnose(T, "dx", found)


def test_a_factor_over_the_table_counts() -> None:
    body = "\n".join(rows(T.dx, form=".4f"))
    found = parse(f"dx =\n\n   1.0e+03 *\n\n{body}\n")
    np.testing.assert_allclose(found.values, 1000 * np.round(T.dx, 4), rtol=1e-12)
    np.testing.assert_allclose(found.resolution, 0.05)


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("array([1., 2.], dtype=float32)", "float32"),
        ("tensor([1., 2.], dtype=torch.bfloat16)", "bfloat16"),
        ("tensor([1., 2.], device='cuda:0', dtype=torch.float16)", "float16"),
        ("tf.Tensor([1. 2.], shape=(2,), dtype=float64)", "float64"),
        ("[1.5, 2.0]\nTensor[[2], f32]", "float32"),
        ("2-element Vector{Float32}:\n 1.0\n 2.0", "float32"),
        ("[np.float32(1.5), np.float32(2.0)]", "float32"),
        ("[1., 2.]", ""),
    ],
)
def test_the_dtype_is_read_where_it_is_stated(text: str, dtype: str) -> None:
    assert parse(text).dtype == dtype


def test_resolution_is_half_of_the_last_digit() -> None:
    found = parse("[1.25 -3. 4e-3 .5]")
    np.testing.assert_allclose(found.resolution, [0.005, 0.005, 0.000005, 0.005])
    assert not parse("[1.25 -3. 4e-3 .5 0.1234567890123456]").resolution.any()
    # A zero among powers of ten has none of its own.
    np.testing.assert_allclose(parse("[-1.1921e-07, 0.0000e+00]").resolution, 5e-12)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "nothing in it yet"),
        ("[[1, 2], [3]]", "differ in length"),
        ("[1, 2", "not closed"),
        ("(1, 2", "not closed"),
        ("[1, 2)", "another kind of bracket"),
        ("1, 2]", "no opening"),
        ("[1] [2]", "more than one array"),
        ("dx = array([1., 2.])\ndgamma = array([3.])", "more than one array"),
        ('{"dx": [1, 2], "dgamma": [3]}', "more than one array"),
        ("array([1, 2], [3, 4])", "more than one array"),
        ("[[[[[1, 2]]]], [[[[3, 4]]]]]", "more than 4 brackets"),
        ("[[1, [2]], [3, [4]]]", "deeper than others"),
        ("1,2\n3,nan", "Row 2, column 2: “nan”"),
        ("1,2\n3,inf", "Row 2, column 2: “inf”"),
        ("tensor([[nan, 1.], [1., 1.]])", "Number 1: “nan”"),
        ("[1.5+0.j, 2.-1.j]", "Number 1: “1.5+0.j” is complex"),
        ("1,2\n3", "Row 2 has 1"),
        ("[1, two]", "Number 2: “two”"),
        ("[1/3, 2/3]", "Number 1: “1/3”"),
        ("[1, 1e999]", "too large"),
        ("[1. 2. ... 3.]", "NumPy left numbers out of this print, where line 1 has dots"),
        ("tensor([[1.,\n ...,\n 2.]])", r"PyTorch left numbers out .* line 2 .*profile='full'"),
        ("<tf.Tensor: numpy=\narray([1. ... 2.])>", "numbers out of this print, where line 2"),
        ("6×2 Matrix{Float64}:\n 1.0\n ⋮\n 2.0", "Julia left numbers out"),
        ("    0\n0  1.0\n..  ...\n9  2.0\n[10 rows x 1 columns]", "pandas left numbers out"),
        ("[[1. 2.]\n …\n [3. 4.]]", "where line 2 has dots"),
        ("Columns 1 through 2:\n\n 1 2\n\nColumn 3:\n\n 3", "stand in groups"),
        ("a,b\n", "no numbers"),
        ("[]", "no numbers"),
        ("array()", "no numbers"),
        ("<img src=x onerror=alert(1)>", "outside the brackets"),
        ("__import__('os').system('true')", "outside the brackets"),
        ("[__import__('os')]", "Number 1"),
        ("[eval(1)]", "Number 1: “eval”"),
        ("1_000", "no numbers"),
        ("١", "no numbers"),
        ("1 " * 150_000, "too long"),
        ("array(" + ",dtype=" * 20_000 + "[1]", "is not a number"),
        ("[1]" + ", a=" * 40_000, "outside the brackets"),
        ("[" * 100_000, "not closed"),
        ("array(" * 30_000, "not closed"),
        ("]1[", "outside the brackets"),
        ("[1]]", "no opening"),
        ("1.0e+999 *\n1 2", "too large"),
    ],
)
def test_says_what_is_wrong(text: str, what: str) -> None:
    with pytest.raises(PasteError, match=what if ".*" in what else re.escape(what)):
        parse(text)


# What prints are made of, put together in any order.
PIECES = [
    *("array(", "tensor(", "np.float64(", "[", "]", "(", ")", "{", "}", ",", ";", "\n", "1.5"),
    *("-2e-3", "0,5", "nan", "dtype=float32", "dx = ", "Out[3]: ", ">>> ", "|", "× ", "0: "),
    *("<tf.Tensor: numpy=", ">", "1.0e+03 *", "[1,]", "[,1]", '"dx": '),
]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="[](){}<>0123456789.,-+eE:; \n\t|&=ajx\"'", max_size=60),
        st.lists(
            st.sampled_from(PIECES),
            max_size=24,
        ).map("".join),
    )
)
def test_any_text_is_an_array_or_a_sentence(text: str) -> None:
    said = ""
    try:
        found = parse(text)
    except PasteError as error:
        said = str(error)
    if said:
        assert said.endswith((".", ").", "’).", "which TensorFlow obeys."))
        return
    assert np.isfinite(found.values).all()
    assert found.values.size > 0
    assert (found.resolution >= 0).all()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789.,- \n", min_size=1, max_size=40))
def test_whatever_was_read_is_judged_with_a_sentence(text: str) -> None:
    try:
        found = parse(text)
    except PasteError:
        return
    for term in ("dx", "dgamma", "dweight"):
        assert diagnose(T, term, found).claim.endswith(".")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2), min_size=1, max_size=5),
    st.sampled_from([None, 0, 4, 8]),
    st.sampled_from(["", "float32", "bfloat16"]),
)
def test_what_is_written_for_the_link_is_read_back(
    rows: list[list[float]], places: int | None, dtype: str
) -> None:
    values = np.array(rows) if places is None else np.round(rows, places)
    half = np.full(values.shape, 0.0 if places is None else 0.5 * 10.0**-places)
    back = parse(as_text(Pasted(values, half, dtype)))
    np.testing.assert_array_equal(back.values, values)
    assert back.dtype == dtype
    if places:
        np.testing.assert_allclose(back.resolution, half)
