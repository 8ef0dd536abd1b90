"""The backend's environment as the add-on knows it: its state, and the set-up that is running.

The work is done by `addon/setup` in a process of its own. What the disk says is read by `refresh` and
kept, for drawing must not read it.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ..backend.errors import PatinaError
from ..backend.protocol.events import ENDINGS, Event
from ..backend.terminal import ProgressBar
from . import folders, studio
from .process import Process, python_command
from .setup import environment, system, variants
from .setup.errors import SetupError

TICK_SECONDS = 0.2

SET_UP, VERIFY, REPAIR, REMOVE = "install", "verify", "repair", "remove"
FETCH_WEIGHTS, TAKE_WEIGHTS = "fetch weights", "take weights"
NAMES = {
    SET_UP: "Set-up",
    VERIFY: "Verification",
    REPAIR: "Repair",
    REMOVE: "Removal",
    FETCH_WEIGHTS: "Download",
    TAKE_WEIGHTS: "Weights file",
}


@dataclass
class Known:
    """What was last found on disk, and how the last piece of work ended."""

    record: environment.Record = field(default_factory=environment.Record)
    folder: Path = Path()
    free: int = 0  # bytes on its disk
    suited: variants.Variant = variants.available()[-1]  # for this machine, of what can be had
    best: variants.Variant = variants.available()[-1]  # for this machine
    label: str = ""  # of the variant that is installed
    has_farm: bool = False  # whether Ray is in it
    elsewhere: Path | None = None  # an environment that another Blender version has, where this has none
    doctor: tuple[str, ...] = ()  # the lines of its last report
    message: str = ""  # the good end of the last work
    error: PatinaError | None = None


known = Known()
progress = Event("progress")
process: Process | None = None
_verb = ""


def refresh() -> None:
    """Look at the disk."""
    known.folder = folders.backend()
    known.record = environment.inspect(known.folder, variants.fingerprints())
    try:
        known.free = system.free_bytes(known.folder)
    except OSError:
        known.free = 0
    known.best = variants.best_for()
    with contextlib.suppress(SetupError):  # set-up will say it: this machine is not one that torch is for
        known.suited = variants.choose(torch_index=folders.preferences().torch_index)
    labels = {variant.name: variant.label for variant in variants.available()}
    known.label = labels.get(known.record.variant, "")
    places = ("lib/python*/site-packages/ray", "Lib/site-packages/ray")
    known.has_farm = any(next(known.folder.glob(place), None) for place in places)
    known.elsewhere = None
    if known.record.state == environment.ABSENT:
        known.elsewhere = next(iter(folders.other_backends()), None)


def chosen() -> variants.Variant:
    """Choose the torch that a set-up would bring: the artist's choice, or what suits the machine."""
    name = folders.preferences().variant
    return next((variant for variant in variants.available() if variant.name == name), known.suited)


def lacks_index() -> bool:
    """Whether the chosen torch is on PyTorch's own index only, and nothing says where that is."""
    settings = folders.preferences()
    named = settings.torch_index or settings.index or settings.wheelhouse
    return bool(chosen().shelf) and not named


def needs_network() -> bool:
    return not folders.preferences().wheelhouse


def may_allow() -> bool:
    """Whether the artist can let Blender go online now: not where the command line forbids it."""
    return not bpy.app.online_access and not bpy.app.online_access_override


def may_begin(verb: str) -> str:
    """Say why the set-up cannot begin `verb` now, or give an empty text."""
    if process is not None:
        return "A set-up is running"
    online = verb == FETCH_WEIGHTS or (verb in (SET_UP, REPAIR) and needs_network())
    if online and not bpy.app.online_access:
        instead = "a weights file" if verb == FETCH_WEIGHTS else "a folder of wheels"
        if not may_allow():
            return f"Blender was started with --offline-mode: start it without, or name {instead}"
        return f"Blender may not go online: allow it in Preferences > System, or name {instead}"
    if verb in (SET_UP, REPAIR) and lacks_index():
        return f"Fill in PyTorch Index first: torch for {chosen().label} comes from there"
    return ""


def begin(verb: str) -> None:
    """Start `verb`, one of the set-up's; with a window it goes on by itself. Raises PatinaError."""
    if verb != VERIFY:  # what is in use cannot be replaced, on Windows
        studio.stop()
    settings = folders.preferences()
    arguments = ["-m", "addon.setup", verb, "--events", "--folder", str(folders.backend())]
    if verb in (SET_UP, REPAIR):
        arguments += ["--variant", chosen().name]
        for option in ("python", "wheelhouse"):
            if value := getattr(settings, option):
                arguments += [f"--{option}", bpy.path.abspath(value)]
        arguments += ["--with", "farm"] * settings.farm
        arguments += [f"--index={settings.index}", f"--torch-index={settings.torch_index}"]
    python = system.blenders_python(Path(sys.executable), Path(sys.base_prefix), sys.version_info[:2])
    _start(verb, python, arguments)


def fetch_weights(network: str) -> None:
    """Start to download a network's weights; with a window it goes on by itself. Raises PatinaError."""
    _start(
        FETCH_WEIGHTS, folders.backend_python(), ["-m", "backend", "weights", "--events", "--fetch", network]
    )


def take_weights(file: Path) -> None:
    """Start to take weights from a file that the artist has: its hash tells whose. Raises PatinaError."""
    _start(
        TAKE_WEIGHTS, folders.backend_python(), ["-m", "backend", "weights", "--events", "--from", str(file)]
    )


def _start(verb: str, python: Path, arguments: list[str]) -> None:
    global process, progress, _verb
    known.error, known.message = None, ""
    try:
        process = Process(python_command(python, *arguments), folders.EXTENSION)
    except OSError as error:
        raise PatinaError(
            f"{python} cannot be started: {error.strerror}.", "Name another Python below.", "python"
        ) from None
    progress, _verb = Event("progress", stage="starting"), verb
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def pump() -> bool:
    """Take in what the process said; whether it goes on."""
    global progress, process
    if process is None:
        return False
    for event in process.poll():
        if event.kind == "progress":
            progress = event
        elif event.kind == "message":
            known.doctor = tuple(event.message.splitlines())
        elif event.kind in ENDINGS:
            _end(event)
            process = None
            return False
    return True


def _end(event: Event) -> None:
    refresh()
    if event.kind == "failed":
        field = "network" if _verb in (FETCH_WEIGHTS, TAKE_WEIGHTS) else "backend"
        known.error = PatinaError(event.message, event.cure, field)
    elif event.kind == "cancelled":
        known.message = "Stopped. What was downloaded is kept."
    else:
        known.message = event.message


def cancel() -> None:
    if process is not None:
        process.cancel()


def run_to_end() -> None:
    """Wait for the process, with a bar on the terminal: for a Blender without a window."""
    bar = ProgressBar()
    try:
        while process is not None:
            pump()
            bar.show(progress, NAMES[_verb])
            time.sleep(TICK_SECONDS)
    except KeyboardInterrupt:
        cancel()
        while pump():
            time.sleep(TICK_SECONDS)
    bar.end()


def _tick() -> float | None:
    more = pump()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("PREFERENCES", "VIEW_3D"):
                area.tag_redraw()
    return TICK_SECONDS if more else None


def stop() -> None:
    """Leave nothing running. A timer that is still registered when Blender ends would hang it."""
    global process
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if process is not None:
        process.kill()
        process = None


def register() -> None:
    atexit.register(stop)
    refresh()


def unregister() -> None:
    atexit.unregister(stop)
    stop()
