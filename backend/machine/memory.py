"""When memory does not suffice: how that shows, and what to do about it; how much is and was held.

Torch is imported only inside, so that an error can be looked at where torch is what is broken.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import mmap
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

NO_MEMORY = "There is not enough memory."
SHORT = 0.06  # of the system's memory: with less to be had, who only waits had better go
CURE = "Close other programs, or choose a smaller texture."
OPENBLAS_BYTES = 1 << 29  # more than NumPy's and SciPy's take as they are loaded, one thread each

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
    "operator torchvision::nms does not exist",  # torchvision goes on without its library, but not far
)


def load_openblas() -> None:
    """Load NumPy's and SciPy's OpenBLAS while there is room: as it is loaded, it tries for a buffer for ever.

    Comes before torch, which takes more. Raises MemoryError where there is no room.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each has a buffer of its own
    try:
        mmap.mmap(-1, OPENBLAS_BYTES).close()
    except OSError:
        raise MemoryError from None
    import_module("scipy.ndimage")


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
    """Give back what is no longer used, so that another attempt, or another program, finds room."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
    with suppress(
        OSError, AttributeError, TypeError
    ):  # elsewhere than in the GNU C library freed memory goes by itself
        ctypes.CDLL(None).malloc_trim(0)


def held() -> int:
    """Measure the bytes that this process holds now: of the processor's memory, not of a card's."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # there is no such file elsewhere
        return peak_memory()


def is_short() -> bool:
    """Tell whether hardly any of the system's memory is to be had; False where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return _is_short_on_windows() if sys.platform == "win32" else False
    kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return kilobytes.get("MemAvailable", kilobytes["MemTotal"]) < SHORT * kilobytes["MemTotal"]


def _is_short_on_windows() -> bool:
    """As the system tells by `GlobalMemoryStatusEx`."""
    status = (
        ctypes.c_uint64 * 8
    )()  # MEMORYSTATUSEX: its length and the share in use, then 7 counts of bytes
    status[0] = ctypes.sizeof(status)
    told = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined,unused-ignore]
    return bool(told) and status[2] < SHORT * status[1]


def forget_peak() -> None:
    """Have `peak_memory` count from now on, where the system can."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Linux: the peak of what is resident


def peak_memory() -> int:
    """Measure the most bytes that this process has held, and the GPU where there is one."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return int(torch.cuda.max_memory_allocated())
    return peak_resident()


def peak_resident() -> int:
    """Measure the most bytes of the processor's memory that this process has held; 0 on Windows."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
