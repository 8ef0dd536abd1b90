"""From one key of a job in frames to the next. Standard library only."""

from __future__ import annotations

from .protocol.job import Job


def between(job: Job, frame: int) -> tuple[int, int, float]:
    """Find the two keys that a frame lies between, and how far it is from the first to the second, eased."""
    places = [key.frame for key in job.keys] or [0]
    last = len(places) - 1
    for index in range(last):
        if places[index] <= frame < places[index + 1]:
            share = (frame - places[index]) / (places[index + 1] - places[index])
            return index, index + 1, eased(share, job.easing)
    if not job.loop:
        end = 0 if frame < places[0] else last
        return end, end, 0.0
    share = (frame - places[last]) % job.frames / (places[0] + job.frames - places[last])
    return last, 0, eased(share, job.easing)


def eased(share: float, easing: str) -> float:
    """Ease a `share` of the way, 0..1: "smooth" starts and ends slowly (3t² − 2t³)."""
    return share * share * (3 - 2 * share) if easing == "smooth" else share


def shares(job: Job) -> list[tuple[float, ...]]:
    """Tell how much each of the job's targets, or styles, counts in each frame: (frames, their number).

    Without keys it goes from the first of two to the second.
    """
    if not job.keys:
        return [(1 - k / (job.frames - 1), k / (job.frames - 1)) for k in range(job.frames)]
    alike = (1.0,) * len(job.targets or job.styles)
    found = []
    for frame in range(job.frames):
        first, second, share = between(job, frame)
        one, other = (job.keys[key].weights or alike for key in (first, second))
        found.append(tuple((1 - share) * a + share * b for a, b in zip(one, other, strict=True)))
    return found
