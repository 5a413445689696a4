"""A phone in a room, the teacher's desk and the lesson's page: what they say of the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mpmath import mp

from bnviz.claims.lesson import STEPS, fits, scenario_of
from bnviz.core.scenario import Scenario
from bnviz.core.trace import run
from bnviz.core.view import View
from bnviz.inputs.presets import PRESETS
from bnviz.phone.lesson import OWN, Screen, open_link, words
from bnviz.rooms import Room
from bnviz.screen.room import answered
from bnviz.screen.seat import following
from tests.harness.exact import Exact, largest
from tests.harness.explore import sum_dx, zero
from tests.harness.rules import always, rule

Text = tuple[str, str, Any]


class Asked(Exact):
    """Numbers on a phone, and the step that they stand under."""

    def __init__(self, s: Scenario, neuron: int, input: int, step: int) -> None:
        super().__init__(s, neuron, input)
        self.step = step


def texts(s: Scenario, neuron: int, input: int) -> Iterator[Text]:
    s = s.training()
    if not s.d or Exact(s, neuron, input).overflows:
        return
    for i in range(len(STEPS)):
        yield from _phone(Screen(i, s, View(neuron, input), revealed=True))
    if s == PRESETS["puzzle"].scenario.training() and not (neuron or input):
        yield from _always()


def _phone(screen: Screen) -> Iterator[Text]:
    """What stands over the numbers, once the answers are shown."""
    i, view = screen.step + 1, screen.view
    e, told = Exact(screen.scenario, view.neuron, view.input), words(screen)
    if "other" in told:
        yield "phone", told["other"], Asked(screen.scenario, view.neuron, view.input, screen.step)
        return
    story = told["story"]
    yield f"lesson {i}", f"{story['claim']} {story['why']}", e
    for choice in told["poll"]["choices"]:
        if choice["right"]:
            yield f"right {i}", choice["key"], e
        else:
            yield f"reply {i}", choice["said"], e


def _always() -> Iterator[Text]:
    """What does not change with the numbers: each step on its own, and the desk."""
    for i, step in enumerate(STEPS):
        yield from _phone(open_link(i, OWN, True))
        own = Exact(scenario_of(step), step.view.neuron, step.view.input)
        yield "step", f"{step.title} {step.question}", own
        yield "step notes", step.notes, own
        for choice in step.choices.values():
            yield "choice", choice.text, own
    for phones, said in ((0, 0), (1, 1), (30, 12)):
        yield "tally", answered(said, phones, True), (said, phones)
        yield "tally", answered(said, phones, False), (said, phones)
    for room in (Room(), Room(step=3, free=True)):
        yield "seat", following(room), room


@rule("phone", "These are other numbers than those that this step asks about.")
def _others(e: Asked) -> object:
    return not fits(STEPS[e.step], run(e.s), View(e.j, e.p))


rule("tally", "# of # phones answered", "# of # phone answered")(
    lambda e, said, phones: (int(said), int(phones)) == e
)
rule("tally", "# phones")(lambda e, phones: int(phones) == e[1] != 1)
rule("tally", "# phone")(lambda e, phones: int(phones) == e[1] == 1)

rule("seat", "Following the teacher.")(lambda room: not room.free)
rule("seat", "Explore freely. The teacher is at step #.")(
    lambda room, at: room.free and int(at) == room.step + 1
)

# ---- The steps, on their own numbers -------------------------------------------------------

S = "step"
always(
    S,
    "The norm Batch norm takes the mean away from x and divides by √(σ²+ε): that is x̂.",
    "Add up the gradients Each sample has its gradient ∂L/∂x.",
    "So is the algebra wrong?",
    "A student thinks that the derivation must be wrong. Is it?",
    "The second term of ∂L/∂μ ∂L/∂μ has two terms: Σ ∂L/∂x̂ · (−1/√(σ²+ε)), and ∂L/∂σ² · Σ −2(x − "
    "μ)/N. What is the second one?",
    "Three paths ① is the direct path, ② goes through σ², ③ through μ. Which of them add up to 0, "
    "each on its own?",
    "So nothing learns?",
    "The weight gradient is Σ a · ∂L/∂x, with a the input of the layer in front.",
    "Outer products Which sample adds most to this ∂L/∂W, counted without its sign?",
    "Shift the inputs",
    "What happens to ∂L/∂W?",
    "What is its gradient?",
    "The answer What would give the bias in front of the norm a gradient again?",
    "And in a deep network? Thirty layers, each a linear layer, batch norm and a ReLU, before the "
    "first step of training. ∂L/∂x goes back from layer 30 to layer 2. What becomes of its size?",
)
rule(S, "What do the six x̂ add up to?", "What do the six of them add up to?")(lambda e: e.n == 6)
rule(S, "Σ∂L/∂x is 0.")(lambda e: zero(sum_dx(e), e.bound))
rule(S, "Given that Σ∂L/∂x = 0, what is it for the weight from input # (column a)?")(
    lambda e, p: zero(sum_dx(e), e.bound) and int(p) == e.p + 1
)
rule(S, "Now every input a is # larger.")(lambda e, by: int(by) == 10 and min(e.a) > 5)
rule(S, "The dead bias Input # is the same for every sample, as for a bias.")(
    lambda e, p: int(p) == e.p + 1 and len(set(e.a)) == 1
)

N = "step notes"
always(
    N,
    "Let them say what x̂ is before anyone computes. Ask: where does 0 lie among the bars?",
    "Collect guesses by a show of hands first. Then drag one ∂L/∂y, and watch the sum.",
    "The question of the whole lesson. Let someone defend “yes”. Then ask what happens to y if "
    "everyone in the batch gains 1.",
    "This is the question as students ask it: “shouldn’t the second term vanish?” Yes. The page "
    "Derive has it as a running sum.",
    "Have three students each do two products by hand. The class adds them up.",
    "On the page Weights the tables can be played one by one.",
    "Look at the last column before the sum is shown: no one believes it stays.",
    "Ask where the bias of a convolution in front of a batch norm has gone in the networks that "
    "they know: bias=False.",
    "Let them say the answer in one sentence before it is shown.",
    "Nearly everyone says that batch norm keeps gradients in check. Then open Network, and press "
    "Play.",
)
rule(N, "Point at ③: every bar is the same length. Why must it be minus the mean of ①?")(
    lambda e: len(set(e.via_mean)) == 1 and zero(e.via_mean[0] + mp.fsum(e.direct) / e.n, e.bound)
)
rule(N, "The steepest gradient need not win.")(
    lambda e: (
        max(range(e.n), key=lambda i: abs(e.dx[i]))
        != max(range(e.n), key=lambda i: abs(e.products[i]))
        or largest(e.products) > 0
    )
)
rule(
    N,
    "With this batch’s mean held constant, y is the same as in training, and the gradient is "
    "another; frozen statistics, as in evaluation, hold the variance as well.",
)(lambda e: abs(mp.fsum(e.direct)) > e.bound)

# An answer on offer claims nothing: which is right is judged by its key.
for _step in STEPS:
    always("choice", *(choice.text for choice in _step.choices.values()))
