"""The doctor: what this environment and this machine can do, what is amiss, and what mends it.

Imports torch only inside the checks, so that it can still say that torch is what is broken. The text
holds no user name and no path: it is made to be pasted into a bug report.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PatinaError
from ..machine import memory
from ..protocol.choices import VERSION
from ..protocol.events import FINISHED, read_event
from ..protocol.files import MESH_FILE, REPORT_FILE, TEXTURE_FILE
from ..protocol.job import Job
from ..protocol.job_file import write_job
from ..protocol.parts import Style

if TYPE_CHECKING:
    from ..networks.registry import Packaged

ROOT = Path(__file__).parents[2]
REPAIR = "Press Repair in Preferences > Add-ons > Patina."
REDISTRIBUTABLE = "Install Microsoft's Visual C++ Redistributable for x64, then press Verify."
GB = 10**9
LEAST_FREE = 2 * GB  # of disk, for jobs and downloaded weights
PROBE_SECONDS = 300


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `cure` is set where it stops the work, `advice` where it only hampers."""

    subject: str
    text: str
    cure: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """All findings, and as text: a line each, what mends it under what is amiss, the sum of it last."""

    findings: tuple[Finding, ...]

    @property
    def amiss(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.cure)

    def __str__(self) -> str:
        width = max(len(finding.subject) for finding in self.findings)
        lines = []
        for finding in self.findings:
            mend = finding.cure or finding.advice
            lines.append(f"{'!' if mend else ' '} {finding.subject:<{width}}  {finding.text}")
            if mend:
                lines.append(f"  {'':<{width}}  -> {mend}")
        hampered = [finding.subject for finding in self.findings if finding.advice]
        if self.amiss:
            broken = dict.fromkeys(finding.subject for finding in self.amiss)
            lines.append(f"Broken: {', '.join(broken)}.")
        else:
            lines.append(f"It works, but look at: {', '.join(hampered)}." if hampered else "All is well.")
        return "\n".join(lines)


def version() -> str:
    """Read the extension's version from blender_manifest.toml, the one place that holds it."""
    manifest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "([^"]+)"', manifest, re.MULTILINE)
    return found[1] if found else "unknown"


def doctor(job_probe: bool = True) -> Report:
    """Look at everything; with `job_probe` also run one tiny real job, and measure one step."""
    findings = [
        Finding("Patina", f"{version()}, job format {VERSION}"),
        Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.release()}"),
        Finding("Processor", f"{_processor()}, {os.cpu_count()} threads{_memory()}"),
    ]
    try:
        findings += _torch()
        findings += _rasterizers()
        findings += _weights()
        findings.append(_disk())
        if job_probe:
            findings += [_step(), _job()]
    except (ImportError, OSError) as error:  # Windows: OSError for a library that a library lacks
        cure = REDISTRIBUTABLE if isinstance(error, OSError) and platform.system() == "Windows" else REPAIR
        findings.append(Finding("torch", _without_paths(f"cannot be loaded: {error}"), cure))
    return Report(tuple(findings))


def _processor() -> str:
    """The processor's name as its maker writes it, where the system tells."""
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _memory() -> str:
    """`, N GB of memory`, or nothing where the system does not tell."""
    total = memory.installed()
    return f", {total / GB:.0f} GB of memory" if total else ""


def _torch() -> Iterator[Finding]:
    import torch
    import torchvision

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    if torch.version.hip:
        build = f"ROCm {torch.version.hip}"
    yield Finding("torch", f"{torch.__version__} ({build}), torchvision {torchvision.__version__}")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            yield Finding("Device", f"{name}, {free / GB:.1f} of {total / GB:.1f} GB of memory free")
    elif torch.backends.mps.is_available():
        yield Finding("Device", "Apple (Metal), memory shared with the system")
    elif _nvidia_driver() is None:
        yield Finding("Device", "the processor: no graphics card that torch can use was found")
    elif torch.version.cuda is None:
        yield Finding(
            "Device",
            "the processor, though there is an NVIDIA card",
            advice="Choose NVIDIA (CUDA) as Torch in Preferences > Add-ons > Patina, then press Repair.",
        )
    else:
        yield Finding(
            "Device",
            f"the processor: torch cannot use the NVIDIA card (driver {_nvidia_driver() or 'unknown'})",
            advice=f"Update the NVIDIA driver: CUDA {torch.version.cuda} needs a newer one.",
        )


def _nvidia_driver() -> str | None:
    """The driver's version, empty if it does not say, None if there is no driver or no card."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
        run = subprocess.run(query, capture_output=True, text=True, timeout=20)
        return run.stdout.split("\n")[0].strip() if run.returncode == 0 else None
    return ""


def _rasterizers() -> Iterator[Finding]:
    try:
        import embreex  # noqa: F401

        yield Finding(
            "Embree", f"{importlib.metadata.version('embreex')}, free for any use (BSD and Apache-2.0)"
        )
    except ImportError as error:
        yield Finding("Embree", _without_paths(f"cannot be loaded: {error}"), REPAIR)
    if importlib.util.find_spec("nvdiffrast"):
        yield Finding("nvdiffrast", "installed; its licence allows research and evaluation only")
    else:
        yield Finding(
            "nvdiffrast", "not installed, not needed; its licence allows research and evaluation only"
        )


def _weights() -> Iterator[Finding]:
    """The weights that come with the set-up, and those that were fetched."""
    from ..networks import feedforward, registry

    for name, entry in registry.entries().items():
        source = entry.sources[0]
        path = source.find()
        if isinstance(source, registry.Packaged):
            yield _packaged(name, source) if path else Finding("Weights", f"{name}: missing", REPAIR)
        elif path is not None:
            yield Finding("Weights", f"{name}: {path.stat().st_size / 1e6:.0f} MB, fetched")
    if feedforward.available():
        yield _packaged(feedforward.NAME, *feedforward.SOURCES)
    else:  # jobs run without it
        yield Finding("Weights", f"{feedforward.NAME}: missing", advice=REPAIR)


def _packaged(name: str, *sources: Packaged) -> Finding:
    """What there is to say of a network whose files are here."""
    from ..networks import weights

    size = 0
    for source in sources:
        path = source.find()
        assert path is not None
        try:
            weights.verify(path, source.digest)
        except PatinaError:
            return Finding("Weights", f"{name}: {path.name} is damaged, its hash is wrong", REPAIR)
        size += path.stat().st_size
    return Finding("Weights", f"{name}: {size / 1e6:.0f} MB, hash right ({sources[0].licence})")


def _disk() -> Finding:
    free = shutil.disk_usage(sys.prefix).free
    advice = "Free some space on the disk that holds the backend." if free < LEAST_FREE else ""
    return Finding("Disk", f"{free / GB:.1f} GB free beside the backend", advice=advice)


def _step() -> Finding:
    """One step's dearest part: VGG-16 to relu4_1 on a 256² view, there and back."""
    import torch

    from .. import networks

    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda")
    elif torch.backends.mps.is_available():
        device = torch.device("mps")
    try:
        network = networks.load("vgg16", device)
    except PatinaError as error:
        return Finding("One step", _without_paths(error.message), error.cure)
    seconds = []
    for _ in range(3):  # the first one also plans
        view = torch.rand(1, 3, 256, 256, device=device, requires_grad=True)
        start = time.perf_counter()
        network(view, ["relu4_1"])["relu4_1"].square().mean().backward()
        float(view.grad.sum() if view.grad is not None else 0.0)  # waits until the device has finished
        seconds.append(time.perf_counter() - start)
    return Finding(
        "One step", f"{min(seconds):.3f} s: VGG-16 on a 256 x 256 view, forward and backward, {device}"
    )


def _job() -> Finding:
    """Run one tiny job as the add-on would."""
    start = time.perf_counter()
    reads, writes = os.pipe()  # its stdin: held open, for the end of it would cancel the job
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _write_tiny_job(folder)
            run = subprocess.run(
                [sys.executable, "-E", "-s", "-B", "-X", "utf8", "-m", "backend", "run", str(folder)],
                cwd=ROOT,
                stdin=reads,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=PROBE_SECONDS,
            )
            done = (folder / TEXTURE_FILE).is_file() and (folder / REPORT_FILE).is_file()
    except subprocess.TimeoutExpired:
        return Finding(
            "Tiny job", f"not done after {PROBE_SECONDS} s", "Close other programs, then try again."
        )
    except OSError as error:
        return Finding("Tiny job", f"cannot be written: {error.strerror}", "Free some space on the disk.")
    finally:
        os.close(reads)
        os.close(writes)
    if run.returncode == FINISHED and done:
        return Finding("Tiny job", f"finished in {time.perf_counter() - start:.1f} s")
    events = [event for line in run.stdout.splitlines() if (event := read_event(line))]
    failed = next((event for event in events if event.kind == "failed"), None)
    words = [line for line in run.stderr.splitlines() if line.strip()]
    said = failed.message if failed else words[-1] if words else "it said nothing"
    cure = (failed and failed.cure) or REPAIR
    return Finding("Tiny job", _without_paths(f"failed (exit code {run.returncode}): {said}"), cure)


def _write_tiny_job(folder: Path) -> None:
    """A unit square with one triangle on each side of its diagonal, and a striped style."""
    import numpy as np
    from PIL import Image

    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uvs = 0.1 + 0.8 * vertices[faces][..., :2]
    normals = np.broadcast_to(np.array([0, 0, 1], np.float32), (2, 3, 3))
    np.savez(folder / MESH_FILE, vertices=vertices, faces=faces, uvs=uvs, normals=normals)
    ramp = np.arange(96)
    stripes = np.stack([ramp * 2, 255 - ramp * 2, ramp % 12 * 20], -1).astype(np.uint8)
    Image.fromarray(np.broadcast_to(stripes, (96, 96, 3)).copy()).save(folder / "style.png")
    job = Job(
        name="doctor",
        mesh=MESH_FILE,
        styles=(Style("style.png"),),
        texture_size=64,
        quality="draft",
        steps=2,
    )
    write_job(folder, job)


def _without_paths(text: str) -> str:
    """`text` on one line, with paths shortened to their last part."""
    one_line = " ".join(text.split())
    return re.sub(r"(?:[A-Za-z]:)?[\\/](?:[^\\/:\"'<>|\n]+[\\/])+", "", one_line)
