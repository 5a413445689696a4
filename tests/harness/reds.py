"""Every check of every page on right code: what shows red. `python -m tests.harness --checks N`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnviz.captures import Capture
from bnviz.captures.record import CaptureError, checked
from bnviz.claims import check, weights
from bnviz.claims import layer as layers
from bnviz.core.columns import columns
from bnviz.core.identities import identities
from bnviz.core.scenario import Scenario
from bnviz.core.trace import Trace, run
from bnviz.core.view import View
from bnviz.draw.derive_numbers import Numbers
from bnviz.draw.derive_steps import steps
from bnviz.draw.ledger import _tone
from bnviz.proof import complex_step, mistakes
from bnviz.proof.judge import checkable, diagnose
from bnviz.proof.losses import LOSSES, under
from bnviz.proof.reading import Pasted
from bnviz.study import neighbours
from bnviz.study.invariance import as_computed
from bnviz.study.lever import Look, lever
from bnviz.study.precision import passes
from bnviz.study.weight_gradient import VANISHING
from tests.harness.scenes import views
from tests.proof.sweep_judge import fits, pasted

# Which sums of a norm are 0: those over its own groups, and what is made of whole ones.
OWN = {"batch": "batch", "conv": "batch", "layer": "sample", "instance": "image", "group": "group"}


def finite(t: Trace) -> bool:
    """Does float64 hold all terms? Where not, the page says so in place of a check."""
    terms = (t.x_hat, t.inv_std, t.dvar, t.dmean, t.dx, t.dx_direct, t.dx_via_var, t.dgamma)
    return all(np.isfinite(v).all() for v in terms)


def reds(s: Scenario) -> Iterator[str]:
    """Each check that is red, by page and name, where the page shows it as one."""
    s = s.training()
    with np.errstate(all="ignore"):
        t = run(s)
        if not finite(t):
            return
        for name, one in identities(t).items():
            if not one.holds.all():
                yield f"core: {name}"
        yield from _check(s, t)
        for j, p in views(s):
            yield from _of(s, t, j, p)
        yield from _judged(s, t)
        yield from _captured(s, t)


def _of(s: Scenario, t: Trace, j: int, p: int) -> Iterator[str]:
    c = columns(t, View(j, p))
    found = {f"explore: Σ {name}": _tone(name, v) != "alarm" for name, v in c.sums.items()}
    for at, step in enumerate(steps(Numbers(t, View(j, p), s.shape[0] // 2))):
        if step["check"]:
            found[f"derive: step {at + 1}"] = step["check"]["holds"]
    if not p:
        found["weights: geometry"] = weights.geometry(t, j).holds
        found["check: precision"] = check.precision(t, j, passes(t, j)).holds
    if s.d:
        found["lever: lift"] = lever(c, Look(mark=2.0)).lift.vanishes
        found["weights: outer"] = weights.outer(t, j, p).holds
        for case in VANISHING:
            found[f"weights: {case.title}"] = weights.vanishing(case, s, j, p).holds
    if s.d and not p:
        computed = as_computed(s)
        found["weights: growth"] = weights.growth(computed, j).holds
        for power in (-3.0, -1.0, 0.0, 2.0):
            found[f"weights: scale, 10^{power:g}"] = weights.scale(computed, j, power).holds
    yield from (name for name, holds in found.items() if not holds)


def _check(s: Scenario, t: Trace) -> Iterator[str]:
    for loss in LOSSES:
        there = run(under(s, loss))
        compared = complex_step.against(there, complex_step.numeric(s, loss), loss)
        if finite(there) and not check.proof(there, compared).holds:
            red = [name for name, one in compared.items() if not one.holds]
            yield f"check: proof of {loss}, {' '.join(red)}"
    held = mistakes.verdicts(t, complex_step.numeric(s))
    for name, one in held.items():
        if not one.passes:
            yield f"check: {name} on the right trace"
    for norm, own in OWN.items():
        result = neighbours.neighbour(s, norm)
        if np.isfinite(result.dx).all() and not neighbours.group_sums(s, result)[own].vanishes:
            yield f"check: neighbours, {norm} over {own}"


def _judged(s: Scenario, t: Trace) -> Iterator[str]:
    """Right numbers, whole, in float32 and to four decimals."""
    for term in checkable(t):
        right = np.asarray(getattr(t, term), dtype=np.float64)
        if not np.isfinite(right).all() or np.abs(right).max() > 1e150:
            continue
        short = right.astype(np.float32).astype(np.float64)
        given = {how: pasted(right, how) for how in ("whole", "4 decimals")}
        if np.isfinite(short).all():
            given["float32"] = Pasted(short, np.zeros(short.shape), "float32")
        for how, mine in given.items():
            if not fits(s, term, mine) and diagnose(t, term, mine).verdict == "wrong":
                yield f"my code: {term}, {how}"


def _captured(s: Scenario, t: Trace) -> Iterator[str]:
    for kind in (np.float64, np.float32):
        tables = {"x": s.x, "dy": s.dy, "gamma": s.gamma, "beta": s.beta}
        made = {name: values.astype(kind) for name, values in tables.items()}
        if not all(np.isfinite(v).all() for v in made.values()):
            continue
        x, dy, gamma, beta = (v.astype(np.float64) for v in made.values())
        own = Scenario(x, dy, gamma, beta, s.eps)
        made["dx"] = run(own).dx.astype(kind)
        try:
            c: Capture = checked(made, {"eps": s.eps, "roundoff": 0.0}, {"mode": "train"})
        except CaptureError:
            continue
        verdict = layers.agreement(layers.look_over(c).seen)
        if verdict is not None and verdict[0] is False:
            yield f"your layer: {kind.__name__}"
