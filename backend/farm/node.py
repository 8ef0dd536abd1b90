"""What a worker of Ray's does, be it on another machine. No torch: it has a process that paints.

It is apart from `on_ray`, which workers would import with all that the driver needs.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from .asset import Asset, Outcome
from .bench import ROOT, Bench


def code_digest() -> str:
    """Compute the SHA-256 of the backend's code: nodes with another would paint otherwise."""
    digest = hashlib.sha256(".".join(map(str, sys.version_info[:2])).encode())
    for path in sorted((ROOT / "backend").rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _bench(cpus: int) -> Bench:
    """The bench of this worker of Ray's: it stays from one task to the next."""
    return Bench(cpus)


def paint(asset: Asset, attempts: int) -> Outcome:
    """Paint an asset, as `Bench.paint` does."""
    return _bench(asset.cpus).paint(asset, attempts)


def about(paths: Sequence[str]) -> tuple[str, list[str]]:
    """What a node has: its code's digest, and which of `paths` are not there."""
    return code_digest(), [path for path in paths if not Path(path).exists()]
