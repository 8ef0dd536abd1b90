"""What to set up, where, and from what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import variants


@dataclass(frozen=True)
class Plan:
    """One set-up."""

    folder: Path
    variant: variants.Variant
    python: Path
    wheelhouse: Path | None = None  # a folder of wheels: then there is no network call at all
    index: str = ""  # an index address in place of the usual ones
    sets: Path = variants.SETS
    check: tuple[str, ...] = ("-m", "backend", "doctor")  # run in the extension's folder; must succeed

    def index_of(self, name: str) -> str:
        """The index address for the set `name`; empty is pip's own."""
        return self.index or (self.variant.index if name == self.variant.torch else "")
