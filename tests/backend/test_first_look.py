"""What is shown before a job has begun in earnest: the side that the artist sees, painted."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from meshes import sphere, write_npz
from PIL import Image
from test_stylize_job import JOB, ROOT, do, folder_of

from backend.errors import PatinaError
from backend.machine.shelf import Shelf
from backend.painting import first_look as looking
from backend.painting.first_look import first_look
from backend.painting.subject import mesh_of
from backend.pictures.styles import read_styles
from backend.protocol.job import Job
from backend.protocol.job_file import read_job, write_job
from backend.protocol.parts import Tile
from backend.rendering.texels import locate

SEEN = replace(JOB, network="alexnet", texture_size=128, looked_from=(1.0, 0.0, 0.0))
CPU = torch.device("cpu")


def look(folder: Path, job: Job) -> np.ndarray:
    return first_look(job, folder, read_styles(job, folder), CPU).numpy()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = folder_of(tmp_path, SEEN)
    painting = Image.open(ROOT / "addon" / "styles" / "starry_night.jpg")
    painting.resize((256, 200)).save(folder / "style.png")
    return folder


def test_the_side_that_is_seen_has_strokes_and_the_other_has_colours(folder):
    texels = locate(sphere(2), 128)
    content = np.asarray(Image.open(folder / "content.png").resize((128, 128))).astype(float) / 255
    plain = look(folder, replace(SEEN, looked_from=(-1.0, 0.0, 0.0)))[:, texels.used]
    shown = look(folder, SEEN)[:, texels.used]
    toward = texels.points[:, 0]  # of a ball of radius 0.58
    change = np.abs(shown - plain).mean(0)
    assert change[toward > 0.45].mean() > 0.05
    assert change[np.abs(toward) < 0.05].mean() < change[toward > 0.45].mean()
    assert shown[2].mean() > shown[0].mean()  # the painting is blue, the ball was green
    assert content[texels.used][:, 1].mean() > content[texels.used][:, 2].mean()


def test_what_has_no_colours_shows_its_form(folder):
    shown = look(folder, replace(SEEN, content=None))
    texels = locate(sphere(2), 128)
    light = shown[:, texels.used].mean(0)
    behind = texels.points[:, 0] < -0.2
    above, below = behind & (texels.points[:, 2] > 0.3), behind & (texels.points[:, 2] < -0.3)
    assert light[above].mean() > light[below].mean() + 0.05


def test_many_textures_are_small_and_a_mask_is_kept(folder):
    (folder / "mask.png").unlink(missing_ok=True)
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    Image.fromarray(mask).save(folder / "half.png")
    shown = look(folder, replace(SEEN, mask="half.png"))
    content = np.asarray(Image.open(folder / "content.png").resize((128, 128))).astype(float) / 255
    assert np.abs(shown.transpose(1, 2, 0) - content)[:, :60].mean() < 0.05
    many = replace(SEEN, content=None, tiles=tuple(Tile(str(k)) for k in range(20)), texture_size=512)
    assert look(folder, many).shape == (3, 20 * 128, 128)


def test_the_job_paints_the_same_whether_anybody_looks_or_not(folder, tmp_path_factory):
    """The first preview comes before the first step, and so does the start; before all, that it looks and
    that it paints what it sees."""
    events = do(folder, SEEN)
    kinds = [event.stage or event.kind for event in events if event.kind in ("preview", "progress")]
    assert kinds[:4] == ["looking", "painting", "preview", "preview"]
    unseen = folder_of(tmp_path_factory.mktemp("unseen"), replace(SEEN, looked_from=None))
    (unseen / "style.png").write_bytes((folder / "style.png").read_bytes())
    do(unseen, replace(SEEN, looked_from=None))
    assert (unseen / "texture.png").read_bytes() == (folder / "texture.png").read_bytes()


def test_a_look_that_fails_costs_nothing(folder, monkeypatch):
    monkeypatch.setattr(looking, "first_look", lambda *a: (_ for _ in ()).throw(ValueError("blind")))
    events = do(folder, SEEN)
    assert [event.message for event in events if event.kind == "message"] == [
        "A preview could not be written; the job goes on. blind"
    ]
    assert events[-1].kind == "finished"


def test_a_job_keeps_from_where_it_is_seen(tmp_path):
    write_job(tmp_path, SEEN)
    assert read_job(tmp_path) == SEEN
    for wrong in ((0.0, 0.0, 0.0), (1.0, 2.0), "up", (1.0, float("nan"), 0.0)):
        with pytest.raises(PatinaError, match="looked_from"):
            replace(SEEN, looked_from=wrong)


def test_triangles_of_several_objects_are_looked_at_each(folder):
    """Two balls far apart: both get strokes, on halves of one texture."""
    left, right = sphere(2), sphere(2)
    arrays = {
        "vertices": np.concatenate([left.vertices - [5, 0, 0], right.vertices + [5, 0, 0]]).astype(
            np.float32
        ),
        "faces": np.concatenate([left.faces, right.faces + len(left.vertices)]).astype(np.int32),
        "uvs": np.concatenate([left.uvs * [0.5, 1], right.uvs * [0.5, 1] + [0.5, 0]]).astype(np.float32),
        "normals": np.concatenate([left.normals, right.normals]).astype(np.float32),
        "objects": np.repeat([0, 1], len(left.faces)).astype(np.int32),
    }
    write_npz(left, folder / "mesh.npz")
    np.savez(folder / "mesh.npz", **arrays)
    near, far = (look(folder, replace(SEEN, looked_from=(x, 0.0, 0.0))) for x in (1.0, -1.0))
    change = np.abs(near - far).mean(0)
    assert change[:, :64].mean() > 0.01
    assert change[:, 64:].mean() > 0.01


def test_a_mesh_that_the_job_before_had_is_not_read_again(folder):
    shelf = Shelf()
    mesh = mesh_of(SEEN, folder, shelf)
    assert mesh_of(SEEN, folder, shelf) is mesh
    write_npz(sphere(1), folder / SEEN.mesh)
    other = mesh_of(SEEN, folder, shelf)
    assert other is not mesh
    assert len(other.faces) == len(sphere(1).faces)


def test_what_paints_a_mesh_is_imported_without_what_dreams_need():
    """Torchvision, or what torch compiles with, takes as long as all the rest."""
    code = (
        "import sys; from backend.run import _runner\n"
        "from backend.protocol.job import Job; from backend.protocol.parts import Style\n"
        "_runner(Job(mesh='mesh.npz', styles=(Style('style.png'),)))\n"
        "import torch; from backend import networks; networks.load(Job.network, torch.device('cpu'), True)\n"
        "assert not {'torchvision', 'torch._dynamo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, check=True)
