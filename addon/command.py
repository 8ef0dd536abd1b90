"""`blender --command patina VERB`: what the panel does, from a terminal. See docs/scripting.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..backend.errors import PatinaError
from ..backend.protocol.events import CANCELLED, FAILED, FINISHED, USAGE, Event
from ..backend.terminal import ProgressBar
from . import api, folders, installation, settings
from .export.copies import stylized_objects
from .export.presets import PRESETS
from .ui import presets

NAME = "patina"

Record = dict[str, Any]


def main(words: list[str]) -> int:
    """Do what the words after `blender --command patina` say, and give the exit code.

    0: done; 1: it failed; 2: the words make no sense; 3: cancelled.
    """
    try:
        options = _parser().parse_args(words)
    except SystemExit as end:  # argparse has said why
        return USAGE if end.code else FINISHED
    try:
        record = options.do(options)
    except PatinaError as error:
        record = {"error": error.message, "cure": error.cure, "field": error.field}
        _say(f"patina: {error.message}", f"        {error.cure}" if error.cure else "")
    except KeyboardInterrupt:
        record = {"error": "Cancelled."}
        _say("Cancelled.")
        return _end(record, options.json, CANCELLED)
    failed = "error" in record or any(one.get("error") for one in record.get("results", ()))
    return _end(record, options.json, FAILED if failed else FINISHED)


def _end(record: Record, as_json: bool, code: int) -> int:
    if as_json:
        print(json.dumps(record), flush=True)
    return code


def _say(*lines: str) -> None:
    for line in lines:
        if line:
            print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"blender --command {NAME}", description="Paint objects in the style of a painting."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add in (_add_stylize, _add_apply, _add_export, _add_doctor, _add_setup):
        added = add(verbs)
        added.add_argument("--json", action="store_true", help="what came of it, as JSON, on stdout")
    return parser


def _add(
    verbs: Any, name: str, do: Callable[[argparse.Namespace], Record], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.set_defaults(do=do)
    return parser


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.blend")
    parser.add_argument("--out", type=Path, metavar="FILE.blend", help="where to save (FILE_patina.blend)")
    _add_objects(parser)
    _add_overwrite(parser)


def _add_objects(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objects", nargs="+", metavar="NAME", help="which (default: all that fit)")


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="an existing file may be replaced")


def _add_stylize(verbs: Any) -> argparse.ArgumentParser:
    parser = _add(verbs, "stylize", stylize, "paint objects of a .blend file, and save the painted file")
    _add_file(parser)
    parser.add_argument("--preset", metavar="NAME", help="one of the panel's presets")
    parser.add_argument("--style", action="append", metavar="NAME|IMAGE", help="again for a mixture")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="any other setting of the panel, such as quality=draft or seed=7",
    )
    return parser


def _setting(text: str) -> tuple[str, Any]:
    name, is_set, value = text.partition("=")
    if not is_set:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _add_apply(verbs: Any) -> argparse.ArgumentParser:
    parser = _add(verbs, "apply", apply, "put an earlier result on objects of a .blend file, and save it")
    parser.add_argument(
        "result", type=Path, metavar="RESULT", help="the job's folder, or its name in History"
    )
    _add_file(parser)
    return parser


def _add_export(verbs: Any) -> argparse.ArgumentParser:
    parser = _add(
        verbs, "export", export, "write the stylized objects of a .blend file for an engine or a printer"
    )
    parser.add_argument("file", type=Path, metavar="FILE.blend")
    parser.add_argument("--for", dest="preset", required=True, choices=[name.lower() for name in PRESETS])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    _add_objects(parser)
    _add_overwrite(parser)
    return parser


def _add_doctor(verbs: Any) -> argparse.ArgumentParser:
    return _add(verbs, "doctor", doctor, "look at the backend, and run one tiny job")


def _add_setup(verbs: Any) -> argparse.ArgumentParser:
    return _add(verbs, "setup", set_up, "set up the backend, or bring it up to date (needs --online-mode)")


def stylize(options: argparse.Namespace) -> Record:
    """Paint objects of a file, and save it. Raises PatinaError."""
    out = _out(options)
    _open(options.file)
    names = options.objects or [
        obj.name for obj in bpy.context.view_layer.objects if obj.type == "MESH" and obj.visible_get()
    ]
    values: dict[str, Any] = {}
    if options.preset:
        values = _preset(options.preset)
    values |= dict(options.settings)
    bar = ProgressBar()

    def show(result: api.Result, event: Event) -> None:
        if event.kind == "progress":
            bar.show(event, result.name)
        elif event.message:
            bar.end()
            _say(f"{result.name}: {event.message} {event.cure}".strip())

    if not options.style and not options.preset:
        raise PatinaError("There is no style.", "Add --style, or --preset.", "style")
    results = api.stylize(names, options.style, on_event=show, **values)
    bar.end()
    done = any(result.state == "finished" for result in results)
    if done:
        _save(out)
    return {"file": str(out) if done else None, "results": [_record(result) for result in results]}


def _record(result: api.Result) -> Record:
    error = {"error": result.error.message, "cure": result.error.cure} if result.error else {}
    if not error and result.state != "finished":
        error = {"error": f"It was {result.state}."}
    return {
        "name": result.name,
        "state": result.state,
        "objects": [obj.name for obj in result.objects],
        "folder": str(result.folder) if result.folder else None,
        "textures": [str(path) for path in result.textures],
        "report": result.report,
        **error,
    }


def _preset(name: str) -> dict[str, Any]:
    """What a preset of the panel sets. Raises PatinaError for one that is not there."""
    label = name.replace(" ", "_").removesuffix(".py")
    paths = bpy.utils.preset_paths(presets.SUBFOLDER)
    found = {path.stem: path for folder in reversed(paths) for path in Path(folder).glob("*.py")}
    if label not in found:
        known = ", ".join(sorted(found)).replace("_", " ")
        raise PatinaError(f"There is no preset {name!r}.", f"There are: {known}.", "preset")
    panel = bpy.context.scene.patina
    before = settings.dump(panel)
    bpy.ops.script.execute_preset(filepath=str(found[label]), menu_idname=presets.PATINA_PT_presets.__name__)
    after = settings.dump(panel)
    settings.restore(panel, before)
    return after


def apply(options: argparse.Namespace) -> Record:
    """Put an earlier result on objects of a file, and save it. Raises PatinaError."""
    out = _out(options)
    folder = options.result if options.result.is_dir() else folders.jobs() / options.result
    _open(options.file)
    images = api.apply(folder, options.objects)
    _save(out)
    return {"file": str(out), "images": [image.name for image in images]}


def export(options: argparse.Namespace) -> Record:
    """Export the stylized objects of a file. Raises PatinaError."""
    _open(options.file)
    if options.objects:
        for obj in bpy.context.view_layer.objects:
            obj.select_set(obj.name in options.objects)
        missing = set(options.objects) - {obj.name for obj in bpy.context.selected_objects}
        if missing:
            raise PatinaError(
                f"There is no object {min(missing)!r} here.", "Name objects of the file.", "objects"
            )
    wanted = "SELECTED" if options.objects else "ALL"
    stylized_objects(bpy.context, wanted)  # else what is wrong is said
    _call(
        bpy.ops.patina.export,
        filepath=str(options.out.absolute()),
        overwrite=options.overwrite,
        preset=options.preset.upper(),
        scope=wanted,
    )
    return {"file": str(options.out)}


def doctor(options: argparse.Namespace) -> Record:
    """Have the doctor look at the backend. Raises PatinaError."""
    _call(bpy.ops.patina.verify)
    _say(*installation.known.doctor)
    return {"report": list(installation.known.doctor)}


def set_up(options: argparse.Namespace) -> Record:
    """Set up the backend. Raises PatinaError."""
    reason = installation.may_begin(installation.SET_UP)
    if reason:
        raise PatinaError(f"{reason}.", "Start with blender --online-mode --command patina setup.", "backend")
    _call(bpy.ops.patina.set_up)
    _say(installation.known.message)
    return {"folder": str(folders.backend())}


def _call(operator: Callable[..., set[str]], **values: Any) -> None:
    """Call an operator; what it reports as an error is raised as one."""
    try:
        ended = operator("EXEC_DEFAULT", **values)
    except RuntimeError as error:
        raise PatinaError(str(error).strip().removeprefix("Error: ")) from None
    if ended != {"FINISHED"}:
        raise PatinaError("It was cancelled.")


def _out(options: argparse.Namespace) -> Path:
    """Where to save. Raises PatinaError where that must not be."""
    path: Path = options.out or options.file.with_name(f"{options.file.stem}_patina.blend")
    if path.suffix != ".blend":
        raise PatinaError(f"{path} is no .blend file.", "Name one; `export` writes other files.", "out")
    if path.exists() and not options.overwrite:
        raise PatinaError(f"{path} exists already.", "Add --overwrite, or name another --out.", "out")
    return path


def _open(path: Path) -> None:
    if not path.is_file():
        raise PatinaError(f"There is no file {path}.", "Name a .blend file.", "file")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.absolute()), load_ui=False)
    except RuntimeError as error:
        raise PatinaError(
            str(error).strip().removeprefix("Error: "), "Is it a .blend file?", "file"
        ) from None
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def _save(path: Path) -> None:
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path.absolute()), check_existing=False)
    except RuntimeError as error:
        raise PatinaError(str(error).strip().removeprefix("Error: "), "Name another --out.", "out") from None
    print(path)


_command: object = None


def register() -> None:
    global _command
    _command = bpy.utils.register_cli_command(NAME, main)


def unregister() -> None:
    bpy.utils.unregister_cli_command(_command)
