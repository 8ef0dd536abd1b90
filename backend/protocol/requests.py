"""What a painter is asked, as lines of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

REQUESTS = ("paint", "cancel", "enough", "steer")
# Fields of a job that may change under way, by `steer` (see `protocol`).
STEERED = (
    *("strength", "colors", "style_size", "follow_shape", "motifs", "styles", "style_loss", "quality"),
    "steps",
    # Of the mesh and the tiles: where to paint; the content: what shows elsewhere.
    *("seed", "targets", "mesh", "content", "mask", "tiles"),
)


@dataclass(frozen=True)
class Request:
    """What a painter is asked: `do` is one of REQUESTS, `folder` the job's.

    online: whether weights that are not here may be downloaded.
    """

    do: str
    folder: str
    online: bool = False


def write_request(request: Request) -> str:
    """One JSON line."""
    return json.dumps(asdict(request))


def read_request(line: str) -> Request | None:
    """The request on a line; None where it is none."""
    try:
        request = Request(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    sound = request.do in REQUESTS and isinstance(request.folder, str) and isinstance(request.online, bool)
    return request if sound else None
