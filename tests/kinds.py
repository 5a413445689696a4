"""The types that tests hand around, beside those of bnviz."""

from typing import Any, TypeVar

Arguments = dict[str, Any]  # of `bnviz.trace`: arrays, a number, None
Traced = Any  # an array, or what autograd wraps it in, which has no types

T = TypeVar("T")


def there(value: T | None) -> T:
    """The value, which must be there."""
    assert value is not None
    return value
