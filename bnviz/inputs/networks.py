"""Networks with a surprise, by name; and settings <-> the text of a link."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace

from bnviz.core.network.settings import SWITCHES, Settings
from bnviz.inputs.link import ShareError

UNTIL = 300  # steps that are trained without being asked for


@dataclass(frozen=True)
class Preset:
    """Settings, the step that it opens at, and what its headline is about."""

    title: str
    settings: Settings
    at: int
    tells: str


_DEEP = Settings()
PRESETS = {
    "explodes": Preset("It explodes", _DEEP, 0, "flow"),
    "heals": Preset("It heals", _DEEP, UNTIL, "heals"),
    "why": Preset("Why it heals", _DEEP, UNTIL, "why"),
    "without": Preset("Without it nothing arrives", replace(_DEEP, norm="none"), UNTIL, "arrives"),
    "four": Preset("Batch of four", replace(_DEEP, batch=4), 0, "small"),
    "bias": Preset(
        "The bias that never moves",
        replace(_DEEP, depth=10, bias=True, optimiser="adam", rate=0.01),
        100,
        "bias",
    ),
    "first": Preset("The first step does it", _DEEP, UNTIL, "growth"),
    "balance": Preset(
        "With weight decay, a balance",
        replace(_DEEP, depth=5, data="noise", decay=0.1),
        400,
        "growth",
    ),
    "frozen": Preset(
        "Frozen in the middle", replace(_DEEP, depth=10, norm="frozen", freeze=150), 170, "frozen"
    ),
    "leaks": Preset("Batch norm leaks", replace(_DEEP, depth=10), 20, "leaks"),
    "random": Preset("Random input, as in theory", replace(_DEEP, data="noise"), 0, "flow"),
    "digits": Preset("Digits", replace(_DEEP, depth=6, data="digits"), 0, "flow"),
}
DEFAULT = "explodes"
TELLS = tuple(dict.fromkeys(p.tells for p in PRESETS.values()))


def encode(settings: Settings, tells: str) -> str:
    """What differs from the settings that a page opens with; nothing where nothing does."""
    usual = asdict(Settings())
    parts = [
        f"{name}.{int(value) if name in SWITCHES else value}"
        for name, value in asdict(settings).items()
        if value != usual[name]
    ]
    if tells != PRESETS[DEFAULT].tells:
        parts.append(f"tells.{tells}")
    return "~".join(parts)


_LONGEST = 300
_PART = re.compile(r"([a-z]{2,12})\.([a-z\d.+-]{1,24})", re.ASCII)


def decode(text: str) -> tuple[Settings, str]:
    """Settings, and what the headline is about. ShareError says why there are none."""
    if len(text) > _LONGEST:
        raise ShareError("its settings are too long")
    chosen: dict[str, object] = {}
    for part in filter(None, text.split("~")):
        found = _PART.fullmatch(part)
        if not found:
            raise ShareError("its settings can’t be read")
        name, value = found.groups()
        if name != "tells" and name not in asdict(_DEEP):
            raise ShareError(f"there is no setting {name}")
        chosen[name] = value
    tells = str(chosen.pop("tells", PRESETS[DEFAULT].tells))
    if tells not in TELLS:
        raise ShareError("its headline isn’t known")
    for name in SWITCHES:
        if name in chosen:
            chosen[name] = {"0": False, "1": True}.get(str(chosen[name]), chosen[name])
    try:
        return Settings(**chosen), tells  # type: ignore[arg-type]
    except ValueError as error:
        raise ShareError(str(error).rstrip(".")) from error


def matching(settings: Settings, tells: str, at: int) -> str | None:
    """The preset that this is, at whatever step where only one has these settings."""
    same = [n for n, p in PRESETS.items() if p.settings == settings and p.tells == tells]
    return next((n for n in same if PRESETS[n].at == at), same[0] if same else None)
