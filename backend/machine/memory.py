"""When memory does not suffice: how that shows, and what to do about it; how much was held at most.

Torch is imported only inside, so that an error can be looked at where torch is what is broken.
"""

from __future__ import annotations

import gc
import sys

NO_MEMORY = "There is not enough memory."


def ran_out(error: BaseException) -> bool:
    """Whether `error` is Python's MemoryError, or torch's: a RuntimeError that says so, on any device."""
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def release() -> None:
    """Give back what a failed attempt held, so that a smaller one finds room."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def peak_memory() -> int:
    """Bytes: the most that this process has held, and the GPU where there is one."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
