"""What each job of a farm needs of memory: by those like it that were done, at first by what others took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..export.inputs import files_of
from ..models import through_blender
from ..protocol.job import Job
from .asset import MEMORY, Asset, Outcome

# In bytes, of jobs on the processor with VGG-16 that docs/farm.md lists.
OF_EVERY_JOB = 1.3e9
OF_A_TEXEL = 184
OF_A_FILES_BYTE = 36
OF_BLENDER, OF_A_BLENDS_BYTE = 0.5e9, 4  # beside the painter
MORE = 1.25  # times what is expected: no two jobs are the same


def memory_gb(assets: Sequence[Asset], outcomes: Mapping[str, Outcome]) -> dict[str, float]:
    """Estimate what the job of each of `assets` will hold, in GB, by their names; outcomes: of what was done.

    Where jobs of the same quality, with textures of the same size, were done, their like is scaled by the one
    that held most of what had been expected of it.
    """
    shares: dict[tuple[object, ...], float] = {}
    for asset in assets:
        held = outcomes[asset.name].numbers.get(MEMORY, 0.0) if asset.name in outcomes else 0.0
        if held:
            kind = _kind(asset)
            shares[kind] = max(shares.get(kind, 0.0), held * 1e9 / expected(asset))
    return {
        asset.name: round(MORE * shares.get(_kind(asset), 1.0) * expected(asset) / 1e9, 2) for asset in assets
    }


def expected(asset: Asset) -> float:
    """Estimate the most bytes that the job holds, by its texture's size and its model's files."""
    source = Path(asset.source)
    own = (
        [source] if asset.is_blend or source.suffix.lower() in through_blender.SUFFIXES else files_of(source)
    )
    size = sum(file.stat().st_size for file in own)
    of_files = OF_BLENDER + OF_A_BLENDS_BYTE * size if asset.is_blend else OF_A_FILES_BYTE * size
    return OF_EVERY_JOB + OF_A_TEXEL * _texture_size(asset) ** 2 + of_files


def _kind(asset: Asset) -> tuple[object, ...]:
    return asset.is_blend, _texture_size(asset), asset.fields.get("quality", Job.quality)


def _texture_size(asset: Asset) -> int:
    size: int = asset.fields.get("texture_size", Job.texture_size)
    return size
