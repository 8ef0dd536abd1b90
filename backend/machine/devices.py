"""Which device a job runs on, its name, and what else a result was made with."""

from __future__ import annotations

import platform

import numpy as np
import torch

from ..errors import PatinaError


def pick_device(name: str) -> torch.device:
    """Choose the device `name`; `auto` takes the fastest there is. Raises PatinaError if it is not there."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(n for n in ("cuda", "mps", "cpu") if available[n])
    if not available[name]:
        raise PatinaError(
            f"This machine has no {name} device that torch can use.", "Use auto or cpu.", "device"
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """Name the device as a person knows it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return (
        f"{device.type.upper()} ({torch.get_num_threads()} threads)" if device.type == "cpu" else "Apple GPU"
    )


def versions() -> dict[str, str]:
    """List the versions of what a result is made with."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }
