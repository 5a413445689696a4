"""The lever: what one weight and one bias can do to the batch, and what training does with it.

They move each x by aᵢ·δW + δb: a straight rod over the inputs. Training pushes each xᵢ by
−∂L/∂xᵢ at the place of its own aᵢ. The pushes added are the lift, −∂L/∂b; each times its arm
aᵢ − p, measured from a mark p, they are the turn, which at p = 0 is −∂L/∂W.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnviz.core.arrays import Array
from bnviz.core.columns import Columns, Sum, columns
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run

MOST_STEPS = 20
RATE, MOST_RATE = 0.2, 2.0


@dataclass(frozen=True)
class Look:
    """How the lever is looked at. mark: where arms are measured from, in units of a.

    steps: how many were taken, at this rate.
    """

    mark: float = 0.0
    rate: float = RATE
    steps: int = 0


@dataclass(frozen=True, eq=False)
class Lever:
    """One neuron and one input as a rod; arrays are (N,).

    first: the pushes on the flat rod, before any step. pushes: −∂L/∂x where the rod is now.
    arms: a − mark. moments: pushes · arms. lift, turn: their sums. weight_step, bias_step: δW
    and δb of all steps. moved: what they do to each x. next: δW and δb after one step more.
    """

    look: Look
    a: Array
    first: Array
    pushes: Array
    arms: Array
    moments: Array
    lift: Sum
    turn: Sum
    weight_step: float
    bias_step: float
    moved: Array
    next: tuple[float, float]


def _free(s: Scenario) -> Scenario:
    """The same numbers with x set by hand, so that a single weight can move it."""
    return s.edit(x=s.x, weight=None, bias=None) if s.computed else s


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def lever(c: Columns, look: Look) -> Lever:
    """The lever of these columns after `look.steps` steps of plain descent.

    The upstream ∂L/∂y is held as it is; each step is one of W[p, j] and b[j] alone, computed
    from the batch as the steps before it have left it. The columns must have an input a.
    """
    a, here, s, j = c.values["a"], c, _free(c.trace.scenario), c.view.neuron
    weight_step = bias_step = 0.0
    for _ in range(look.steps):
        weight_step -= look.rate * here.sums["dweight"].value
        bias_step -= look.rate * here.sums["dx"].value
        x = s.x.copy()
        x[:, j] += a * weight_step + bias_step
        if not np.isfinite(x).all():
            break
        here = columns(run(s.edit(x=x)), c.view)
    pushes, arms = -here.values["dx"], a - look.mark
    lift, weight = here.sums["dx"], here.sums["dweight"]
    total = float(arms @ pushes) if look.mark else -weight.value
    bound = weight.bound + abs(look.mark) * lift.bound
    return Lever(
        look=look,
        a=a,
        first=-c.values["dx"],
        pushes=pushes,
        arms=arms,
        moments=arms * pushes,
        lift=Sum(-lift.value, lift.bound, lift.by_algebra),
        turn=Sum(total, bound, by_algebra=False),
        weight_step=weight_step,
        bias_step=bias_step,
        moved=a * weight_step + bias_step,
        next=(weight_step - look.rate * weight.value, bias_step - look.rate * lift.value),
    )
