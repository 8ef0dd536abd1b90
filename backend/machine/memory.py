"""When memory does not suffice: how that shows, and what to do about it; how much was held at most.

Torch is imported only inside, so that an error can be looked at where torch is what is broken.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

NO_MEMORY = "There is not enough memory."
CURE = "Close other programs, or choose a smaller texture."

# What the system, Python, NumPy, torch and its libraries (oneDNN, CUDA) say when they get none. One that
# cannot map a library's file into memory calls that an import error.
_WORDS = (
    *(
        "out of memory",
        "not enough memory",
        "allocate memory",
        "bad_alloc",
        "unable to allocate",
        "alloc_failed",
    ),
    *("could not create a primitive", "failed to map segment", "cannot map", "unable to mmap", "mmap failed"),
    *("thread-local", "can't start new thread", "resource temporarily unavailable"),
)


def installed() -> int:
    """Measure the bytes of memory that this machine has; 0 where the system does not tell."""
    if sys.platform == "win32":
        import ctypes

        kilobytes = ctypes.c_ulonglong()
        told = ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
        return kilobytes.value * 1024 if told else 0
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 0


def ran_out(error: BaseException) -> bool:
    """Tell whether `error`, or what it comes from, is a want of memory, on any device and at any stage."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen).lower()
        if isinstance(seen, MemoryError) or (isinstance(seen, OSError) and seen.errno == errno.ENOMEM):
            return True
        of_libraries = isinstance(seen, RuntimeError | ImportError | OSError | SystemError)
        if of_libraries and any(word in text for word in _WORDS):
            return True
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return False


def release() -> None:
    """Give back what a failed attempt held, so that a smaller one finds room."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def peak_memory() -> int:
    """Measure the most bytes that this process has held, and the GPU where there is one."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
