"""What the backend says of a job: events as lines of JSON, and how it ended as an exit code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from .values import is_number, is_whole

# Exit codes of `python -m backend run`.
FINISHED, FAILED, USAGE, CANCELLED = 0, 1, 2, 3

END_OF_LOG = (
    "patina: the end of this job's log"  # a painter's line on stderr, after which the next one's begins
)

MAX_TEXT = 2000  # characters of an event's text: what a panel can show
ENDINGS = ("finished", "failed", "cancelled")
EVENT_KINDS = ("started", "progress", "preview", "message", *ENDINGS, "ready", "spent")


@dataclass(frozen=True)
class Event:
    """One thing that happened. `kind` tells which fields are set:

    started    message (device and rasterizer)
    progress   stage, step, steps (of the whole job), fraction 0..1, seconds_left (None while unknown), loss,
               reached: the quality below the job's that there is by now, if any, and `enough` would take
    preview    path: a texture so far; of several, the first, when all are written. A job that plays writes
               those of its frames (`Job.frame_files` of PREVIEW_FILE), one after the other or all
    message    message: something the person should know; the job goes on
    finished   path: the texture; report: the report's path
    failed     message, cure, field
    cancelled

    A painter sets `job`, the folder of the job that an event is of, and has two more, of no job:

    ready      memory: bytes that it holds while it waits
    spent      it had better be let go: the system's memory is short, or something happened to it
    """

    kind: str
    message: str = ""
    cure: str = ""
    field: str = ""
    stage: str = ""
    step: int = 0
    steps: int = 0
    fraction: float = 0.0
    seconds_left: float | None = None
    loss: float | None = None
    reached: str = ""
    path: str = ""
    report: str = ""
    job: str = ""
    memory: int = 0


def write_event(event: Event) -> str:
    """Write an event as one JSON line, without the fields that are at their defaults."""
    defaults = asdict(Event(event.kind))
    record = {k: v for k, v in asdict(event).items() if k == "kind" or v != defaults[k]}
    return json.dumps(record, ensure_ascii=True, allow_nan=False)


def read_event(line: str) -> Event | None:
    """Read the event on a line; None where it is something else (a library's chatter), or of other types.

    Texts are cut to MAX_TEXT characters, what is no finite number is none.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("kind") not in EVENT_KINDS:
        return None
    known: dict[str, Any] = {}
    for field in fields(Event):
        value = record.get(field.name, field.default)
        if isinstance(value, str) and field.type == "str":
            known[field.name] = value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
        elif (
            (field.type == "int" and is_whole(value) and is_number(value))
            or (field.type != "str" and field.type != "int" and is_number(value))
            or (field.type == "float | None" and value is None)
        ):
            known[field.name] = value
        else:
            return None
    return Event(**known)
