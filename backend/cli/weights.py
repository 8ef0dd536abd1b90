"""The verb `weights`: list what is here, fetch, or take a file.

    python -m backend weights                    what is here, what is not, and how large that is
    python -m backend weights --fetch NETWORK    download; goes on where an earlier one was cut off
    python -m backend weights --from FILE        take a file; its hash tells whose weights it holds

With `--events` the last two speak as a job does: events on stdout, `cancel` on stdin.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ..conversation import Cancelled, Emit, IsCancelled, speaking
from ..errors import PatinaError
from ..networks.fetching import ensure, take
from ..protocol.events import CANCELLED, FAILED, FINISHED, Event
from . import network_list


def provide(network: str | None, file: Path | None, events: bool) -> int:
    """Do the verb `weights`; gives the exit code."""
    if not network and not file:
        network_list.print_all()
        return FINISHED

    def do(emit: Emit, cancelled: IsCancelled) -> int:
        if network:
            ensure(network, True, emit, cancelled)
        name = network or (take(file).name if file else "")
        emit(Event("finished", message=f"The weights of {name} are here."))
        return FINISHED

    def do_for_a_program(emit: Emit, cancelled: IsCancelled) -> int:
        try:
            return do(emit, cancelled)
        except PatinaError as error:
            emit(Event("failed", message=error.message, cure=error.cure, field=error.field))
            return FAILED
        except Cancelled:
            emit(Event("cancelled"))
            return CANCELLED

    return speaking(do_for_a_program) if events else do(_show, lambda: False)


def _show(event: Event) -> None:
    if event.kind == "progress":
        print(f"\r{event.message}", end="", file=sys.stderr, flush=True)
    else:
        print(f"\n{event.message}")
