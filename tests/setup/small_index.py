"""A package index of real wheels, made from what this environment has installed: no network is needed.

The set-up under test is the product's own; only the requirement sets name other, smaller packages.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from addon.setup import variants
from addon.setup.plan import Plan

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("driver.py")

SETS = {
    "pip.txt": ["pip"],
    "common.txt": ["iniconfig", "pluggy"],
    "torch.txt": ["packaging", "pygments"],
    "weights.txt": ["typing-extensions"],
    "farm.txt": ["mypy-extensions"],
}
CHECK = ("-c", "import iniconfig, packaging, pluggy, pygments, typing_extensions; print('works')")


def wheel(name: str, folder: Path, version: str = "", extra: str = "") -> Path:
    """Pack the installed distribution `name` into a wheel again; `version` and `extra` make a later one."""
    installed = importlib.metadata.distribution(name)
    old = installed.version
    version = version or old
    stem = installed.metadata["Name"].replace("-", "_")
    path = folder / f"{stem}-{version}-py3-none-any.whl"
    rows = io.StringIO()
    record = csv.writer(rows, lineterminator="\n")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        dist_info = ""
        for file in installed.files or ():
            inside = file.as_posix()
            if (
                inside.startswith("..")
                or "__pycache__" in inside
                or inside.endswith((".pth", "_virtualenv.py"))
            ):
                continue
            if f"{old}.dist-info/" in inside:
                if file.name in ("RECORD", "INSTALLER", "REQUESTED"):
                    continue
                inside = inside.replace(f"-{old}.dist-info", f"-{version}.dist-info")
                dist_info = inside.split("/")[0]
            data = Path(str(file.locate())).read_bytes()
            if inside.endswith(".dist-info/METADATA"):
                data = data.replace(f"\nVersion: {old}".encode(), f"\nVersion: {version}".encode(), 1)
            if inside.endswith("/__init__.py") and extra:
                data += extra.encode()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.writerow([inside, f"sha256={digest}", len(data)])
            archive.writestr(zipfile.ZipInfo(inside), data)
        record.writerow([f"{dist_info}/RECORD", "", ""])
        archive.writestr(zipfile.ZipInfo(f"{dist_info}/RECORD"), rows.getvalue())
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Index:
    """A folder of wheels, the same as a simple index, and the requirement sets that name them."""

    wheels: Path
    simple: Path
    sets: Path

    @property
    def address(self) -> str:
        return self.simple.as_uri()

    def pin(self, name: str) -> str:
        path = next(self.wheels.glob(f"{name.replace('-', '_')}-*.whl"), None) or next(
            path for path in self.wheels.glob("*.whl") if path.name.lower().startswith(name.replace("-", "_"))
        )
        return f"{name}=={path.name.split('-')[1]} \\\n    --hash=sha256:{digest(path)}\n"


def make_index(folder: Path) -> Index:
    index = Index(folder / "wheels", folder / "simple", folder / "sets")
    for place in (index.wheels, index.simple, index.sets):
        place.mkdir(parents=True)
    for name, packages in SETS.items():
        for package in packages:
            path = wheel(package, index.wheels)
            listing = index.simple / package
            listing.mkdir()
            (listing / path.name).write_bytes(path.read_bytes())
            link = f'<a href="{path.name}#sha256={digest(path)}">{path.name}</a>'
            (listing / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
        (index.sets / name).write_text(
            "# a comment\n\n" + "".join(index.pin(package) for package in packages)
        )
    return index


VARIANT = variants.Variant("cpu", "Processor", variants.system.SYSTEM, "torch.txt", 4_000_000, 20_000_000)


def make_plan(index: Index, folder: Path, **changes: object) -> Plan:
    options: dict[str, object] = {"index": index.address, "sets": index.sets, "check": CHECK, **changes}
    return Plan(folder, VARIANT, Path(sys.executable), **options)  # type: ignore[arg-type]


def start_driver(plan: Plan, *before: str) -> subprocess.Popen[str]:
    """Run the set-up in a process of its own, which prints each state as it enters it."""
    arguments = {
        "folder": str(plan.folder),
        "wheelhouse": str(plan.wheelhouse) if plan.wheelhouse else None,
        "index": plan.index,
        "sets": str(plan.sets),
        "check": plan.check,
        "bytes": [plan.variant.download, plan.variant.disk],
    }
    return subprocess.Popen(
        [*before, sys.executable, "-B", str(DRIVER), json.dumps(arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
