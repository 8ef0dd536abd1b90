"""Where things lie: nothing is ever written beside the extension's own files."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import bpy

from ..backend.errors import PatinaError
from .setup import environment, system, variants

EXTENSION = Path(__file__).parents[1]  # holds `backend`, the package
PACKAGE = __package__.rpartition(".")[0]  # bl_ext.<repository>.patina
unlisted = SimpleNamespace()  # the preferences where Blender does not list the add-on: see preferences.py


def jobs() -> Path:
    """Find the folder of the job folders, in the extension's user folder."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path="jobs"))


def user_file(name: str) -> Path:
    """Find a small file in the extension's user folder."""
    return Path(bpy.utils.extension_path_user(PACKAGE)) / name


def preferences() -> bpy.types.AddonPreferences | SimpleNamespace:
    """Find what the artist set on the preferences page.

    Where the add-on is not in Blender's list of those that are on (`blender --addons`), that holds for this
    session alone, and is at first what the page begins with.
    """
    entry = bpy.context.preferences.addons.get(PACKAGE)
    if entry and entry.preferences:
        return entry.preferences
    return unlisted


def backend() -> Path:
    """Find the folder of the backend's environment.

    It is PATINA_BACKEND if set, else the artist's, else the user's.
    """
    if named := os.environ.get("PATINA_BACKEND"):
        return Path(named)
    if not (named := preferences().folder):
        return _own_backend()
    chosen = Path(bpy.path.abspath(named))
    # A folder of its own in the artist's, unless that already is one.
    return chosen if environment.is_ours(chosen) else chosen / "patina-backend"


def _own_backend() -> Path:
    return Path(bpy.utils.extension_path_user(PACKAGE, path="backend"))


def other_backends() -> list[Path]:
    """List environments in the user folders of other versions of Blender, the newest first.

    A user folder is …/VERSION/extensions/.user/REPOSITORY/patina/backend.
    """
    own = _own_backend()
    name = "{}.{}".format(*bpy.app.version)
    version = next((parent for parent in own.parents if parent.name == name), None)
    if version is None:
        return []
    inside = own.relative_to(version)
    found = (place / inside for place in version.parent.glob("[0-9]*") if place != version)
    return sorted((place for place in found if environment.is_ours(place)), reverse=True)


def backend_python() -> Path:
    """Find the Python that runs the backend. Raises PatinaError unless it is set up, whole and up to date."""
    record = environment.inspect(backend(), variants.fingerprints())
    if record.state == environment.ABSENT:
        raise PatinaError(
            "The backend, which does the painting, is not set up yet.",
            "Set up the backend in Preferences > Add-ons > Patina.",
            "backend",
        )
    if record.state != environment.READY:
        raise PatinaError(
            f"The backend cannot be used: {record.reason}",
            f"{record.cure} That is in Preferences > Add-ons > Patina.",
            "backend",
        )
    return system.python_in(backend())
