"""Networks to train: the scenarios that there are, and a network as the text of a link."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields, replace

from bnviz.core.network import Setting
from bnviz.inputs.clouds import CLOUDS

MAX_STEPS = 2000


@dataclass(frozen=True)
class Training:
    """A network, what it is trained on, and for how many steps. ValueError names what is wrong."""

    setting: Setting = field(default_factory=lambda: Setting(depth=30))
    data: str = "spirals"
    steps: int = 300

    def __post_init__(self) -> None:
        if self.data not in CLOUDS:
            raise ValueError(f"data must be one of {', '.join(CLOUDS)}.")
        if not 1 <= self.steps <= MAX_STEPS:
            raise ValueError(f"steps must be between 1 and {MAX_STEPS}; it was {self.steps}.")


# By name: the title, the training, and the step at which it opens (−1 is the last).
SCENARIOS: dict[str, tuple[str, Training, int]] = {
    "explodes": ("It explodes", Training(), 0),
    "heals": ("It heals", Training(), -1),
    "without": ("Without it nothing arrives", Training(Setting(depth=30, norm="none")), -1),
    "four": ("Batch of four", Training(Setting(depth=10, batch=4)), 0),
    "shallow": ("Ten layers, trained", Training(Setting(depth=10)), -1),
    "smooth": ("With tanh", Training(Setting(depth=30, activation="tanh")), 0),
}
DEFAULT = "explodes"
# The fields of a link, in their order: those of the setting, then data and steps.
_USUAL = Setting()
_FIELDS = tuple(f.name for f in fields(Setting))
NET = re.compile(r"[a-z0-9.\-~]{1,120}", re.ASCII)


def write(training: Training) -> str:
    """A training as the text of a link; the name of a scenario where it is one."""
    for name, (_, known, _) in SCENARIOS.items():
        if known == training:
            return name
    values = [getattr(training.setting, name) for name in _FIELDS]
    texts = [
        str(int(v)) if isinstance(v, bool) else f"{v:g}" if _is_number(v) else v for v in values
    ]
    return "~".join([*texts, training.data, str(training.steps)])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def read(text: str) -> Training:
    """The training of such a text. ValueError says in plain words what can't be read."""
    if text in SCENARIOS:
        return SCENARIOS[text][1]
    parts = text.split("~")
    if len(parts) != len(_FIELDS) + 2:
        raise ValueError("a part of the network is missing.")
    given: dict[str, object] = {}
    for f, part in zip(fields(Setting), parts, strict=False):
        example = getattr(_USUAL, f.name)
        if isinstance(example, str):
            given[f.name] = part
            continue
        value = _number(f.name, part)
        if not isinstance(example, float) and value != int(value):
            raise ValueError(f"{f.name} must be a whole number.")
        given[f.name] = type(example)(value)
    steps = _number("steps", parts[-1])
    if steps != int(steps):
        raise ValueError("steps must be a whole number.")
    return Training(Setting(**given), parts[-2], int(steps))  # type: ignore[arg-type]


def _number(name: str, text: str) -> float:
    if len(text) > 24 or not re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", text, re.ASCII):
        raise ValueError(f"{name} is not a number.")
    value = float(text)
    if not math.isfinite(value) or value > 2**32:
        raise ValueError(f"{name} is too large.")
    return value


def changed(training: Training, **changes: object) -> Training:
    """The training with something else in it. ValueError names what is out of range."""
    mine = {k: v for k, v in changes.items() if k in ("data", "steps")}
    setting = {k: v for k, v in changes.items() if k not in mine}
    return replace(training, setting=replace(training.setting, **setting), **mine)  # type: ignore[arg-type]
