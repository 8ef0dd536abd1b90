"""Which build of torch for which machine, and the requirement sets that an environment is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from . import system
from .errors import SetupError

SETS = Path(__file__).parent / "requirements"
PIP, COMMON, WEIGHTS = "pip.txt", "common.txt", "weights.txt"
EXTRAS = {"farm": "farm.txt"}  # sets that are installed where they are asked for: Ray

GB = 10**9


@dataclass(frozen=True)
class Variant:
    """A build of torch. Sizes are in bytes and about right: those of all packages together."""

    name: str
    label: str
    system: str
    torch: str  # its requirement set
    download: int
    disk: int
    shelf: str = ""  # which of PyTorch's own indexes has it; empty: the default index does

    @property
    def summary(self) -> str:
        where = f", from PyTorch's index for {self.shelf}" if self.shelf else ""
        return (
            f"{self.label}: {self.download / GB:.1f} GB to download, {self.disk / GB:.1f} GB on disk{where}"
        )


GET_STARTED = "https://pytorch.org/get-started/locally/"  # a page that tells people those indexes' addresses
ELSEWHERE = "elsewhere.txt"  # the set of the builds that only PyTorch's own indexes have

VARIANTS = (
    Variant("cuda", "NVIDIA (CUDA), or processor", "Linux", "cuda-linux.txt", 3_000_000_000, 5_500_000_000),
    Variant("rocm", "AMD (ROCm)", "Linux", ELSEWHERE, 4_500_000_000, 16 * GB, "ROCm 7.2"),
    Variant("cpu", "Processor only", "Linux", ELSEWHERE, 400_000_000, 1_300_000_000, "CPU"),
    Variant("cuda", "NVIDIA (CUDA)", "Windows", ELSEWHERE, 2 * GB, 5 * GB, "CUDA 13.0"),
    Variant("cpu", "Processor", "Windows", "torch.txt", 300_000_000, 1_200_000_000),
    Variant("mps", "Apple (Metal)", "Darwin", "torch.txt", 300_000_000, 1_000_000_000),
    Variant("cpu", "Processor", "Darwin", "torch.txt", 300_000_000, 1_000_000_000),
)


def available(on: str = system.SYSTEM) -> tuple[Variant, ...]:
    """List the variants for the system named `on`; Linux's for one like it."""
    return tuple(variant for variant in VARIANTS if variant.system == on) or available("Linux")


def find(name: str, on: str = system.SYSTEM) -> Variant:
    """Find the variant called `name`. Raises SetupError if this system has none."""
    for variant in available(on):
        if variant.name == name:
            return variant
    names = ", ".join(variant.name for variant in available(on))
    raise SetupError(f"There is no torch called {name} for {on}.", f"Choose one of: {names}.")


def choose(on: str = system.SYSTEM, torch_index: str = "") -> Variant:
    """Choose the variant that suits this machine's hardware, of those that can be had.

    Without the address of one of PyTorch's own indexes that is the default index's build, which runs on
    the processor if on nothing better.
    """
    check_processor(on)
    best = best_for(on)
    return best if torch_index or not best.shelf else _from_default_index(on)


def best_for(on: str = system.SYSTEM) -> Variant:
    """Choose the variant that makes the most of this machine's hardware, wherever it comes from."""
    if system.has_nvidia(on):
        return find("cuda", on)
    if system.has_amd(on):
        return find("rocm", on)
    return _from_default_index(on)


def _from_default_index(on: str) -> Variant:
    return next(variant for variant in available(on) if not variant.shelf)


def check_processor(on: str = system.SYSTEM) -> None:
    """Raise SetupError for processors that torch, or Embree, is not made for."""
    if on == "Darwin" and system.machine() != "arm64":
        raise SetupError(
            "Torch is no longer made for Macs with Intel processors.", "Use a Mac with Apple silicon."
        )
    if on != "Darwin" and system.machine() != "x86_64":
        raise SetupError(
            f"Embree is not made for {on} on {system.machine()} processors.",
            "Use a machine with a 64-bit Intel or AMD processor, or a Mac with Apple silicon.",
        )


def fingerprint(variant: Variant, sets: Path = SETS) -> str:
    """Compute the SHA-256 of all that the requirement sets of `variant` say, comments aside."""
    digest = hashlib.sha256()
    for name in (PIP, COMMON, variant.torch, WEIGHTS):
        for line in (sets / name).read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                digest.update(line.strip().encode() + b"\n")
    return digest.hexdigest()


def fingerprints(on: str = system.SYSTEM, sets: Path = SETS) -> dict[str, str]:
    """Compute the fingerprint of every variant for the system named `on`."""
    return {variant.name: fingerprint(variant, sets) for variant in available(on)}
