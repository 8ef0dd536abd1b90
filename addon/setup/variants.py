"""Which build of torch for which machine, and the requirement sets that an environment is made of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from . import system
from .errors import SetupError

SETS = Path(__file__).parent / "requirements"
PIP, COMMON, WEIGHTS = "pip.txt", "common.txt", "weights.txt"

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
    index: str = ""  # where the set comes from; empty is pip's own index

    @property
    def summary(self) -> str:
        return f"{self.label}: {self.download / GB:.1f} GB to download, {self.disk / GB:.1f} GB on disk"


_PYTORCH = "https://download.pytorch.org/whl/"

VARIANTS = (
    Variant("cuda", "NVIDIA (CUDA)", "Linux", "cuda-linux.txt", 3_000_000_000, 5_500_000_000),
    Variant("rocm", "AMD (ROCm)", "Linux", "rocm-linux.txt", 4_500_000_000, 16 * GB, _PYTORCH + "rocm7.2"),
    Variant("cpu", "Processor", "Linux", "cpu-linux.txt", 400_000_000, 1_300_000_000, _PYTORCH + "cpu"),
    Variant("cuda", "NVIDIA (CUDA)", "Windows", "cuda-windows.txt", 2 * GB, 5 * GB, _PYTORCH + "cu130"),
    Variant("cpu", "Processor", "Windows", "torch.txt", 300_000_000, 1_200_000_000),
    Variant("mps", "Apple (Metal)", "Darwin", "torch.txt", 300_000_000, 1_000_000_000),
    Variant("cpu", "Processor", "Darwin", "torch.txt", 300_000_000, 1_000_000_000),
)


def available(on: str = system.SYSTEM) -> tuple[Variant, ...]:
    """The variants for the system named `on`; Linux's for one like it."""
    return tuple(variant for variant in VARIANTS if variant.system == on) or available("Linux")


def find(name: str, on: str = system.SYSTEM) -> Variant:
    """The variant called `name`. Raises SetupError if this system has none."""
    for variant in available(on):
        if variant.name == name:
            return variant
    names = ", ".join(variant.name for variant in available(on))
    raise SetupError(f"There is no torch called {name} for {on}.", f"Choose one of: {names}.")


def choose(on: str = system.SYSTEM) -> Variant:
    """The variant that suits this machine's hardware."""
    if on == "Darwin":
        if system.machine() != "arm64":
            raise SetupError(
                "Torch is no longer made for Macs with Intel processors.", "Use a Mac with Apple silicon."
            )
        return find("mps", on)
    if system.has_nvidia(on):
        return find("cuda", on)
    if system.has_amd(on):
        return find("rocm", on)
    return find("cpu", on)


def fingerprint(variant: Variant, sets: Path = SETS) -> str:
    """SHA-256 of all that the requirement sets of `variant` say, comments aside."""
    digest = hashlib.sha256()
    for name in (PIP, COMMON, variant.torch, WEIGHTS):
        for line in (sets / name).read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                digest.update(line.strip().encode() + b"\n")
    return digest.hexdigest()


def fingerprints(on: str = system.SYSTEM, sets: Path = SETS) -> dict[str, str]:
    """The fingerprint of every variant for the system named `on`."""
    return {variant.name: fingerprint(variant, sets) for variant in available(on)}
