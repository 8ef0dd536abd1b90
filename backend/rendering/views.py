"""Views that between them see all of a surface: from where, at what scale, and what is seen there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from . import camera, rasterizer
from .camera import Camera
from .gbuffer import GBuffer, cropped, render, side_by_side
from .mesh import Mesh
from .poses import posed
from .rasterizer import Rasterizer
from .triangles import lengths

SHARE_POWER = 0.75  # of an object's area, that views aim at it by: small ones are looked at more closely
MOST_ACROSS = 4  # small objects that a view shows beside each other
MARGIN = 1.03  # of a view around an object
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
    images spans there, both in the mesh's units. rasterizer: its name; framing: one of choices.FRAMINGS;
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

    def rasterizer_of(self, part: int) -> Rasterizer:
        """Find what sees the object `part`: it alone where objects are isolated, else all of them."""
        mesh, part = self.mesh, part if self.mesh.isolated else 0

        def made() -> Rasterizer:
            faces = np.flatnonzero(mesh.objects == part) if mesh.isolated else np.arange(0)
            if 0 < len(faces) < len(mesh.faces):
                return rasterizer.Part(self._name, mesh, faces)
            return rasterizer.create(self._name, mesh)

        return mesh.once(("rasterizer", self._name, part), made)


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
        crop: tuple[int, int] | None = None,
    ) -> None:
        """crop: how many pixels around what they see views keep that `render_all` makes, and what their sides
        are then multiples of (see `cropped`); None: they are squares.
        """
        self.mesh, self.random, self.framing, self.device = mesh, random, framing, device
        self.stroke_angle, self.crop, self._name = stroke_angle, crop, rasterizer_name
        self._stances = {0: Stance(mesh, rasterizer_name)}  # by pose
        self._turns: list[int] = []  # of poses, until each has had one
        self._area = np.where(mesh.paintable, mesh.spread_areas, 0) * mesh.aims
        self._seen = np.zeros(len(mesh.faces))
        by_object = np.bincount(mesh.objects, self._stances[0].aims)
        self._waiting = [k for k in np.argsort(by_object) if by_object[k] > 0]  # the largest comes first
        several = len(self._waiting) > 1
        self._share = several and mesh.isolated and mesh.directions is None and mesh.poses is None
        pull = np.where(by_object > 0, by_object, 1.0) ** (SHARE_POWER - 1)
        self._pull = pull[mesh.objects] if several else 1.0
        self._frames = {k: framed(corners_of(mesh, k)) for k in self._waiting if self._share}

    def __call__(self, window: float, size: int, aim: Aim | None = None) -> GBuffer:
        """A new view of `size` pixels a side, of `aim` if there is one."""
        return self.taken(window, size, aim)[0]

    def taken(self, window: float, size: int, aim: Aim | None = None) -> tuple[GBuffer, Camera]:
        """A new view of `size` pixels a side, of `aim` if there is one, and the camera that saw it."""
        shot = self.shot(window, size, aim)
        view = self.render(shot)
        self.count(view, window / size)
        return view, shot.camera

    def shots(self, window: float, size: int, aim: Aim | None = None) -> list[Shot]:
        """Choose what to look at next, as `shot` does; objects that leave most of a view empty share one."""
        if aim or not self._share or self.framing == "bounding_box":
            return [self.shot(window, size, aim)]
        aim = self._least_seen(self._stances[0])
        across = int(min(window / self._frames[int(self.mesh.objects[aim[0]])][1], MOST_ACROSS))
        if across < 2:
            return [self.shot(window, size, aim)]
        small = np.zeros(int(self.mesh.objects.max()) + 1, bool)
        small[[part for part, (_, width) in self._frames.items() if width * across <= window]] = True
        aims = [aim, *(self._least_seen(self._stances[0], small) for _ in range(across**2 - 1))]
        return [self._small_shot(one, window / across, size // across) for one in aims]

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

    def render_all(self, shots: Sequence[Shot], size: int) -> GBuffer:
        """Render a view of `size` pixels a side, then cropped: one shot, or several beside each other."""
        views = [self.render(shot) for shot in shots]
        view = views[0] if len(views) == 1 else side_by_side(views, size)
        return cropped(view, *self.crop) if self.crop else view

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

    def _least_seen(self, stance: Stance, among: NDArray[np.bool_] | None = None) -> Aim:
        """Draw a point of what was seen least; if given, of the objects that `among` (K,) has."""
        weights: NDArray[np.float64] = stance.aims * self._pull / (1 + self._seen)
        if among is not None:
            weights = np.where(among[self.mesh.objects], weights, 0)
        waiting = [k for k in self._waiting if among is None or among[k]]
        if waiting:
            self._waiting.remove(waiting[-1])
            of_object = np.where(self.mesh.objects == waiting[-1], weights, 0)
            weights = of_object if of_object.any() else weights  # it may be nowhere in this pose
        return camera.surface_point(weights, self.random)

    def _small_shot(self, aim: Aim, window: float, size: int) -> Shot:
        """Look at the whole of the object that `aim` lies on, from where that can be seen, if it can."""
        face, barycentric = aim
        target = barycentric @ self.mesh.corners[face].astype(np.float64)
        part = int(self.mesh.objects[face])
        backward = camera.tilted(self.mesh.face_normals[face].astype(np.float64), self.random)
        rasterize = self._stances[0].rasterizer_of(part)
        if rasterize.free_distance(target + 1e-4 * backward, backward) < np.inf:
            return self.shot(window, size, aim)
        return self.shot_of(part, camera.look_at(self._frames[part][0], backward, window, size))

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


def corners_of(mesh: Mesh, part: int) -> NDArray[np.floating]:
    """(F, 3, 3): the corners of those triangles of an object that can be painted."""
    here = mesh.mapped & (mesh.objects == part)
    return mesh.corners if here.all() else mesh.corners[here]


def framed(corners: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """The middle (3,) of the triangles `corners` (F, 3, 3), and how wide a view of it sees them whole."""
    points = corners.reshape(-1, 3).T.astype(np.float64, order="C")  # along rows of three it is slow
    middle = (points.min(1) + points.max(1)) / 2
    radius = float(lengths((points - middle[:, None]).T).max())
    return middle, 2 * MARGIN * max(radius, 1e-6)
