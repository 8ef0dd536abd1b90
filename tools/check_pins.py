"""Ask the index whether every pinned package has a wheel for every system and Python that is served.

    python tools/check_pins.py [TORCH_INDEX]    needs a network, downloads no package

With the address of one of PyTorch's own indexes, or a command that holds it, the set from there is looked up
too. Run it after a change of addon/setup/requirements; the answer depends on the index, so it is no test.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

plan = importlib.import_module("addon.setup.plan")
system = importlib.import_module("addon.setup.system")
variants = importlib.import_module("addon.setup.variants")

PYTHONS = [f"3.{minor}" for minor in range(system.OLDEST_PYTHON[1], system.NEWEST_PYTHON[1] + 1)]
# What pip calls the systems, and what the markers in the sets do.
SYSTEMS = {
    "Linux": (
        ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 29))],
        "linux",
        "x86_64",
    ),
    "Windows": (["win_amd64"], "win32", "AMD64"),
    "Darwin": ([f"macosx_{major}_0_arm64" for major in (14, 13, 12, 11)], "darwin", "arm64"),
}


def applying(name: str, on: str, python: str) -> list[str]:
    """The requirements of the set `name` that hold for a system and a Python, with their hashes."""
    _, platform, machine = SYSTEMS[on]
    text = (variants.SETS / name).read_text(encoding="utf-8")
    markers = {
        "python_full_version": f"{python}.1",
        "python_version": python,
        "sys_platform": platform,
        "platform_machine": machine,
        "platform_system": on,
    }
    lines = []
    for block in re.findall(r"^[A-Za-z].*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL):
        requirement = Requirement(block.split("\\")[0].split("--hash")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate(markers):
            hashes = re.findall(r"--hash=\S+", block)
            lines.append(f"{requirement.name}{requirement.specifier} {' '.join(hashes)}")
    return lines


def missing(name: str, on: str, python: str, index: str = "") -> str:
    """What pip says is missing of the set, or an empty text."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "set.txt"
        chosen.write_text("\n".join(applying(name, on, python)), encoding="utf-8")
        platforms = [option for platform in SYSTEMS[on][0] for option in ("--platform", platform)]
        run = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed"),
                *("--target", folder, "--only-binary", ":all:", "--python-version", python, *platforms),
                "--ignore-requires-python",  # pip holds that against its own Python; the pins were resolved
                *("-r", str(chosen), *(["--index-url", index] if index else [])),
            ],
            capture_output=True,
            text=True,
        )
    return "" if run.returncode == 0 else run.stderr.strip().splitlines()[-1]


def main() -> None:
    torch_index = plan.address_in(" ".join(sys.argv[1:]))
    lacking = 0
    for on in SYSTEMS:
        sets = {
            variants.PIP,
            variants.COMMON,
            *variants.EXTRAS.values(),
            *(variant.torch for variant in variants.available(on)),
        }
        for name in sorted(sets):
            elsewhere = name == variants.ELSEWHERE
            if elsewhere and not torch_index:
                continue
            for python in PYTHONS:
                said = missing(name, on, python, torch_index if elsewhere else "")
                lacking += bool(said)
                print(f"{on:8}{python:6}{name:16}{said or 'all there'}", flush=True)
    sys.exit(f"{lacking} sets lack something." if lacking else 0)


if __name__ == "__main__":
    main()
