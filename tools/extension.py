"""Build the extension and the repository that serves it, with the tool that Blender ships for that.

    python tools/extension.py build DIST         DIST/patina-VERSION.zip
    python tools/extension.py repository DIST    DIST/repository/ with the zip and its index.json

Runs in an environment with bpy, whose package contains that tool.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import tomllib

ROOT = Path(__file__).parents[1]
MANIFEST = "blender_manifest.toml"

# What runs, and what the licence asks to come with it. Nothing else goes in.
SHIPPED = ("__init__.py", MANIFEST, "LICENSE", "addon", "backend")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
LARGEST = 8_000_000


def blender_tool() -> Path:
    """Blender's `blender_ext.py`, found without importing bpy."""
    spec = importlib.util.find_spec("bpy")
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        for tool in Path(place).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"):
            return tool
    sys.exit("There is no bpy in this Python: run this with .env/blender/bin/python (`make extension`).")


def run_tool(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-B", str(blender_tool()), *arguments], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"Blender's extension tool failed:\n{done.stdout}{done.stderr}")


def build(dist: Path, root: Path = ROOT) -> Path:
    """Build the extension in `root`, make it reproducible and validate it."""
    with (root / MANIFEST).open("rb") as file:
        manifest = tomllib.load(file)
    dist.mkdir(parents=True, exist_ok=True)
    target = dist / f"{manifest['id']}-{manifest['version']}.zip"
    with tempfile.TemporaryDirectory() as folder:
        source, built = Path(folder) / "source", Path(folder) / target.name
        source.mkdir()
        for name in SHIPPED:
            if (root / name).is_dir():
                shutil.copytree(root / name, source / name, ignore=LEFT_OUT)
            else:
                shutil.copy(root / name, source / name)
        run_tool("build", "--source-dir", str(source), "--output-filepath", str(built))
        same_bytes(built)
        run_tool("validate", str(built))
        if built.stat().st_size > LARGEST:
            sys.exit(f"{target.name} has {built.stat().st_size} bytes, more than {LARGEST}.")
        beside = target.with_suffix(".new")
        shutil.move(built, beside)
        beside.replace(target)
    return target


def same_bytes(archive: Path) -> None:
    """Rewrite `archive` so that it depends on its files' names and contents only: sorted, without times."""
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in sorted(old.namelist())}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # dated 1980
            entry.external_attr = 0o644 << 16
            new.writestr(entry, data, zipfile.ZIP_DEFLATED)


def repository(dist: Path, root: Path = ROOT) -> Path:
    """Put the zip where Blender can subscribe to it, in place of an earlier one: Blender takes whichever
    version of an extension is listed last, not the highest."""
    folder = dist / "repository"
    folder.mkdir(parents=True, exist_ok=True)
    archive = build(dist, root)
    for earlier in folder.glob("*.zip"):
        earlier.unlink()
    shutil.copy(archive, folder)
    run_tool("server-generate", "--repo-dir", str(folder))
    return folder / "index.json"


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the extension or its repository.")
    parser.add_argument("what", choices=("build", "repository"))
    parser.add_argument("dist", type=Path)
    options = parser.parse_args()
    made = {"build": build, "repository": repository}[options.what](options.dist)
    print(f"{made}  {made.stat().st_size} bytes")


if __name__ == "__main__":
    main()
