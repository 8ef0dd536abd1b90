"""What Ray and the driver take of the processor beside the jobs of a farm, on 1 to 4 nodes on this machine.

`.env/farm/bin/python -m benchmarks.farm_overhead [NODES …]`, where `make test-farm` has put Ray. The
nodes share the machine's cores, and each does one job at a time, in one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .subjects import ROOT

JOBS, LEAST_JOBS = 2, 6  # for each node, and at least
EVERY_SECONDS = 0.5  # that the processes are looked at
RECIPE = """
assets = ["*.gltf"]
cpus = 1
[settings]
style = "{style}"
quality = "draft"
"""


class Watch:
    """Adds up the processor seconds of this process's offspring: of those that paint, and of all others."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, float], tuple[bool, float]] = {}

    def look(self) -> None:
        import psutil  # which Ray brings, and says where it is

        for process in psutil.Process().children(recursive=True):
            try:
                key = process.pid, process.create_time()
                words, times = process.cmdline(), process.cpu_times()
            except psutil.Error:  # it has just ended
                continue
            painted, before = self._seconds.get(key, (False, 0.0))  # who has ended has no words any more
            self._seconds[key] = (
                painted or "backend.farm.worker" in words,
                max(before, times.user + times.system),
            )

    def sum(self, paints: bool) -> float:
        return sum(seconds for kind, seconds in self._seconds.values() if kind is paints)


def measure(nodes: int, place: Path) -> dict[str, Any]:
    """Run a farm on `nodes` nodes of Ray's; gives seconds, of the processor where not said otherwise.

    What Ray and its workers take to start is apart: all until the first job is done, while each node has one.
    """
    from ray.cluster_utils import Cluster

    for index in range(max(LEAST_JOBS, JOBS * nodes)):
        (place / f"fox_{index}.gltf").write_bytes((ROOT / "tests" / "assets" / "fox.gltf").read_bytes())
    (place / "recipe.toml").write_text(RECIPE.format(style=ROOT / "addon" / "styles" / "starry_night.jpg"))
    watch, cluster = Watch(), Cluster()
    for _ in range(nodes):
        _add_node(cluster)
    cluster.wait_for_nodes(300)
    words = ["-m", "backend", "farm", str(place / "recipe.toml"), "--address", cluster.address]
    driver = subprocess.Popen([sys.executable, "-B", *words], cwd=ROOT)
    start, of_first, began = 0.0, 0.0, time.monotonic()
    while driver.poll() is None:
        watch.look()
        if not start and any(place.glob("painted/assets/*/asset.json")):
            start, of_first, began = watch.sum(paints=False), watch.sum(paints=True), time.monotonic()
        time.sleep(EVERY_SECONDS)
    took = time.monotonic() - began
    known = json.loads((place / "painted" / "farm.json").read_text())
    cluster.shutdown()
    jobs, others = watch.sum(paints=True), watch.sum(paints=False)
    return {
        "nodes": nodes,
        "jobs": known["finished"],
        "of_jobs": round(jobs, 1),
        "start": round(start, 1),
        "wall_then": round(took, 1),
        "of_jobs_then": round(jobs - of_first, 1),
        "of_others_then": round(others - start, 1),
        "overhead_then": round((others - start) / (jobs - of_first), 4),
        "load": round(os.getloadavg()[1], 1),
    }


def _add_node(cluster: Any) -> None:
    """Add a node. Ray gives it half a minute to start; a busy machine may need more."""
    for left in reversed(range(4)):
        try:
            cluster.add_node(num_cpus=1, memory=4 * 10**9)
            return
        except Exception:  # of many kinds
            if not left:
                raise


def main(counts: list[int]) -> None:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    for nodes in counts:
        with tempfile.TemporaryDirectory() as place:
            print(json.dumps(measure(nodes, Path(place))), flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1, 2, 3, 4])
