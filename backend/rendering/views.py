"""Views that between them see all of a surface: from where, at what scale, and what is seen there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from . import camera, rasterizer
from .camera import Camera
from .gbuffer import GBuffer, render
from .mesh import Mesh
from .poses import posed
from .rasterizer import Rasterizer

DIRECTIONS_TRIED = 8  # directions from which a point that others hide may yet be seen
KEPT_TRIANGLES = 2_000_000  # of poses that are ready to be looked at; one of them always is

# A point on the surface: its face, and barycentric (3,) there.
Aim = tuple[int, NDArray[np.float64]]


@dataclass(frozen=True)
class Shot:
    """What is looked at, and from where: the mesh, as it is then, and what sees it."""

    mesh: Mesh
    rasterize: Rasterizer
    camera: Camera


@dataclass(frozen=True)
class Viewing:
    """How a surface is looked at, and at what scale.

    pixel: the width on the surface of the finest view's pixel; style_width: what the shorter side of style
    images spans there, both in the mesh's units. rasterizer: its name; framing: one of protocol.FRAMINGS;
    stroke_angle: that at which views show the mesh's directions.
    """

    pixel: float
    style_width: float
    device: torch.device
    rasterizer: str = "embree"
    framing: str = "surface"
    stroke_angle: float = 0.0


class Stance:
    """A mesh in one pose, ready to be looked at; aims (F,): how much of each face is to be painted."""

    def __init__(self, mesh: Mesh, rasterizer_name: str) -> None:
        self.mesh, self._name = mesh, rasterizer_name
        self.aims: NDArray[np.float64] = np.where(mesh.mapped, mesh.areas, 0) * mesh.aims
        self._rasterizers: dict[int, Rasterizer] = {}

    def rasterizer_of(self, part: int) -> Rasterizer:
        """Find what sees the object `part`: it alone where objects are isolated, else all of them."""
        part = part if self.mesh.isolated else 0
        if part not in self._rasterizers:
            faces = np.flatnonzero(self.mesh.objects == part) if self.mesh.isolated else np.arange(0)
            if 0 < len(faces) < len(self.mesh.faces):
                self._rasterizers[part] = rasterizer.Part(self._name, self.mesh, faces)
            else:
                self._rasterizers[part] = rasterizer.create(self._name, self.mesh)
        return self._rasterizers[part]


class ViewMaker:
    """Makes views of `mesh` that between them see all of it, at one scale.

    `window` is what a view's side spans on the surface, in the mesh's units. Framed on the surface, a
    view aims at a point drawn from what earlier views saw least, but at every object once at first;
    whatever hides that point is cut away. Where objects are not isolated, a view is made from where the point
    can be seen, if there is such a place. `stroke_angle`: that at
    which a view shows the mesh's directions. Of a mesh with poses each view sees one, all of them in turn.
    """

    def __init__(
        self,
        mesh: Mesh,
        rasterizer_name: str,
        random: np.random.Generator,
        framing: str = "surface",
        device: torch.device | str = "cpu",
        stroke_angle: float = 0.0,
    ) -> None:
        self.mesh, self.random, self.framing, self.device = mesh, random, framing, device
        self.stroke_angle, self._name = stroke_angle, rasterizer_name
        self._stances = {0: Stance(mesh, rasterizer_name)}  # by pose
        self._turns: list[int] = []  # of poses, until each has had one
        self._area = np.where(mesh.paintable, mesh.spread_areas, 0) * mesh.aims
        self._seen = np.zeros(len(mesh.faces))
        by_object = np.bincount(mesh.objects, self._stances[0].aims)
        self._waiting = [k for k in np.argsort(by_object) if by_object[k] > 0]  # the largest comes first

    def __call__(self, window: float, size: int, aim: Aim | None = None) -> GBuffer:
        """A new view of `size` pixels a side, of `aim` if there is one."""
        view = self.render(self.shot(window, size, aim))
        self.count(view, window / size)
        return view

    def shot(self, window: float, size: int, aim: Aim | None = None) -> Shot:
        """Choose from where to look next."""
        if self.framing == "bounding_box":
            part = self._waiting[self.random.integers(len(self._waiting))]
            return self._shot_in(self._next(), part, camera.around(size, self.random))
        return self._surface_shot(window, size, aim)

    def shot_of(self, part: int, eye: Camera) -> Shot:
        """Look at the object `part`, as it stands, through the camera `eye`."""
        return self._shot_in(self._stances[0], part, eye)

    def render(self, shot: Shot) -> GBuffer:
        """Render what is seen; changes nothing, so that several can be rendered at once."""
        return render(shot.mesh, shot.rasterize, shot.camera, self.device)

    def count(self, view: GBuffer, pixel: float) -> None:
        """Record the area that `view` covers, so that later views prefer faces seen less.

        pixel: a pixel's width, in the mesh's units.
        """
        pixels = np.bincount(view.faces.cpu().numpy(), minlength=len(self._seen))
        self._seen += pixels * pixel**2 / np.maximum(self._area, 1e-12)

    @staticmethod
    def _shot_in(stance: Stance, part: int, eye: Camera) -> Shot:
        return Shot(stance.mesh, stance.rasterizer_of(part), eye)

    def _stance(self, number: int) -> Stance:
        """The mesh in the pose `number`; those that were made first give way to it where they are many."""
        if number not in self._stances:
            room = max(1, KEPT_TRIANGLES // len(self.mesh.faces))
            while len(self._stances) > room:
                del self._stances[next(k for k in self._stances if k)]
            self._stances[number] = Stance(posed(self.mesh, number), self._name)
        return self._stances[number]

    def _next(self) -> Stance:
        """The pose whose turn it is, in an order that is drawn anew each time all have had one."""
        if self.mesh.poses is None:
            return self._stances[0]
        self._turns = self._turns or self.random.permutation(1 + len(self.mesh.poses)).tolist()
        return self._stance(self._turns.pop())

    def _least_seen(self, stance: Stance) -> Aim:
        weights: NDArray[np.float64] = stance.aims / (1 + self._seen)
        if self._waiting:
            of_object = np.where(self.mesh.objects == self._waiting.pop(), weights, 0)
            weights = of_object if of_object.any() else weights  # it may be nowhere in this pose
        return camera.surface_point(weights, self.random)

    def _surface_shot(self, window: float, size: int, aim: Aim | None) -> Shot:
        stance = self._next() if aim is None else self._stance(int(self.mesh.largest[aim[0]]))
        face, barycentric = aim or self._least_seen(stance)
        part = int(self.mesh.objects[face])
        for tried in range(1 if self.mesh.isolated else DIRECTIONS_TRIED):
            if tried and self.mesh.poses is not None:  # what is hidden in one pose may be seen in another
                other = self._next()
                stance = other if other.mesh.mapped[face] else stance
            mesh, rasterize = stance.mesh, stance.rasterizer_of(part)
            target = barycentric @ mesh.corners[face].astype(np.float64)
            backward = camera.tilted(mesh.face_normals[face].astype(np.float64), self.random)
            free = rasterize.free_distance(target + 1e-4 * backward, backward)
            if free == np.inf:
                break
        up = camera.UP
        if mesh.directions is not None:
            up = camera.upwards(barycentric @ mesh.directions[face], backward, self.stroke_angle)
        view = camera.look_at(target, backward, window, size, up)
        distance = float(np.linalg.norm(view.position - target))
        if free >= distance:
            return Shot(mesh, rasterize, view)
        if not self.mesh.isolated:
            self._seen[face] += 1  # nobody sees it well; others come first
            return Shot(mesh, rasterize, view)
        near = max(distance - 0.95 * free, 0.0)
        return Shot(mesh, rasterize, Camera(view.position, view.axes, size, near))
