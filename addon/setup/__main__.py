"""Set-up from a terminal, and for the add-on: `python -m addon.setup VERB --folder FOLDER`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
from pathlib import Path

from . import environment, machine, system, variants
from .errors import Cancelled, SetupError
from .plan import Plan, address_in
from .progress import Progress

# The same codes as the backend's: backend/protocol/events.py.
FINISHED, FAILED, CANCELLED = 0, 1, 3

_BAR = 24


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    speak = _Events() if options.events else _Terminal()
    try:
        speak.end(_run(options, speak), FINISHED)
        return FINISHED
    except SetupError as error:
        speak.note(error.said)
        speak.end(f"{error.message}\n{error.cure}", FAILED, error)
        return FAILED
    except (Cancelled, KeyboardInterrupt):
        speak.end("Stopped. What was downloaded is kept; set-up goes on from there.", CANCELLED)
        return CANCELLED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m addon.setup", description="Set up Patina's backend.")
    verbs = ("install", "repair", "verify", "remove", "status", "variants", "wheelhouse")
    parser.add_argument("verb", choices=verbs, nargs="?", default="install")
    parser.add_argument("--folder", type=Path, help="the environment's folder")
    parser.add_argument("--variant", help="which torch (default: what suits this machine)")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="the Python to make it with"
    )
    parser.add_argument("--wheelhouse", type=Path, help="a folder of wheels: no network call is made")
    parser.add_argument("--index", default="", help="an index address in place of pip's own")
    parser.add_argument(
        "--torch-index", default="", help="the one of PyTorch's own indexes to take torch from (pytorch.org)"
    )
    parser.add_argument(
        "--with", dest="extras", action="append", default=[], choices=variants.EXTRAS, help="farm: Ray, too"
    )
    parser.add_argument("--events", action="store_true", help="speak JSON lines, and stop when stdin ends")
    return parser


def _run(options: argparse.Namespace, speak: _Terminal) -> str:
    if options.verb == "variants":
        return "\n".join(f"{variant.name:6}{variant.summary}" for variant in variants.available())
    if options.verb == "wheelhouse":
        return _gather(options, speak)
    if options.folder is None:
        raise SetupError("No folder is given.", "Say where with --folder.")
    folder = options.folder.expanduser().absolute()
    if options.verb == "remove":
        return f"Removed: {_size(environment.remove(folder))} are free again."
    record = environment.read(folder)
    if options.verb == "status":
        return f"{environment.inspect(folder, variants.fingerprints()).state}"
    wheels = options.wheelhouse and options.wheelhouse.expanduser().absolute()
    plan = _plan(options, folder, options.variant or record.variant, wheels)
    if options.verb == "verify":
        speak.note(machine.verify(plan, speak.progress, speak.cancelled))
        return "The backend works."
    said = machine.set_up(plan, speak.progress, speak.cancelled, fresh=options.verb == "repair")
    speak.note(said)
    return "The backend is ready."


def _plan(options: argparse.Namespace, folder: Path, variant: str, wheels: Path | None) -> Plan:
    """The plan that the options make; `variant` is empty for what suits the machine."""
    index, torch_index = address_in(options.index), address_in(options.torch_index)
    chosen = variants.find(variant) if variant else variants.choose(torch_index=torch_index)
    return Plan(folder, chosen, options.python, wheels, index, torch_index, extras=tuple(options.extras))


def _gather(options: argparse.Namespace, speak: _Terminal) -> str:
    if options.wheelhouse is None:
        raise SetupError("No wheel folder is given.", "Say where with --wheelhouse.")
    wheels = options.wheelhouse.expanduser().absolute()
    with tempfile.TemporaryDirectory() as folder:
        plan = _plan(options, Path(folder), options.variant, None)
        machine.gather(plan, wheels, speak.progress, speak.cancelled)
    return (
        f"{system.size_of(wheels) / variants.GB:.2f} GB of wheels for {plan.variant.label}"
        f" on {platform.system()}, Python {platform.python_version()}, are in {options.wheelhouse}."
    )


class _Terminal:
    """Speaks to a person: one line that is drawn over itself, or lines where the output is a file."""

    def __init__(self) -> None:
        self._alive = sys.stderr.isatty()
        self._last = ""

    def cancelled(self) -> bool:
        return False  # Ctrl-C comes as KeyboardInterrupt

    def progress(self, progress: Progress) -> None:
        if self._alive:
            filled = round(progress.fraction * _BAR)
            bar = "█" * filled + "·" * (_BAR - filled)
            print(
                f"\r\033[K{bar} {progress.state}: {_describe(progress)}", end="", file=sys.stderr, flush=True
            )
        elif (line := f"{progress.state}: {progress.message}") != self._last:
            print(line, file=sys.stderr, flush=True)
            self._last = line

    def note(self, text: str) -> None:
        """What the doctor said."""
        if text:
            print(("\r\033[K" if self._alive else "") + text.rstrip(), file=sys.stderr, flush=True)

    def end(self, text: str, code: int, error: SetupError | None = None) -> None:
        if self._alive:
            print("\r\033[K", end="", file=sys.stderr)
        print(text, file=sys.stdout if code == FINISHED else sys.stderr, flush=True)


class _Events(_Terminal):
    """Speaks to the add-on: backend/protocol/events.py; `cancel` or the end of stdin stops."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while line := sys.stdin.readline(80):  # in pieces: some lines have no end
            if line.strip() == "cancel":
                break
        self._stop.set()

    def cancelled(self) -> bool:
        return self._stop.is_set()

    def progress(self, progress: Progress) -> None:
        self._say(
            kind="progress",
            stage=progress.state,
            message=_describe(progress),
            fraction=progress.fraction,
            seconds_left=progress.seconds_left,
        )

    def note(self, text: str) -> None:
        if text:
            self._say(kind="message", message=text.rstrip())

    def end(self, text: str, code: int, error: SetupError | None = None) -> None:
        if error is not None:
            self._say(kind="failed", message=error.message, cure=error.cure)
        else:
            self._say(kind="finished" if code == FINISHED else "cancelled", message=text)

    def _say(self, **event: object) -> None:
        try:
            print(json.dumps(event), flush=True)
        except BrokenPipeError:  # nobody listens any more
            os._exit(CANCELLED)


def _describe(progress: Progress) -> str:
    parts = [progress.message]
    if progress.total:
        parts.append(f"{_size(progress.done)} of {_size(progress.total)}")
    elif progress.done:
        parts.append(_size(progress.done))
    if progress.seconds_left is not None:
        parts.append(_duration(progress.seconds_left))
    return " · ".join(parts)


def _size(count: int) -> str:
    return f"{count / 10**9:.2f} GB" if count >= 10**9 else f"{count / 10**6:.0f} MB"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"


if __name__ == "__main__":
    sys.exit(main())
