"""What to set up, where, and from what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from . import variants
from .errors import SetupError


@dataclass(frozen=True)
class Plan:
    """One set-up."""

    folder: Path
    variant: variants.Variant
    python: Path
    wheelhouse: Path | None = None  # a folder of wheels: then there is no network call at all
    index: str = ""  # an index address in place of pip's own
    torch_index: str = ""  # one of PyTorch's own, for the builds of torch that no other index has
    sets: Path = variants.SETS
    extras: tuple[str, ...] = ()  # of variants.EXTRAS
    check: tuple[str, ...] = ("-m", "backend", "doctor")  # run in the extension's folder; must succeed

    def index_of(self, name: str) -> str:
        """Find the index address for the set `name`; empty is pip's own."""
        elsewhere = name == self.variant.torch and self.variant.shelf
        return self.torch_index if elsewhere and self.torch_index else self.index

    def check_index(self) -> None:
        """Raise SetupError where torch is to come from PyTorch's own index and nothing says where that is."""
        if self.variant.shelf and not (self.torch_index or self.index or self.wheelhouse):
            raise SetupError(
                f"Torch for {self.variant.label} is on PyTorch's own index only, whose address is not set.",
                f"On {variants.GET_STARTED} choose Pip and {self.variant.shelf}, and copy the command into "
                "PyTorch Index (--torch-index); or choose another torch.",
            )


def address_in(text: str) -> str:
    """Find the index address in `text`, which may be the whole command that a page says to run.

    Empty for none.
    Raises SetupError where there is text and no address in it.
    """
    if not text.strip():
        return ""
    if found := re.search(r"(?:https?|file)://[^\s\"']+", text):
        return found[0]
    raise SetupError(
        f"{text.strip()!r} holds no address of a package index.",
        "Give one that begins with https://, or the whole command that has it.",
    )
