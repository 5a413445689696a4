"""What may be said of a captured layer: what looks wrong, and whether its program agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bnviz.captures.record import Capture, Fault, faults
from bnviz.captures.survey import Neurons, by_running, rounding_share, survey, written_off
from bnviz.claims.ledger import tell
from bnviz.core.arrays import Array
from bnviz.core.columns import Columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.proof.judge import Diagnosis, diagnose
from bnviz.proof.reading import Pasted, as_text
from bnviz.proof.rounding import FORMATS
from bnviz.words.claim import Claim
from bnviz.words.glossary import TERMS
from bnviz.words.numbers import number

TINY = 100  # a variance below so many ε is ruled by ε
STEEP = 100.0
REMOVED = 0.99
BATCH = ("batch", "sync")


@dataclass(frozen=True)
class Finding:
    """One neuron and what is to be said of it; the more severe, the worse."""

    neuron: int
    words: tuple[str, ...]
    severity: float


def findings(c: Capture, seen: Neurons) -> list[Finding]:
    """Every neuron, the worst first; in plain words, each true of its numbers."""
    found = []
    bad = _not_finite(c)
    for j in range(c.shape[1]):
        words: list[tuple[float, str]] = []
        if j in bad:
            words.append((20, bad[j]))
            found.append(Finding(j, (bad[j],), 20))
            continue
        if not c.backward:
            found.append(Finding(j, (), 0))
            continue
        if seen.far is not None and seen.bound is not None and not seen.far[j] <= seen.bound[j]:
            words.append((9, f"∂L/∂x differs from the captured one by {number(seen.far[j])}"))
        if seen.g_size[j] == 0:
            dead = c.gamma[j] != 0 or not c.dy[:, j].any()
            words.append(
                (5, "dead: nothing comes from upstream" if dead else "γ is 0: nothing passes")
            )
        elif seen.var[j] == 0 and c.kind in BATCH:
            words.append((8, "constant: every x is the same"))
        elif c.mode == "train" and c.kind in BATCH and seen.var[j] < TINY * c.eps:
            words.append((6, f"tiny variance, {number(seen.var[j])}: ε has a say"))
        if (
            c.kind in BATCH
            and seen.inv_std[j] > STEEP
            and seen.dx_size[j] > 0.1 * STEEP * seen.g_size[j] > 0
        ):
            words.append((7, f"1/σ is {number(seen.inv_std[j])}: gradients explode"))
        if seen.removed_x_hat[j] > REMOVED:
            words.append((4, "upstream along x̂: nearly all of it is taken away"))
        elif seen.removed_mean[j] + seen.removed_x_hat[j] > REMOVED and seen.g_size[j] > 0:
            words.append((3, "nearly all of the upstream is taken away"))
        words.sort(reverse=True)
        found.append(Finding(j, tuple(text for _, text in words), sum(w for w, _ in words)))
    size = np.nan_to_num(seen.dx_size, nan=0.0)
    return sorted(found, key=lambda f: (-f.severity, -float(size[f.neuron]), f.neuron))


def _not_finite(c: Capture) -> dict[int, str]:
    """Each neuron with a number that is not finite: its first one, in the order of a step."""
    found: dict[int, str] = {}
    for name in ("weight", "bias", "x", "gamma", "beta", "running_mean", "running_var", "dy", "dx"):
        values = getattr(c, name)
        if values is None or (not c.backward and name == "dy"):
            continue
        bad = ~np.isfinite(values)
        for j in np.flatnonzero(bad if bad.ndim == 1 else bad.any(axis=0)):
            if int(j) not in found:
                row = int(bad[:, j].argmax()) if bad.ndim == 2 else None
                value = values[j] if row is None else values[row, j]
                found[int(j)] = f"not finite: {_place(name, row)} is {number(float(value))}"
    return found


_CALLED = {
    "a": "a", "weight": "W", "bias": "the bias", "x": "x", "gamma": "γ", "beta": "β",
    "running_mean": "the running mean", "running_var": "the running variance",
    "dy": "∂L/∂y", "dx": "the captured ∂L/∂x",
}  # fmt: skip


def _place(name: str, row: int | None) -> str:
    called = _CALLED[name]
    if row is None:
        return called
    return f"{called} of {'input' if name == 'weight' else 'row'} {row + 1}"


def first_fault(c: Capture) -> str:
    """Where a layer first holds a number that is not finite, in a sentence; or nothing."""
    found = faults(c)
    return said_of(found[0]) if found else ""


def said_of(f: Fault) -> str:
    """Where it is, and what is there."""
    at = "" if f.neuron is None else f", {'input' if f.table == 'a' else 'neuron'} {f.neuron + 1},"
    return f"Not finite first: {_place(f.table, f.row)}{at} is {number(f.value)}."


def what_kind(c: Capture, seen: Neurons) -> str:
    """What a norm that is no batch norm is, and over what its gradients add up to 0."""
    if c.kind == "own":
        why = (
            f"It is taken over {c.place.ranks} ranks, and this is one: open the folder of all."
            if c.norm == "sync"
            else "Its forward is its own, or its samples are not whole here."
        )
        return f"This layer is not judged. {why} Shown is the gradient as it was captured."
    if c.kind == "rms":
        return "This is RMS norm: it takes no mean away, so no sum of ∂L/∂x has to be 0."
    if c.kind in BATCH or seen.groups is None or not c.backward:
        return ""
    over = (
        "the features of a sample"
        if c.kind == "layer"
        else f"the positions of a sample and {c.shape[1] // c.groups} of its channels"
    )
    name = "layer norm" if c.kind == "layer" else "instance norm" if c.groups == c.shape[1] else ""
    value, bound = seen.groups
    zero = value <= bound
    return (
        f"This is {name or 'group norm'}: over {over} ∂L/∂x adds up to "
        + (f"0, but for rounding ({number(value)}); over the batch it need not." if zero
           else f"{number(value)}, where rounding explains {number(bound)}.")
    )  # fmt: skip


def whole_layer(o: Overview, name: str) -> Claim:
    """How many neurons stand out, and what layer this is."""
    c, k = o.capture, o.capture.shape[1]
    bad = sum(bool(finding.words) for finding in o.order)
    verb = "stands" if bad == 1 else "stand"
    mode = "training" if c.mode == "train" else "evaluation"
    return Claim(
        f"{bad} of {k} neurons {verb} out." if bad else f"None of the {k} neurons stands out.",
        f"This is {name}: {c.rows} rows, {k} neurons, in {mode} mode. {c.note}".strip(),
    )


def taken_away(c: Capture) -> str:
    """What of ∂L/∂x̂ the layer takes away."""
    choose = "Choose a neuron to see its ledger."
    g = TERMS["dx_hat"].symbol
    if c.mode == "eval":
        return f"In evaluation mode nothing of {g} is taken away. {choose}"
    if c.kind not in BATCH:
        return f"By neuron, nothing of {g} is taken away here. {choose}"
    return (
        f"Training takes away what of {g} lies along 1, its mean, and, as far as ε allows, what "
        f"lies along {TERMS['x_hat'].symbol}; the shares are of its square. {choose}"
    )


def headline(o: Overview, neuron: int, seen: Columns) -> Claim:
    """What the ledger of a neuron says, and what stands out of it."""
    c = o.capture
    words = "; ".join(next(f.words for f in o.order if f.neuron == neuron))
    found = f"It stands out: {words}." if words else ""
    shown, rows = c.shape[0], c.rows
    if c.kind not in BATCH:
        claim = "The ledger shows what batch norm would do with these numbers."
        return Claim(claim, f"{what_kind(c, o.seen)} {found}".strip())
    if seen.trace.scenario.frozen:
        story = tell(seen)
        some = f"These are {shown} of {rows} rows. " if shown < rows else ""
        return Claim(
            story.claim,
            f"This layer was evaluating, with a σ² of {number(float(seen.trace.var[0]))}. "
            f"{some}{story.why} {found}".strip(),
        )
    if shown < rows:
        return Claim(
            f"These are {shown} of {rows} rows, as a batch of their own.",
            f"The ledger takes their own mean and variance; the table of neurons counts all "
            f"{rows}. {found}".strip(),
        )
    story = tell(seen)
    return Claim(story.claim, f"{found} {story.why}".strip())


def no_ledger(c: Capture, neuron: int) -> str:
    """Why no ledger of a neuron can be drawn; nothing where one can."""
    values = [c.x[:, neuron], c.dy[:, neuron], c.gamma[neuron], c.beta[neuron]]
    if not c.backward:
        return "No gradient came, so there is no ledger"
    if c.a is not None:
        values.append(c.a)
    if not all(np.isfinite(v).all() for v in values):
        return "Numbers that are not finite leave no ledger to draw"
    return ""


def furthest(far: Array, bound: Array) -> int:
    """The neuron that lies furthest beyond its bound, or comes nearest to it."""
    with np.errstate(over="ignore"):
        return int(np.argmax(far / np.where(bound > 0, bound, np.finfo(float).tiny)))


def agreement(seen: Neurons) -> tuple[bool | None, str] | None:
    """Does the captured ∂L/∂x agree everywhere? None where there is none.

    The verdict is None where digits are too coarse for one.
    """
    if seen.far is None or seen.bound is None:
        return None
    if not np.isfinite(seen.far).all():
        return None, "Where numbers are not finite, no gradient can be judged."
    j = furthest(seen.far, seen.bound)
    far, bound = float(seen.far[j]), number(float(seen.bound[j]))
    if not seen.far[j] <= seen.bound[j]:
        return False, (
            f"∂L/∂x differs from the captured one: at neuron {j + 1} by {number(far)}, where "
            f"rounding explains {bound}."
        )
    coarse = np.zeros(seen.far.size) if seen.coarse is None else seen.coarse
    worst = int(np.argmax(coarse))
    if coarse[worst] > 0.5:
        return None, (
            f"Whether ∂L/∂x agrees with the captured one can’t be told: at neuron {worst + 1}, "
            "digits as coarse as these leave next to nothing of it."
        )
    said = (
        f"∂L/∂x agrees with the captured one: at neuron {j + 1}, nearest to its bound, they differ "
        f"by {number(far)} of {bound}."
    )
    if coarse[worst] > 0.01:
        said += (
            f" The digits are coarse: at neuron {worst + 1} rounding explains up to "
            f"{coarse[worst]:.0%} of the size of a gradient."
        )
    return True, said


_WHOLE = 2**18  # numbers; beyond, faults that need more than one neuron are not tried


def judged(
    c: Capture, neurons: Sequence[int], term: str = "dx", mine: Pasted | None = None
) -> Diagnosis:
    """The judge on what was captured of these neurons; mine: on another term, handed in by hand.

    Their whole batch is taken, in training. The rounding allowed is that of the format captured.
    """
    j = list(neurons)
    a = None if c.a is None else c.a.astype(np.float64)
    x, dy = (values[:, j].astype(np.float64) for values in (c.x, c.dy))
    s = Scenario(x, dy, c.gamma[j], c.beta[j], c.eps, a)
    if mine is None:
        assert c.dx is not None
        dx = c.dx[:, j].astype(np.float64)
        mine = Pasted(dx, np.full(dx.shape, c.written), _format(c))
    return diagnose(run(s), term, mine)


def as_pasted(c: Capture, neuron: int) -> str:
    """One neuron's captured ∂L/∂x as text that the judge reads back."""
    assert c.dx is not None
    dx = c.dx[:, [neuron]].astype(np.float64)
    return as_text(Pasted(dx, np.full(dx.shape, c.written), _format(c)))


def _format(c: Capture) -> str:
    """The format whose precision the numbers have."""
    names = [name for name, form in FORMATS.items() if c.precision <= 2 * form.u * (1 + 1e-9)]
    return min(names, key=lambda name: FORMATS[name].u, default="bfloat16")


def explain(c: Capture, neuron: int) -> tuple[str, Diagnosis | None]:
    """Which known mistake or mode gives the captured ∂L/∂x of a neuron; and the judge’s words."""
    if c.dx is None or c.kind != "batch" or c.whole is not None:
        return "", None
    if c.mode == "eval":
        found = judged(c, [neuron])
        if found.verdict == "right":
            return (
                "There, the captured gradient is that of training, with the batch’s own statistics."
            ), None
        return (
            "There, the captured gradient is neither that of its mode nor that of training.",
            None,
        )
    if c.running_var is not None:
        t = run(Scenario(c.x[:, [neuron]], c.dy[:, [neuron]], c.gamma[[neuron]], eps=c.eps))
        size = t.inv_std * np.abs(t.dx_hat).max(axis=0)
        allowed = 4 * rounding_share(c, t.mean, t.inv_std) * size + written_off(
            c, t.scenario.gamma, t.inv_std, size
        )
        running = by_running(c, c.running_var)[:, neuron]
        if np.abs(running - c.dx[:, neuron]).max() <= float(allowed[0]):
            return "There, the captured gradient is that of running statistics: eval mode.", None
    found = judged(c, [neuron])
    if not found.causes and c.x.size <= _WHOLE:
        # Another neuron’s γ, another axis: these take more than one neuron to see.
        whole = judged(c, range(c.shape[1]))
        found = whole if whole.causes else found
    if found.causes:
        return (
            f"There, the captured gradient fits a known mistake: {found.causes[0].title}."
        ), found
    if found.verdict != "wrong":
        return "There, the rounding of that format may explain it all the same.", found
    return (
        "There, the captured gradient fits none of the known mistakes that can be seen in it."
    ), found


@dataclass(frozen=True, eq=False)
class Overview:
    """A capture and what was found in it; why says which mistake explains a difference.

    found: what the judge says of the neuron that is furthest off.
    """

    capture: Capture
    seen: Neurons
    order: list[Finding]
    why: str
    found: Diagnosis | None = None

    def differs(self, neuron: int) -> bool:
        """Does the captured ∂L/∂x of that neuron differ by more than rounding?"""
        seen = self.seen
        if seen.far is None or seen.bound is None:
            return False
        return not bool(seen.far[neuron] <= seen.bound[neuron])


def look_over(c: Capture, progress: Callable[[float], None] = lambda share: None) -> Overview:
    """Survey it, and say what stands out."""
    seen = survey(c, progress)
    why, found = "", None
    if seen.far is not None and seen.bound is not None and (seen.far > seen.bound).any():
        why, found = explain(c, furthest(seen.far, seen.bound))
    return Overview(c, seen, findings(c, seen), why, found)
