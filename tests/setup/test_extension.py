"""What is shipped, and how it arrives: the zip, and a repository that Blender subscribes to."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUBSCRIBER = Path(__file__).with_name("subscriber.py")

spec = importlib.util.spec_from_file_location("extension", ROOT / "tools" / "extension.py")
extension = importlib.util.module_from_spec(spec)
spec.loader.exec_module(extension)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extension.build(tmp_path_factory.mktemp("dist"))


def version_here() -> str:
    return re.search(r'^version = "(.+)"', (ROOT / extension.MANIFEST).read_text(), re.MULTILINE)[1]


def copy_with_version(folder: Path, version: str) -> Path:
    """The extension's sources, with another version in the one place that holds it."""
    folder.mkdir()
    for name in extension.SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=extension.LEFT_OUT)
        else:
            shutil.copy(ROOT / name, folder / name)
    manifest = folder / extension.MANIFEST
    manifest.write_text(manifest.read_text().replace(f'"{version_here()}"', f'"{version}"'))
    return folder


def test_same_sources_same_bytes(archive: Path, tmp_path: Path):
    """Built again from a copy, whose files have other times and lie in another order on disk."""
    copy = copy_with_version(tmp_path / "copy", version_here())
    for number, path in enumerate(sorted(copy.rglob("*"), reverse=True)):
        os.utime(path, (10**9 + number, 10**9 + number))
        if path.is_file():
            path.chmod(0o600)
    again = extension.build(tmp_path / "dist", copy)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(archive.read_bytes()).digest()


def test_only_what_runs(archive: Path):
    assert archive.name == f"patina-{version_here()}.zip"
    assert archive.stat().st_size < 8_000_000
    with zipfile.ZipFile(archive) as file:
        names = file.namelist()
        licence = file.read("LICENSE").decode()
    assert {name.split("/")[0] for name in names} == set(extension.SHIPPED)
    assert not [
        name
        for name in names
        if re.search(r"test|__pycache__|\.pyc$|\.md$|/\.", name) and "CREDITS" not in name
    ]
    assert "GNU GENERAL PUBLIC LICENSE" in licence
    assert "addon/styles/CREDITS.md" in names
    assert {"addon/setup/child.py", "addon/setup/requirements/common.txt", "backend/protocol/job.py"} <= set(
        names
    )


def test_version_is_in_one_place():
    """The change log tells it too, to people."""
    holders = [
        path.relative_to(ROOT)
        for place in ("addon", "backend", "tools", "blender_manifest.toml", "Makefile", "pyproject.toml")
        for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*.py"))
        if re.search(rf'(?i)version\W+{re.escape(version_here())}"', path.read_text())
    ]
    assert holders == [Path("blender_manifest.toml")]
    assert f"## {version_here()}" in (ROOT / "CHANGELOG.md").read_text()


def test_install_from_a_repository_then_upgrade(tmp_path: Path):
    """Over file://, in a Blender of its own: settings, the artist's presets and the environment stay."""
    dist = tmp_path / "dist"
    extension.repository(dist, copy_with_version(tmp_path / "first", "0.0.1"))
    index = dist / "repository" / "index.json"
    listed = json.loads(index.read_text())["data"]
    assert [(entry["id"], entry["version"]) for entry in listed] == [("patina", "0.0.1")]

    newer = copy_with_version(tmp_path / "second", "0.0.2")
    publish = [sys.executable, "-B", str(Path(__file__).with_name("publish.py")), str(dist), str(newer)]
    environment = {name: value for name, value in os.environ.items() if name != "PATINA_BACKEND"}
    environment["BLENDER_USER_RESOURCES"] = str(tmp_path / "user")
    (tmp_path / "user").mkdir()
    run = subprocess.run(
        [sys.executable, "-B", str(SUBSCRIBER), index.as_uri(), json.dumps(publish)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(run.stdout.strip().splitlines()[-1])
    assert told["versions"] == ["0.0.1", "0.0.2"]
    assert told["warnings"] == []
    assert told["before"] == told["after"]
    assert told["after"]["preset"][1] == 0.875
    assert told["after"]["state"] == "ready"
