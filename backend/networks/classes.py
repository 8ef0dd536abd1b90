"""The thousand ImageNet classes by name, in the order of a classifier's logits."""

from __future__ import annotations

from functools import cache

from torchvision.models import VGG16_Weights

from ..errors import PatinaError
from .registry import suggest


@cache
def names() -> tuple[str, ...]:
    return tuple(VGG16_Weights.IMAGENET1K_V1.meta["categories"])


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", " ").replace("-", " ")


def search(text: str) -> list[str]:
    """Search for classes whose name contains `text`, whatever its case."""
    return [name for name in names() if _plain(text) in _plain(name)]


def index(name: str) -> int:
    """Find the index of the class `name`, or of its number. Raises PatinaError with near names."""
    if name.strip().isdigit() and int(name) < len(names()):
        return int(name)
    plain = [_plain(known) for known in names()]
    if _plain(name) in plain:
        return plain.index(_plain(name))
    if found := search(name) if name.strip() else []:
        cure = f"Did you mean {' or '.join(found[:5])}?"
    else:
        cure = suggest(_plain(name), dict.fromkeys(plain))
    raise PatinaError(f"ImageNet has no class {name!r}.", cure, "class")
