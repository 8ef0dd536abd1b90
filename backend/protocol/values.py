"""What a value is, whoever wrote it: a number, a share, a part of a picture."""

from __future__ import annotations

from typing import Any

LARGEST = 1e300  # Python's whole numbers have no end, others' have


def is_number(x: object) -> bool:
    """Whether `x` is a finite number that other languages know too."""
    return isinstance(x, int | float) and not isinstance(x, bool) and abs(x) < LARGEST


def is_share(x: Any) -> bool:
    """Whether `x` is a number from 0 to 1."""
    return is_number(x) and bool(0 <= x <= 1)


def is_direction(x: object) -> bool:
    """Tell whether it is three numbers that are not all 0."""
    return isinstance(x, tuple) and len(x) == 3 and all(map(is_number, x)) and any(x)


def is_part(crop: object) -> bool:
    """Whether `crop` is x, y, width and height of something within a unit square."""
    if not isinstance(crop, tuple) or len(crop) != 4 or not all(map(is_share, crop)):
        return False
    x, y, width, height = crop
    return bool(width > 0 and height > 0 and max(x + width, y + height) <= 1 + 1e-6)


def is_whole(x: object) -> bool:
    """Whether `x` is a whole number; True and False are none."""
    return isinstance(x, int) and not isinstance(x, bool)


def is_within(x: object, low: int, high: int) -> bool:
    """Whether `x` is a whole number from `low` to `high`."""
    return isinstance(x, int) and is_whole(x) and low <= x <= high
