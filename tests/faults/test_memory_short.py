"""Too little memory, at every stage of a job: it is called that, with a cure, and never anything else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "backend"))

from test_stylize_job import JOB, ROOT, folder_of

from backend.machine import memory
from backend.protocol.events import FINISHED, read_event

LIMITS = (300, 2500, 3600, 4400)  # megabytes of addresses: from the imports to the report
if int(os.environ.get("PATINA_FAULTS", "1")) > 1:
    LIMITS = (*range(300, 3400, 300), *range(3400, 6000, 200))
HUNG_SECONDS = 300  # of a job that takes some ten
WRONG = ("Set up the backend again", "Remove the file", "UnboundLocalError", "stumbled", "report it")


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's addresses")
@pytest.mark.parametrize("limit", LIMITS)
def test_a_want_of_memory_is_told_as_such_at_every_stage(limit, tmp_path):
    folder = folder_of(tmp_path, replace(JOB, texture_size=2048, steps=3))
    done = subprocess.Popen(
        ["prlimit", f"--as={limit * 10**6}", sys.executable, "-B", "-m", "backend", "run", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said, errors = _wait(done)
    events = [event for event in map(read_event, said.splitlines()) if event]
    if done.returncode == FINISHED:
        assert events[-1].kind == "finished"
    elif events and events[-1].kind == "failed":
        assert events[-1].message == memory.NO_MEMORY
        assert events[-1].cure == memory.CURE
    else:  # a library died of it; what the panel says of that: tests/addon/test_process.py
        assert done.returncode < 0 or "alloc" in errors.lower() or "memory" in errors.lower()
    told = " ".join(f"{event.message} {event.cure}" for event in events)
    assert not any(word in told for word in WRONG)
    assert not list(folder.glob("*.part")) or done.returncode < 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's addresses")
@pytest.mark.parametrize("limit", [100, 220, 400, 900])
def test_libraries_that_try_for_memory_for_ever_are_loaded_while_there_is_some(limit):
    """OpenBLAS does, at some 200 MB of addresses, where SciPy is imported without a look at them."""
    words = "from backend.machine import memory; memory.load_openblas(); print('loaded')"
    command = ["prlimit", f"--as={limit * 10**6}", sys.executable, "-B", "-c", words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HUNG_SECONDS)
    if limit * 10**6 > 1.5 * memory.OPENBLAS_BYTES:
        assert done.stdout == "loaded\n"
    else:
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == "MemoryError"


def _wait(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it says up to its end, with its stdin open all the while: its end would be a cancel."""
    errors: list[str] = []
    hung = threading.Timer(HUNG_SECONDS, process.kill)
    hung.start()
    assert process.stdout is not None
    assert process.stderr is not None
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    said = process.stdout.read()
    process.wait(120)
    reader.join()
    assert hung.is_alive(), f"it tries for ever: {said[-300:]}"
    hung.cancel()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    return said, errors[0]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("could not create a primitive"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_what_libraries_call_a_want_of_memory_is_known_as_one(error):
    assert memory.ran_out(error)
    wrapped = ValueError("it cannot be read")
    wrapped.__cause__ = error
    assert memory.ran_out(wrapped)
    assert not memory.ran_out(ValueError("it cannot be read"))
    assert not memory.ran_out(ImportError("No module named 'torch'"))
    assert not memory.ran_out(RuntimeError("The size of tensor a (3) must match"))
