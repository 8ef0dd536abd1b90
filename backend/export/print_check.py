"""Would it print? What a print service looks at, each finding with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh

from ..models.arrays import Ints
from .color import out_of_gamut
from .model import Model, sample_model, uv_areas
from .subdivide import edges_of

MIN_WALL_MM = 1.0
MIN_TEXELS_PER_MM = 4.0  # about 100 dots an inch, at arm's length still sharp
_RAYS = 20_000
_SHARE = 0.005  # of the surface that may be thinner, coarser or out of gamut without a word


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `level` is ok, warning or problem; `share` how much of the surface
    or how many edges or parts; `repairable` whether `repair` mends it."""

    check: str
    level: str
    message: str
    cure: str = ""
    repairable: bool = False
    share: float = 0.0


def measures(model: Model) -> dict[str, Any]:
    """Measure size, surface and volume of a `model` in millimetres, for the price."""
    mesh = model.mesh
    return {
        "size_mm": [round(float(x), 3) for x in np.ptp(model.vertices, axis=0)],
        "triangles": len(model.faces),
        "area_cm2": round(float(mesh.area) / 100, 4),
        "volume_cm3": round(float(mesh.volume) / 1000, 4) if mesh.is_volume else None,
    }


def check(model: Model, min_wall_mm: float = MIN_WALL_MM) -> list[Finding]:
    """Look at a `model` in millimetres: edges, parts, normals, walls, texels and colours."""
    edges, edge_of_side = edges_of(model.faces)
    uses = np.bincount(edge_of_side.reshape(-1), minlength=len(edges))
    findings = [_watertight(uses), _manifold(uses), _duplicates(model), _winding(model), _inverted(model)]
    points, faces, weights = _surface_points(model)
    findings.append(_walls(model, points, faces, min_wall_mm))
    if model.colored:
        findings.append(_texels(model))
        findings.append(_gamut(model, faces, weights))
    return findings


def _watertight(uses: Ints) -> Finding:
    open_edges = int((uses == 1).sum())
    if not open_edges:
        return Finding("watertight", "ok", "The surface is closed.")
    return Finding(
        "watertight",
        "problem",
        f"{open_edges} edges are open: the surface has holes.",
        "Repair closes small holes; close larger ones in Blender (select the border, then Face > Fill).",
        True,
        open_edges,
    )


def _manifold(uses: Ints) -> Finding:
    shared = int((uses > 2).sum())
    if not shared:
        return Finding("manifold", "ok", "Every edge joins two faces at most.")
    return Finding(
        "manifold",
        "problem",
        f"{shared} edges join more than two faces.",
        "Remove inner walls, or join overlapping parts with a Boolean or Remesh modifier.",
        share=shared,
    )


def _duplicates(model: Model) -> Finding:
    _, counts = np.unique(np.sort(model.faces, axis=1), axis=0, return_counts=True)
    doubled = int((counts - 1).sum())
    if not doubled:
        return Finding("duplicates", "ok", "No face is there twice.")
    return Finding(
        "duplicates", "problem", f"{doubled} faces lie on another one.", "Repair removes them.", True, doubled
    )


def _winding(model: Model) -> Finding:
    if model.mesh.is_winding_consistent:
        return Finding("winding", "ok", "Neighbouring faces agree on which side is out.")
    return Finding(
        "winding", "problem", "Neighbouring faces disagree on which side is out.", "Repair turns them.", True
    )


def _inverted(model: Model) -> Finding:
    mesh = model.mesh
    inverted: int = 0
    for part in trimesh.graph.connected_components(mesh.face_adjacency, nodes=np.arange(len(mesh.faces))):
        body = trimesh.Trimesh(mesh.vertices, mesh.faces[part], process=False)
        # A cavity is meant to be inside out, and lies inside another part: only a lone part can be told.
        inverted += bool(body.is_watertight and body.is_winding_consistent and body.volume < 0)
    if not inverted or mesh.volume > 0:
        return Finding("inverted", "ok", "Faces look outwards.")
    return Finding(
        "inverted", "problem", f"{inverted} parts are inside out.", "Repair turns them.", True, inverted
    )


def _surface_points(model: Model) -> tuple[Any, Any, Any]:
    """Points spread evenly over the surface, the same for the same model.

    Gives points (N, 3), their faces (N,) and weights of the corners (N, 3).
    """
    rng = np.random.default_rng(0)
    areas = model.mesh.area_faces
    faces = np.searchsorted(np.cumsum(areas), (np.arange(_RAYS) + 0.5) / _RAYS * areas.sum())
    faces = np.minimum(faces, len(areas) - 1)
    a, b = rng.random((2, _RAYS))
    weights = np.stack((1 - np.sqrt(a), np.sqrt(a) * (1 - b), np.sqrt(a) * b), -1)  # uniform in a triangle
    return np.einsum("nk,nkd->nd", weights, model.vertices[model.faces[faces]]), faces, weights


def _walls(model: Model, points: Any, faces: Any, limit: float) -> Finding:
    """Thickness along the inward normal, from the first face that is met."""
    mesh = model.mesh
    inward = -mesh.face_normals[faces]
    start = points + inward * (1e-5 * mesh.scale)
    hits, rays, _ = mesh.ray.intersects_location(start, inward, multiple_hits=False)
    thickness = np.linalg.norm(hits - points[rays], axis=1)
    thin = float((thickness < limit).sum() / len(points))
    if not len(thickness):
        return Finding(
            "walls", "warning", "Nothing lies behind the surface, so it has no walls.", "Close it first."
        )
    thinnest = f"{np.quantile(thickness, _SHARE):.2f} mm"
    if thin <= _SHARE:
        return Finding(
            "walls", "ok", f"Walls are {limit:g} mm or thicker (all but {_SHARE:.1%}: {thinnest})."
        )
    return Finding(
        "walls",
        "warning",
        f"{thin:.1%} of the surface has less than {limit:g} mm behind it (all but {_SHARE:.1%}: {thinnest}).",
        "Print it larger, or thicken it with a Solidify modifier.",
        share=thin,
    )


def _texels(model: Model) -> Finding:
    """Texels a millimetre: by face, the root of texel area over surface area."""
    texels = np.array([texture.size[0] * texture.size[1] for texture in model.textures])[model.texture_of]
    areas = model.mesh.area_faces
    density = np.sqrt(uv_areas(model) * texels / np.maximum(areas, 1e-12))
    median = _weighted_median(density, areas)
    coarse = float(areas[density < MIN_TEXELS_PER_MM].sum() / areas.sum())
    if coarse <= _SHARE:
        return Finding("texels", "ok", f"The texture has {median:.1f} texels a millimetre.")
    return Finding(
        "texels",
        "warning",
        f"{coarse:.0%} of the surface has fewer than {MIN_TEXELS_PER_MM:g} texels a millimetre "
        f"(half of it {median:.1f} or less).",
        "Stylize with a larger texture, or print it smaller.",
        share=coarse,
    )


def _weighted_median(values: Any, weights: Any) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _gamut(model: Model, faces: Any, weights: Any) -> Finding:
    uvs = np.einsum("nk,nkd->nd", weights, model.uvs[faces])
    lost = float(out_of_gamut(sample_model(model, model.texture_of[faces], uvs)).mean())
    if lost <= _SHARE:
        return Finding("gamut", "ok", "Colours are within what print reaches.")
    return Finding(
        "gamut",
        "warning",
        f"{lost:.0%} of the surface is more saturated than print reaches at its lightness.",
        "Look at the soft proof; lighten dark, saturated parts if it matters.",
        share=lost,
    )
