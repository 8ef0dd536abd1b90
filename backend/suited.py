"""What suits a job where nobody chose. Standard library only: the add-on decides by it too."""

from __future__ import annotations

from .protocol.job import Job

CLASSIFIER = "efficientnet_lite0"  # its classes make the best dreams


def network(by_class: bool = False) -> str:
    """Choose the network for a dream `by_class`, or for anything else."""
    return CLASSIFIER if by_class else Job.network


def parameterization(task: str, on_mesh: bool, deepdream: bool = False, optimised: bool = False) -> str:
    """Choose what a job for `task` optimises: see docs/dreaming.md.

    Spectra make the best pictures from nothing; on a surface, where views see parts, scales do. A picture
    that takes on a style is its own pixels. More of a texture is sewn from pieces of it, unless it is to be
    `optimised`: for a relief, or to look alike at so many scales.
    """
    if task == "synthesize" and not optimised:
        return "pieces"
    if task == "interpolate":
        return "shared"
    if task == "stylize" and not on_mesh:
        return "pixel"
    return "pyramid" if on_mesh and not deepdream else "fourier"
