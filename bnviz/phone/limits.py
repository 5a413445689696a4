"""How often something may be done: a bucket that fills up again with time."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable


def asker(peer: str | None, forwarded: str) -> str:
    """Who asks; what a proxy says of it counts only where bnviz.serve put one in front."""
    if os.environ.get("BNVIZ_PROXY"):
        return forwarded.rsplit(",", maxsplit=1)[-1].strip()[:64]
    return peer or ""


class Limit:
    """So many at once, and so many a second after that, for each of at most `most` keys."""

    def __init__(
        self,
        burst: float,
        rate: float,
        most: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.burst, self.rate, self.most, self.clock = burst, rate, most, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, key: str) -> float:
        """How many more may be done now."""
        left, at = self._left.get(key, (self.burst, self.clock()))
        return min(self.burst, left + (self.clock() - at) * self.rate)

    def take(self, key: str = "") -> bool:
        """Do it once more; False if it was too often."""
        left = self.left(key)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, self.clock())
        self._left.move_to_end(key)
        if len(self._left) > self.most:
            self._left.popitem(last=False)
        return allowed
