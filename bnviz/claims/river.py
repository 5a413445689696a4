"""What may be said at each place of the river: every sentence beside its condition."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bnviz.claims.ledger import BLURRED, blurred, nothing
from bnviz.claims.reach import ALL, BIAS, NORM, SUM, WEIGHT, Reach
from bnviz.core.columns import Columns
from bnviz.words.claim import Claim
from bnviz.words.numbers import number, places_for

Lines = tuple[str, ...]  # the claim first, and then why
FEW = 6  # so many terms of a sum are written out; of more, plus and minus
WIDEST = 29  # letters of a line that stands under a result on a phone


@dataclass(frozen=True)
class Said:
    """The words of the river, by the place where they stand; from the loss to the weight."""

    gate: Lines
    var: Lines
    mean: Lines
    turned: Lines
    bias: Claim
    weight: Claim | None
    rule: Lines  # what the weight gets in general
    bias_sum: Lines  # both sums written out: what is added up, and its terms
    weight_sum: Lines


def _signed(value: float, places: int = 2) -> str:
    return number(value, signed=True, places=places)


def _is_zero(c: Columns, term: str) -> bool:
    return c.sums[term].vanishes


def _listed(rows: list[int]) -> str:
    names = [str(i + 1) for i in rows]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _gate(c: Columns, places: int) -> Lines:
    """What comes in, and what is left of it after the gate."""
    dy, direct = c.sums["dy"], c.sums["dx_direct"]
    if not c.values["dy"].any():
        return ("nothing comes in",)
    factor = number(gate(c))
    if nothing(c.trace, c.view.neuron):
        return (f"the gate × {factor} lets nothing through",)
    comes = "0" if dy.vanishes else _signed(dy.value, places)
    after = "0" if direct.vanishes else _signed(direct.value, places)
    return (f"{comes} comes in,", f"{after} after the gate × {factor}")


def gate(c: Columns) -> float:
    """γ/√(σ²+ε) of this neuron."""
    t, j = c.trace, c.view.neuron
    return float(t.scenario.gamma[j] * t.inv_std[j])


def _var(c: Columns, places: int) -> Lines:
    """What σ² moves from some samples to others."""
    via_var = c.values["dx_via_var"]
    if c.trace.scenario.frozen:
        return ("σ² is a constant here:", "nothing flows through it")
    if not c.trace.deviation[:, c.view.neuron].any():
        return ("moves nothing:", "no x differs from the mean")
    moved = float(via_var[via_var > 0].sum())
    g, bound = c.values["dx_hat"], c.sums["dx_via_var"].bound
    if (np.abs(via_var) <= bound).all():
        with np.errstate(over="ignore"):
            spread = float(np.abs(g - g.mean()).sum() * c.trace.inv_std[c.view.neuron])
        if np.ptp(g) and bound > BLURRED * spread:
            return ("may move something:", "what it moves is lost in rounding")
        return ("moves nothing:", "what comes in does not", "go with x − μ")
    if not _is_zero(c, "dx_via_var"):
        return (f"should only move, and adds {number(c.sums['dx_via_var'].value)}",)
    return (
        f"moves {number(moved, places=places)} from some to others:",
        "the sum stays",
        "② goes by xᵢ − μ, and deviations from a mean add up to 0",
    )


def _mean(c: Columns, places: int) -> Lines:
    """What μ takes from all samples alike."""
    via_mean = c.values["dx_via_mean"]
    if c.trace.scenario.frozen:
        return ("μ is a constant here:", "nothing flows through it")
    if (np.abs(via_mean) * via_mean.size <= c.sums["dx_via_mean"].bound).all():
        return ("takes nothing:", "what comes in", "adds up to 0 already")
    if not c.paths_cancel:
        return ("should take what comes in", "and takes something else")
    came = _signed(-c.sums["dx_via_mean"].value, places)
    each = _signed(float(via_mean[0]), places)
    said = ("move all x together: μ goes along,", "no y moves, so the sum must be 0")
    if via_mean.size == 1:
        return (*said, f"μ takes back all that came: {each}")
    return (*said, f"μ takes back the {came} that came: {each} each")


def _turned(c: Columns) -> Lines:
    """Which samples count the other way round, since their input is negative."""
    if "a" not in c.values or c.values["dx"].size < 2:
        return ()
    a, dx = c.values["a"], c.values["dx"]
    weight = c.sums["dweight"]
    if weight.vanishes:
        return ()
    rows = np.flatnonzero((a < 0) & (dx < 0) & (a * dx > 0.02 * abs(weight.value)))
    if not 0 < rows.size < 4 or weight.value < 0:
        return ()
    listed = _listed([int(i) for i in rows])
    turn = "turns" if rows.size == 1 else "turn"
    return (f"{listed} {turn} over:", "minus × minus = plus")


def _bias(c: Columns) -> Claim:
    total = c.sums["dx"]
    if not np.isfinite(c.values["dx"]).all():
        return Claim("nothing finite for the bias", "", holds=False)
    value = "0" if total.vanishes else _signed(total.value)
    return Claim(f"{value} for the bias", "b moves all x together", holds=total.vanishes)


def _weight(c: Columns) -> Claim | None:
    weight = c.sums.get("dweight")
    if weight is None:
        return None
    if not np.isfinite(weight.value):
        return Claim("nothing finite for the weight", "", holds=False)
    if blurred(c):
        return Claim("too few digits to tell", "what the weight gets is lost in rounding")
    value = "0" if weight.vanishes else _signed(weight.value)
    return Claim(
        f"{value} for the weight",
        "w moves each x by its own a" if np.ptp(c.values["a"]) else "here every a is the same",
        holds=not weight.vanishes,
    )


def _rule(c: Columns) -> Lines:
    """Why it is not 0 as well, and that it is no luck: with equal inputs it would be."""
    weight = c.sums.get("dweight")
    if weight is None or weight.vanishes or not c.sums["dx"].vanishes:
        return ()
    return (
        "each weighed by its own a,",
        "they no longer cancel",
        "were a the same for all:",
        "a × 0 = 0, as for the bias",
    )


def _added(c: Columns, term: str, name: str) -> Lines:
    """A sum written out, with as few digits as add up to it; () where no few digits do."""
    if term not in c.sums or not np.isfinite(c.values[term]).all():
        return ()
    values, total = c.values[term], c.sums[term]
    if values.size < 2 or not values.any():
        return ()
    target = 0.0 if total.vanishes else total.value
    sides = np.array([values[values > 0].sum(), values[values < 0].sum()])
    ways = [values] if values.size <= FEW else []
    for terms in [*ways, sides] if sides.all() else ways:
        for places in range(2, 5):
            texts = [number(float(v), places=places) for v in terms]
            result = number(target, places=places)
            if any("e" in text or "∞" in text for text in (*texts, result)):
                continue
            if sum(map(_read, texts)) == _read(result):
                lines = _broken(texts, result)
                if max(map(len, lines)) <= WIDEST:
                    return (f"{name} =", *lines)
    return ()


def _broken(texts: list[str], result: str) -> Lines:
    """The terms and what they add up to, a sign with its number where a line is broken."""
    later = [f"{'−' if t.startswith('−') else '+'}\u00a0{t.removeprefix('−')}" for t in texts[1:]]
    terms = [texts[0], *later]
    if len(terms) < 3:
        return (f"{' '.join(terms)} = {result}",)
    return (" ".join(terms[:3]), " ".join([*terms[3:], f"= {result}"]))


def _read(text: str) -> Decimal:
    return Decimal(text.replace("−", "-"))


def say(c: Columns) -> Said:
    """Every sentence of the river, true of these columns."""
    paths = max(float(np.abs(c.values[name]).max()) for name in ("dx_direct", "dx"))
    places = places_for(paths)
    return Said(
        gate=_gate(c, places),
        var=_var(c, places),
        mean=_mean(c, places),
        turned=_turned(c),
        bias=_bias(c),
        weight=_weight(c),
        rule=_rule(c),
        bias_sum=_added(c, "dx", "Σ ∂L/∂x"),
        weight_sum=_added(c, "dweight", "Σ a·∂L/∂x"),
    )


def alt(c: Columns, said: Said, reach: Reach = ALL) -> str:
    """The river in one sentence, as far as it is shown, for who can't see it."""
    if not {NORM, SUM} <= reach.river:
        n = c.values["dx"].size
        lanes = "one lane" if n == 1 else f"a lane for each of {n} samples"
        ends = "from ∂L/∂y, at the right, to ∂L/∂x, at the left"
        adds = SUM in reach.river and c.sums["dx"].vanishes
        return f"The gradient goes {ends}, {lanes}{'; at the left they add up to 0' * adds}."
    parts = [
        " ".join(said.gate).rstrip(","),
        f"the variance {' '.join(said.var[:2])}" if not c.trace.scenario.frozen else "",
        f"at the mean: {' '.join(said.mean[:2])}" if not c.trace.scenario.frozen else "",
        "mean and variance are constants" if c.trace.scenario.frozen else "",
        said.bias.claim if BIAS in reach.river else "",
        said.weight.claim if said.weight and WEIGHT in reach.river else "",
    ]
    flow = "; ".join(part.rstrip(":, ") for part in parts if part)
    where = "to the weight" if reach.river >= {BIAS, WEIGHT} else "back"
    return f"The gradient flows from the loss {where}: {flow}."
