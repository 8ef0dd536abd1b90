"""A flat image → a job, and its result → a new image, shown where the first one was. The first one stays."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...backend.errors import PatinaError
from ...backend.protocol.job import Job
from ...backend.protocol.job_file import write_job
from ...backend.protocol.parts import Style
from .. import job_fields, modes, style_files
from ..properties.settings import PatinaSettings
from ..settings import dump
from . import image as images
from . import records, result
from .job import new_folder
from .records import Prepared

NAMES = {"stylize": "Stylized", "dream": "Dream", "deepdream": "DeepDream", "texture": "Texture"}


def needs_image(settings: PatinaSettings) -> bool:
    """Whether the job works on an image, and not from nothing."""
    return settings.picture_mode != "dream"


def name_of(image: bpy.types.Image | None, settings: PatinaSettings) -> str:
    """Name the job, and the image that it makes."""
    if needs_image(settings) and image is not None:
        return f"{image.name} {NAMES[settings.picture_mode]}"
    return f"{settings.target.class_name.capitalize()} Dream" if settings.target.kind == "class" else "Dream"


def write(
    image: bpy.types.Image | None,
    settings: PatinaSettings,
    jobs: Path,
    user: bpy.types.ImageUser | None = None,
) -> Prepared:
    """Write a job for `image` into a new folder under `jobs`. Raises PatinaError, and then leaves none.

    user: the editor's, which says what frame of a sequence it shows.
    """
    mode = modes.FLAT_MODES[settings.picture_mode]
    fields = job_fields.of(settings, mode, picture=True)
    files = style_files.of(settings, "style") if settings.picture_mode == "stylize" else []
    if image is None and needs_image(settings):
        raise PatinaError("No image is open here.", "Open one in this editor, or choose Dream.", "image")
    name = name_of(image, settings)
    with new_folder(name, jobs) as folder:
        content, styles = None, style_files.copy_styles(files, folder)
        if mode == "texture":
            styles = (Style("style.png"),)
            with images.shown_frame(image, user) as still:
                images.save_srgb(still, folder / "style.png")
        elif needs_image(settings):
            content = "content.png"
            with images.shown_frame(image, user) as still:
                images.save_srgb(still, folder / content)
        prepared = Prepared(folder, name, picture=image.session_uid if image is not None else 0)
        records.write(prepared, dump(settings))
        write_job(folder, Job(name=name, content=content, styles=styles, **fields))
    return prepared


def show(file: Path, name: str, before: bpy.types.Image | None, anywhere: bool = False) -> bpy.types.Image:
    """Load `file` as a new, packed image and show it in every Image Editor that shows `before`; if none does
    and it may be `anywhere`, in the first.

    Nothing but an editor may ever use it; it has a fake user, or saving would lose it.
    """
    shown = result.load_packed(file, name)
    shown.use_fake_user = True
    editors = _editors()
    showing = [editor for editor in editors if editor.image == before]
    for editor in showing or editors[: int(anywhere)]:
        editor.image = shown
    return shown


def is_shown(picture: int) -> bool:
    """Whether an editor shows the image with the session's number `picture`; 0: whether there is one."""
    return any(not picture or getattr(editor.image, "session_uid", 0) == picture for editor in _editors())


def _editors() -> list[bpy.types.SpaceImageEditor]:
    """List the Image Editors of all workspaces, those in open windows first."""
    is_open = {window.screen for window in bpy.context.window_manager.windows}
    screens = sorted(bpy.data.screens, key=lambda screen: screen not in is_open)
    areas = [area for screen in screens for area in screen.areas if area.type == "IMAGE_EDITOR"]
    return [area.spaces.active for area in areas if area.ui_type == "IMAGE_EDITOR"]
