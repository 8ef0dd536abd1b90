"""What each mode paints by: pictures, dreams or formulas, be it one or several. It reads settings alone."""

from __future__ import annotations

from typing import Any

from .properties.settings import PatinaSettings
from .properties.style import StyleChoice

TASKS = {"style": "stylize", "texture": "synthesize", "animate": "interpolate"}  # by mode; others: dream
FLAT_MODES = {"stylize": "style", "dream": "dream", "deepdream": "dream", "texture": "texture"}


def moves(settings: PatinaSettings, mode: str) -> bool:
    """Whether a style is painted in several frames: it boils, or goes from key to key."""
    return mode == "animate" and settings.between in ("boil", "keys")


def has_keys(settings: PatinaSettings, mode: str) -> bool:
    """Whether a style goes from key to key."""
    return mode == "animate" and settings.between == "keys"


def dreams_at_keys(settings: PatinaSettings, mode: str) -> bool:
    """Whether it goes from one dream to the next."""
    return mode == "animate" and settings.between == "dream_keys"


def look_of(settings: PatinaSettings, mode: str) -> str:
    """Name the mode by whose settings is painted: what moves is painted as a style is."""
    return "style" if moves(settings, mode) else mode


def morphs(settings: PatinaSettings, mode: str) -> bool:
    """Whether it goes from one formula to another."""
    return mode == "animate" and settings.between == "formulas"


def task_of(settings: PatinaSettings, mode: str) -> str:
    """Name the task of a job for `mode` (see `Job.task`)."""
    if morphs(settings, mode):
        return "morph"
    return TASKS.get(look_of(settings, mode), "dream")


def uses_styles(settings: PatinaSettings, mode: str) -> bool:
    """Whether pictures say what is wanted, and not targets."""
    animated = ("styles", "boil", "keys")
    return mode in ("style", "texture") or (mode == "animate" and settings.between in animated)


def uses_mixture(settings: PatinaSettings, mode: str) -> bool:
    """Whether more than one picture may be mixed."""
    return look_of(settings, mode) in ("style", "texture") and not has_keys(settings, mode)


def choices(settings: PatinaSettings, mode: str) -> list[StyleChoice]:
    """List the chosen pictures; keys in their order, and so more than once where more have one."""
    if has_keys(settings, mode):
        return keys_in_order(settings)
    return [settings, *(settings.mixed if uses_mixture(settings, mode) else [settings.style_to])]


def key_list(settings: PatinaSettings) -> tuple[str, str]:
    """Name the list of keys that is shown, be they of paintings or of dreams, and that of its active one."""
    if settings.between == "dream_keys":
        return "dream_keys", "dream_key_index"
    return "style_keys", "style_key_index"


def keys_in_order(settings: PatinaSettings) -> list[Any]:
    """List the keys by their frames, of paintings or of dreams (`PatinaKey`, `PatinaDreamKey`)."""
    return sorted(getattr(settings, key_list(settings)[0]), key=lambda key: key.frame)


def ends(settings: PatinaSettings, mode: str) -> list[Any]:
    """List what is dreamt of: one, both ends, or what the keys say (`DreamChoice`)."""
    if dreams_at_keys(settings, mode):
        return keys_in_order(settings)
    return [settings.target, settings.target_to] if mode == "animate" else [settings.target]


def strength_of(settings: PatinaSettings, mode: str) -> float:
    """Read the strength; of keys, the greatest."""
    if has_keys(settings, mode):
        return max((key.strength for key in settings.style_keys), default=0.0)
    return float(settings.strength)


def is_deepdream(settings: PatinaSettings, mode: str, picture: bool = False) -> bool:
    """Whether the dream begins with what is there."""
    if picture:
        return settings.picture_mode == "deepdream"
    return mode == "dream" and settings.present
