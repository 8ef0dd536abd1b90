"""A farm on Ray: each asset is a task with its needs, and Ray says where and when. Ray is imported inside."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from ..errors import PatinaError
from .asset import FAILED, Asset, Outcome
from .bench import ROOT
from .node import about, code_digest, paint
from .recipe import Recipe

LOST = 10  # times that a job may lose its worker or its node before it is set aside
TICK_SECONDS = 1.0
CONNECT_SECONDS = 10.0
STARTS = 3  # of Ray on this machine: it gives itself half a minute, and a busy machine may need more


def is_here() -> bool:
    """Whether Ray is installed."""
    return find_spec("ray") is not None


@contextlib.contextmanager
def cluster(recipe: Recipe, memory_gb: Mapping[str, float], address: str | None) -> Iterator[None]:
    """Join the cluster at `address`, or begin one on this machine, and leave it at the end.

    memory_gb: what the jobs need, by their assets' names.
    Raises PatinaError where it cannot be joined, or a node has another version, or lacks a file.
    """
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        _reach(address)
        _join(address)
    except Exception as error:  # of many kinds
        raise PatinaError(
            f"Ray at {address or 'this machine'} cannot be joined: {_line(error)}",
            "Start it with `ray start --head`, and give its HOST:PORT.",
            "address",
        ) from None
    try:
        _check_needs(recipe, memory_gb, _checked_nodes(recipe))
        yield
    finally:
        ray.shutdown()


def _join(address: str | None) -> None:
    """Have Ray begin on this machine, or join the cluster at `address`. Raises what Ray raises."""
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address:
        ray.init(address, **quiet)
        return
    for left in reversed(range(STARTS)):
        before = _children()
        try:
            ray.init("local", include_dashboard=False, **quiet)
            return
        except Exception:  # of many kinds
            ray.shutdown()  # which leaves the servers of a start that failed
            for server in _children() - before:
                with contextlib.suppress(ProcessLookupError):
                    server.kill()
            if not left:
                raise


def _children() -> set[Any]:
    """The processes that this one has started, and those that they have."""
    import psutil  # which Ray brings, and says where it is

    return {*psutil.Process().children(recursive=True)}


def _line(error: Exception, index: int = 0) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[index]


def _reach(address: str | None) -> None:
    """Raise OSError or ValueError where nobody answers at a HOST:PORT: Ray would try for minutes."""
    if address and address != "auto":
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), CONNECT_SECONDS):
            pass


def _checked_nodes(recipe: Recipe) -> list[dict[str, Any]]:
    """Ask every node what it has, and list them. Raises PatinaError."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    paths = sorted({style.image for asset in recipe.assets for style in asset.styles})
    paths += [str(recipe.out), *sorted({asset.source for asset in recipe.assets})]
    nodes = [node for node in ray.nodes() if node["Alive"]]
    ask = ray.remote(num_cpus=0, max_retries=0)(about)
    asked = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            paths
        )
        for node in nodes
    ]
    for node, told in zip(nodes, asked, strict=True):
        name = f"The node {node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        try:
            digest, missing = ray.get(told, timeout=120)
        except Exception as error:
            first = _line(error, -1)
            raise PatinaError(
                f"{name} cannot run Patina: {first}",
                "Set up the backend there, at the same place, and start Ray with PYTHONPATH set to it.",
                "address",
            ) from None
        if digest != code_digest():
            raise PatinaError(f"{name} has another version of Patina.", "Give all nodes the same.", "address")
        if missing:
            raise PatinaError(
                f"{name} does not see {missing[0]}.",
                "Put the farm's files on a disk that all share.",
                "address",
            )
    return nodes


def _check_needs(recipe: Recipe, memory_gb: Mapping[str, float], nodes: Sequence[dict[str, Any]]) -> None:
    """Raise PatinaError where no node has what a job needs: it would wait for ever."""
    largest = max(memory_gb, key=lambda name: memory_gb[name])
    needs = {"CPU": recipe.cpus, "GPU": recipe.gpus, "memory": memory_gb[largest] * 1e9}
    keys = {"CPU": "cpus", "GPU": "gpus", "memory": "memory_gb"}
    for what, need in needs.items():
        most = max((node["Resources"].get(what, 0.0) for node in nodes), default=0.0)
        if need > most:
            unit = 1e9 if what == "memory" else 1
            whose = "A job" if what != "memory" or recipe.memory_gb is not None else f"The job of {largest}"
            raise PatinaError(
                f"{whose} needs {need / unit:g} {keys[what]}, and the largest node has {most / unit:.3g}.",
                f"Ask for less, by {keys[what]} in the recipe.",
                keys[what],
            )


def painted(
    recipe: Recipe, assets: Sequence[Asset], memory_gb: Mapping[str, float]
) -> Iterator[tuple[Asset, Outcome] | int]:
    """Paint `assets` wherever there is room; gives each with its outcome, and now and then how many run.

    memory_gb: what the jobs need, by their assets' names. Raises DiskFull.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    cards = {"num_gpus": recipe.gpus} if recipe.gpus else {}
    task = ray.remote(max_retries=LOST, num_cpus=recipe.cpus, **cards)(paint)
    waiting = {
        task.options(memory=int(memory_gb[asset.name] * 1e9)).remote(asset, recipe.attempts): asset
        for asset in assets
    }
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1, timeout=TICK_SECONDS)
        for reference in ready:
            asset = waiting.pop(reference)
            try:
                yield asset, ray.get(reference)
            except RayTaskError as error:  # a DiskFull, or a fault of ours
                raise error.cause from None
            except RayError as error:
                yield (
                    asset,
                    Outcome(FAILED, error=_line(error), cure="It lost its worker too often."),
                )
        total, free = ray.cluster_resources(), ray.available_resources()
        busy = (total.get("CPU", 0.0) - free.get("CPU", 0.0)) / recipe.cpus
        yield min(len(waiting), round(busy))
