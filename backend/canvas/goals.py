"""From what a job asks for to the objective that says so."""

from __future__ import annotations

from torch import Tensor

from ..between import shares
from ..errors import PatinaError
from ..networks import Network
from ..networks.octaves import features_of
from ..objectives.alignment import WEIGHT, alignment, interpolation
from ..objectives.deepdream import deepdream
from ..objectives.feature_visualization import channel, class_, direction, neuron
from ..objectives.objective import Objective
from ..objectives.texture import likeness, octaves, statistics, texture
from ..plugins import blamed, objective_called
from ..protocol.job import Job
from ..protocol.parts import Target

# Of a likeness at strength 0.5; the content loss of a picture that was painted over is about 1.
LIKENESS = 0.3


def objective_of(job: Job, network: Network, styles: list[tuple[Tensor, float]], content: bool) -> Objective:
    """Make the job's objective.

    styles: pictures (1, 3, H, W) with their weights; content: whether the canvas has some.

    Raises PatinaError for a layer, channel or class that the network has not.
    """
    if job.task == "interpolate":
        return _frames(job, network, styles)
    if job.task == "dream":
        return sum_of([target_of(network, target) * target.weight for target in job.targets])
    goal = style_of(job, network, styles)
    if content and job.strength < 1:
        goal += likeness(network.content_layer) * (LIKENESS * (1 / max(job.strength, 0.01) - 1))
    return goal


def target_of(network: Network, target: Target) -> Objective:
    """Make the objective of one target, without its weight."""
    if target.kind == "class":
        return class_(network, target.name)
    if target.kind == "channel":
        return channel(network, target.layer, target.channel)
    if target.kind == "neuron":
        return neuron(network, target.layer, target.channel)
    if target.kind == "direction":
        return direction(network, target.layer, dict(target.direction))
    if target.kind == "own":
        return _own(network, target)
    return deepdream(network, target.layer or network.dream_layer)


def _own(network: Network, target: Target) -> Objective:
    """Make a plugin's objective. Raises PatinaError where it is none; its loss, too, where that stumbles."""
    made = objective_called(target.name)(network, target)
    if not isinstance(made, Objective):
        raise PatinaError(
            f"The objective {target.name!r} of a plugin gave {made!r:.80}.", "Give an Objective.", "plugin"
        )
    return Objective(made.layers, blamed(f"objective {target.name!r}", made.loss))


def sum_of(objectives: list[Objective]) -> Objective:
    """Add up objectives."""
    total = objectives[0]
    for objective in objectives[1:]:
        total += objective
    return total


def style_of(job: Job, network: Network, styles: list[tuple[Tensor, float]]) -> Objective:
    """Make the objective that compares with the styles' statistics; a synthesis takes several scales."""
    count = job.scales if job.task == "synthesize" else 1
    layers = octaves(network.style_layers, count)
    return texture(statistics([(features_of(network, image, layers), weight) for image, weight in styles]))


def _frames(job: Job, network: Network, styles: list[tuple[Tensor, float]]) -> Objective:
    if job.targets:
        goals = [target_of(network, target) * target.weight for target in job.targets]
    else:
        goals = [style_of(job, network, [style]) for style in styles]
    goal = interpolation(goals, shares(job))
    return goal + alignment([network.content_layer], job.frames, job.loop) * WEIGHT if job.aligned else goal
