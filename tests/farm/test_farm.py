"""A farm for real: tiny jobs, painted here and on Ray, with painters, workers, nodes and drivers killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.farm import asset, bench, on_ray

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0  # seconds that anything may take on a busy machine
CORNERS = ("0 0 0", "1 0 0", "1 1 0", "0 1 0", "0 0 1", "1 0 1", "1 1 1", "0 1 1")
SIDES = ("1 4 3 2", "5 6 7 8", "1 2 6 5", "2 3 7 6", "3 4 8 7", "4 1 5 8")
RECIPE = """
assets = ["*.obj"]
cpus = 1
memory_gb = 0.5
[settings]
style = "style.png"
quality = "sketch"
texture_size = 64
"""


def box(path: Path, height: float) -> None:
    """Write a box with six sides on its UV map."""
    lines = [f"v {' '.join(corner.split()[:2])} {float(corner.split()[2]) * height}" for corner in CORNERS]
    faces = []
    for index, side in enumerate(SIDES):
        left, low = index % 3 / 3, index // 3 / 2
        for u, v in ((0.02, 0.02), (0.3, 0.02), (0.3, 0.45), (0.02, 0.45)):
            lines.append(f"vt {left + u} {low + v}")
        faces.append("f " + " ".join(f"{v}/{4 * index + n + 1}" for n, v in enumerate(side.split())))
    path.write_text("\n".join(lines + faces) + "\n")


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with a recipe, a style and three boxes."""
    painting = Image.open(ROOT / "addon" / "styles" / "starry_night.jpg")
    painting.resize((128, 100)).save(tmp_path / "style.png")
    for number in range(3):
        box(tmp_path / f"box_{number}.obj", 1.0 + number)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def start(place: Path, *words: str, ray: bool = False, within: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a driver, `within` another command; without `ray`, in an environment where there is none."""
    python = sys.executable if ray else str(ROOT / ".env" / "backend" / "bin" / "python")
    return subprocess.Popen(
        [*within, python, "-B", "-m", "backend", "farm", str(place / "recipe.toml"), *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(driver: subprocess.Popen[str]) -> tuple[int, str]:
    out, error = driver.communicate(timeout=PATIENCE)
    return driver.returncode, out + error


def farm_of(place: Path, folder: str = "painted") -> dict:
    return json.loads((place / folder / "farm.json").read_text())


def results(place: Path, folder: str = "painted") -> dict[str, dict[str, str]]:
    """The hashes of what each asset has become."""
    return {one["name"]: one["outputs"] for one in farm_of(place, folder)["assets"]}


def wait_for(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def painters() -> set[int]:
    """The processes that paint."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"backend.farm.worker" in words:
            found.add(int(folder.name))
    return found


def test_a_killed_driver_is_taken_up_and_all_is_as_if_it_had_not_been(place):
    others = painters()
    first = place / "painted" / "assets" / "box_0.obj" / asset.OUTCOME_FILE
    driver = start(place)
    wait_for(first.is_file)
    driver.kill()
    driver.wait()
    wait_for(lambda: not painters() - others)  # its painter has gone with it
    written = first.stat().st_mtime_ns
    code, said = end(start(place))
    assert code == 0, said
    assert "Ray is not installed: one asset after the other." in said
    assert "of 3 are there already." in said
    assert "3 done, 0 set aside" in said
    assert first.stat().st_mtime_ns == written  # and was not painted again
    code, said = end(start(place, "--out", str(place / "again")))
    assert code == 0, said
    assert results(place) == results(place, "again")
    for name, outputs in results(place).items():
        folder = place / "painted" / "assets" / name
        assert set(outputs) == {"texture.png", "model.glb", "game.glb"}
        assert asset.hashes(folder / output for output in outputs) == outputs
        assert Image.open(folder / "texture.png").size == (64, 64)
        before, after = (Image.open(folder / f"{which}.webp").convert("RGB") for which in ("before", "after"))
        assert before.size == after.size == (192, 192)
        assert before.tobytes() != after.tobytes()
    assert farm_of(place)["state"] == "done"
    again = place / "painted" / "assets" / "box_1.obj" / "texture.png"
    again.unlink()
    code, said = end(start(place))
    assert (code, again.is_file()) == (0, True), said
    assert "2 of 3 are there already." in said


def test_what_cannot_be_painted_is_tried_twice_and_set_aside_with_its_log(place):
    poison = place / "box_1.obj"
    poison.write_text("v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n")
    others = painters()
    driver = start(place)
    folder = place / "painted" / "assets" / "box_2.obj"
    wait_for(folder.is_dir)  # the last one is being painted, and its painter dies
    wait_for(lambda: painters() - others)
    for painter in painters() - others:
        os.kill(painter, signal.SIGKILL)
    code, said = end(driver)
    assert code == 1
    assert "2 done, 1 set aside" in said
    assert "box_1.obj is set aside: " in said
    outcome = asset.read_outcome(place / "painted" / "assets" / "box_1.obj")
    assert (outcome.state, outcome.attempts) == ("failed", 2)
    assert outcome.error in (place / "painted" / "assets" / "box_1.obj" / "log.txt").read_text()
    assert asset.read_outcome(folder).state == "finished"  # at the second attempt
    code, said = end(start(place))
    assert (code, "3 of 3 are there already." in said) == (1, True)
    box(poison, 2.0)
    assert end(start(place))[0] == 0
    assert farm_of(place)["failed"] == 0


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_log_that_is_a_planted_link_leads_no_painter_astray(kind, tmp_path):
    mine, folder = tmp_path / "mine", tmp_path / "asset"
    mine.write_bytes(b"years of work")
    folder.mkdir()
    log = folder / asset.LOG_FILE
    log.symlink_to(mine) if kind == "symbolic" else os.link(mine, log)
    missing = asset.Asset("box", str(tmp_path / "gone.obj"), str(folder), (), {})
    painter = bench.Bench(1)
    try:
        outcome = painter.paint(missing, attempts=1)
    finally:
        painter.close()
    assert outcome.state == "failed"
    assert "gone.obj" in log.read_text()
    assert mine.read_bytes() == b"years of work"


def test_ray_gives_the_same_bytes_though_its_worker_is_killed(place):
    others = painters()
    driver = start(place, ray=True)
    wait_for(lambda: painters() - others)
    time.sleep(1.0)  # it is in the middle of something
    worker = parent(next(iter(painters() - others)))
    assert "ray::" in Path(f"/proc/{worker}/cmdline").read_text()
    os.kill(worker, signal.SIGKILL)
    code, said = end(driver)
    assert code == 0, said
    assert "3 done, 0 set aside" in said
    assert end(start(place, "--out", str(place / "alone")))[0] == 0
    assert results(place) == results(place, "alone")
    wait_for(lambda: not painters() - others)


@pytest.fixture
def cluster(monkeypatch) -> Iterator[Any]:
    """A node of Ray's on this machine, with a core."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_gcs_server_port_wait_time_s", str(int(PATIENCE)))
    nodes = Cluster()
    with_node(nodes)
    yield nodes
    nodes.shutdown()


def with_node(nodes: Any) -> Any:
    """Add a node with a core. Ray gives it half a minute to start; a busy machine may need more."""
    for left in reversed(range(4)):
        try:
            return nodes.add_node(num_cpus=1, memory=10**9)
        except Exception:  # of many kinds
            if not left:
                raise
    return None


def test_a_node_that_dies_costs_its_jobs_in_flight_alone(place, cluster):
    second = with_node(cluster)
    cluster.wait_for_nodes(PATIENCE)
    others = painters()
    driver = start(place, "--address", cluster.address, ray=True)
    wait_for(lambda: len(painters() - others) == 2)
    cluster.remove_node(second, allow_graceful=False)
    code, said = end(driver)
    assert code == 0, said
    assert "3 done, 0 set aside" in said
    assert farm_of(place)["failed"] == 0


def test_what_the_nodes_lack_is_named_before_anything_starts(place, cluster):
    text = (place / "recipe.toml").read_text()
    (place / "recipe.toml").write_text(text.replace("memory_gb = 0.5", "memory_gb = 5"))
    code, said = end(start(place, "--address", cluster.address, ray=True))
    assert (code, "A job needs 5 memory_gb, and the largest node has 1." in said) == (1, True), said
    (place / "recipe.toml").write_text(text.replace("memory_gb = 0.5", ""))
    code, said = end(start(place, "--address", cluster.address, ray=True))
    assert code == 1, said
    assert re.search(r"The job of box_\d.obj needs 1\.6\d memory_gb, and the largest node has 1\.", said), (
        said
    )
    (place / "recipe.toml").write_text(text)
    code, said = end(start(place, "--address", "127.0.0.1:1", ray=True))
    assert (code, "Ray at 127.0.0.1:1 cannot be joined" in said) == (1, True), said
    assert not (place / "painted" / "assets").exists()


def test_a_node_of_another_version_is_named_before_anything_starts(place, cluster):
    """The driver alone sees a changed file, in a mount of its own."""
    file, changed = ROOT / "backend" / "suited.py", place / "suited.py"
    changed.write_text(file.read_text() + "# another version\n")
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this system lets a test have no mounts of its own")
    script = f'mount --bind "{changed}" "{file}" && exec "$@"'
    code, said = end(
        start(place, "--address", cluster.address, ray=True, within=(*alone, "sh", "-c", script, "sh"))
    )
    assert (code, "has another version of Patina." in said) == (1, True), said
    assert not (place / "painted" / "assets").exists()


def parent(process: int) -> int:
    stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(stat[1])


@pytest.mark.parametrize(
    ("lacks", "ray"), [("room", False), ("files", False), ("filled", False), ("filled", True)]
)
def test_a_full_disk_stops_it_with_all_so_far_whole_and_with_room_it_goes_on(place, lacks, ray):
    """The results lie on a disk of their own; later it has more room.

    At first it has room for hardly one of them, or takes so few files that it is full in the middle of the
    second, or others fill it, to the last byte, as soon as one is done and another begun: Ray takes them in
    any order.
    """
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this system lets a test have no mounts of its own")
    disk = place / "painted"
    disk.mkdir()
    size = bench.ROOM + (100_000 if lacks == "room" else 20_000_000)
    fill = f"""
        (
            until [ "$whole$begun" = yesyes ]; do
                sleep 0.02; whole=; begun=
                for box in "{disk}"/assets/*; do
                    if [ -e "$box/{asset.OUTCOME_FILE}" ]; then whole=yes
                    elif [ -e "$box/mesh.npz" ]; then begun=yes; fi
                done
            done
            while [ ! -e "{place}/ended" ]; do cat /dev/zero >> "{disk}/others"; sleep 0.02; done
        ) > "{place}/said" 2>&1 &
    """
    script = f"""
        mount -t tmpfs -o size={size}{",nr_inodes=24" if lacks == "files" else ""} none "{disk}" || exit 9
        {fill if lacks == "filled" else ""}
        "$@"; first=$?
        touch "{place}/ended"; wait; rm -f "{disk}/others"
        cp -r "{disk}" "{place / "full"}"
        mount -o remount,size=200m,nr_inodes=9999 "{disk}"
        "$@"; second=$?
        cp -r "{disk}" "{place / "roomy"}"
        exit $((10 * first + second))
    """
    code, said = end(start(place, ray=ray, within=(*alone, "sh", "-c", script, "sh")))
    assert code == 10, said
    assert len(re.findall(rf"patina: The disk of {disk}\S* is full\.", said)) == said.count("is full") == 1, (
        said
    )
    assert "cannot be written" not in said
    assert "of 3 are there already." in said
    roomy = farm_of(place, "roomy")
    assert (roomy["state"], roomy["finished"]) == ("done", 3)
    if lacks == "room":  # else farm.json may be an earlier one
        assert farm_of(place, "full")["state"] == "stopped"
    folders = [place / "full" / "assets" / one["name"] for one in roomy["assets"]]
    known = {folder: outcome for folder in folders if (outcome := asset.read_outcome(folder))}
    assert 0 < len(known) < 3
    for folder, outcome in known.items():
        assert outcome.state == asset.FINISHED
        assert asset.hashes(folder / output for output in outcome.outputs) == outcome.outputs
        assert asset.read_outcome(place / "roomy" / "assets" / folder.name) == outcome  # not painted again


@pytest.mark.parametrize("killed", ["driver", "worker"])
def test_what_was_cut_off_goes_on_from_its_checkpoint_where_the_recipe_says_so(place, killed):
    """Once the driver is killed and started again, once a worker of Ray's, of which Ray makes another."""
    text = RECIPE.replace("*.obj", "box_0.obj").replace("[settings]", "go_on = true\n[settings]")
    (place / "recipe.toml").write_text(text.replace('"sketch"', '"draft"\nnetwork = "alexnet"'))
    others, folder = painters(), place / "painted" / "assets" / "box_0.obj"
    driver = start(place, ray=killed == "worker")
    wait_for((folder / "checkpoint.npz").is_file)
    assert not (folder / asset.OUTCOME_FILE).is_file()
    (painter,) = painters() - others
    if killed == "driver":
        driver.kill()
        driver.wait()
        wait_for(lambda: not painters() - others)
        assert (folder / "begun.txt").is_file()
        driver = start(place)
    else:
        os.kill(parent(painter), signal.SIGKILL)
        wait_for(lambda: painter not in painters())
    code, said = end(driver)
    assert code == 0, said
    assert "It was cut off, and goes on from its checkpoint." in (folder / asset.LOG_FILE).read_text()
    assert not (folder / "begun.txt").exists()
    assert asset.read_outcome(folder).attempts == 0
    (memory,) = (one["numbers"][asset.MEMORY] for one in farm_of(place)["assets"])
    assert 0.2 < memory < 4


def test_a_start_of_ray_that_fails_leaves_no_server_behind(monkeypatch):
    monkeypatch.setenv("RAY_gcs_server_port_wait_time_s", "0")
    with pytest.raises(Exception, match="port"):
        on_ray._join(None)
    import psutil  # which Ray brings

    started = psutil.Process().children(recursive=True)
    assert not [server for server in started if server.status() != psutil.STATUS_ZOMBIE]


def test_a_model_becomes_a_blend_and_an_fbx_where_the_recipe_names_a_blender(place):
    blender = ROOT / ".env" / "blender" / "bin" / "python"
    outputs = 'outputs = ["blend", "fbx"]'
    text = RECIPE.replace("*.obj", "box_0.obj").replace("[settings]", f'blender = "{blender}"\n[settings]')
    (place / "recipe.toml").write_text(f"{text}{outputs}\n")
    code, said = end(start(place))
    assert code == 0, said
    folder = place / "painted" / "assets" / "box_0.obj"
    assert set(results(place)["box_0.obj"]) == {"model.glb", "painted.blend", "painted.fbx"}
    look = (
        "import os, sys, bpy\n"
        "bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)\n"
        "if sys.argv[1].endswith('fbx'): bpy.ops.import_scene.fbx(filepath=sys.argv[1])\n"
        "else: bpy.ops.wm.open_mainfile(filepath=sys.argv[1])\n"
        "shown = [node.image for material in bpy.data.materials for node in material.node_tree.nodes"
        " if node.type == 'TEX_IMAGE']\n"
        "print('SEEN', len(bpy.data.meshes), *[tuple(image.size) for image in shown])\n"
        "sys.stdout.flush(); os._exit(0)"
    )
    for name in ("painted.blend", "painted.fbx"):
        words = [blender, "-B", "-c", look, str(folder / name)]
        run = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
        assert "SEEN 1 (64, 64)" in run.stdout, run.stdout + run.stderr


def test_a_blend_is_painted_by_the_add_on_in_the_blender_that_the_recipe_names(place, monkeypatch):
    blender, user = ROOT / ".env" / "blender" / "bin" / "python", place / "user"
    extensions = user / "extensions" / "user_default"
    extensions.mkdir(parents=True)
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(user))
    monkeypatch.setenv("PATINA_BACKEND", str(ROOT / ".env" / "backend"))
    file = place / "two.blend"
    make = (
        "import os, bpy; bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True); "
        "[bpy.ops.mesh.primitive_cube_add(location=(3 * x, 0, 0)) for x in range(2)]; "
        f"bpy.ops.wm.save_as_mainfile(filepath={str(file)!r}); os._exit(0)"
    )
    subprocess.run([blender, "-B", "-c", make], check=True, timeout=PATIENCE, capture_output=True)
    text = RECIPE.replace("*.obj", "two.blend").replace("texture_size = 64", "texture_size = 256")
    outputs = 'outputs = ["blend", "glb", "fbx"]'
    recipe = text.replace("[settings]", f'blender = "{blender}"\n[settings]\n{outputs}')
    (place / "recipe.toml").write_text(recipe)
    code, said = end(start(place))
    assert (code, "does not know `--command patina`" in said) == (1, True), said
    (extensions / "patina").symlink_to(ROOT, target_is_directory=True)
    mine, folder = place / "mine", place / "painted" / "assets" / "two.blend"
    mine.write_bytes(b"years of work")
    folder.mkdir(parents=True)
    for name in ("report.json", "painted.blend", "model.glb", "painted.fbx", "model.js", "after.webp"):
        (folder / name).symlink_to(mine)  # which lead no writer astray
    code, said = end(start(place))
    assert code == 0, said
    assert mine.read_bytes() == b"years of work"
    assert set(results(place)["two.blend"]) == {"painted.blend", "model.glb", "painted.fbx"}
    assert (folder / "model.glb").read_bytes()[:4] == b"glTF"
    assert (folder / "painted.fbx").stat().st_size > 10_000
    before, after = (Image.open(folder / f"{which}.webp").convert("RGB") for which in ("before", "after"))
    assert before.tobytes() != after.tobytes()
