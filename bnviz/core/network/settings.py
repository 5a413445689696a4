"""What a network is and how it is trained: every choice, with what it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

CHOICES: dict[str, tuple[str, ...]] = {
    "data": ("spirals", "circles", "xor", "noise", "digits"),
    "activation": ("relu", "tanh", "none"),
    "norm": ("batch", "none", "layer", "frozen"),
    "optimiser": ("sgd", "momentum", "adam"),
}
WHOLE: dict[str, tuple[int, int]] = {
    "depth": (1, 30),
    "width": (2, 64),
    "batch": (2, 256),
    "seed": (0, 9999),
    "freeze": (0, 2000),
}
REAL: dict[str, tuple[float, float]] = {"rate": (0.0, 1000.0), "decay": (0.0, 1.0)}
SWITCHES = ("skip", "bias")
MOST_STEPS = 2000


@dataclass(frozen=True)
class Settings:
    """depth hidden layers of width neurons, each x = a W (+ b), norm, activation (+ a with skip).

    rate, decay: of the optimiser, as in PyTorch, where decay adds decay·w to the gradient.
    freeze: the step from which a frozen norm holds its mean and variance; before it, it is batch
    norm. Raises ValueError with a sentence that names the setting.
    """

    data: str = "spirals"
    depth: int = 30
    width: int = 32
    batch: int = 64
    activation: str = "relu"
    norm: str = "batch"
    skip: bool = False
    bias: bool = False
    optimiser: str = "sgd"
    rate: float = 0.1
    decay: float = 0.0
    seed: int = 0
    freeze: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, checked(field.name, value))


def checked(name: str, value: Any) -> Any:
    """A value for a setting, in its type. Raises ValueError that says what it must be."""
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}; it is {value!r}.")
        return value
    if name in SWITCHES:
        if value not in (True, False):
            raise ValueError(f"{name} must be True or False; it is {value!r}.")
        return bool(value)
    whole = name in WHOLE
    low, high = WHOLE[name] if whole else REAL[name]
    kind = "a whole number" if whole else "a number"
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high or (whole and number != int(number)):
        raise ValueError(f"{name} must be {kind} from {low:g} to {high:g}; it is {value!r}.")
    return int(number) if whole else number
