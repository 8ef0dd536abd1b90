"""An artist's Blender, subscribed to a repository: installs Patina, uses it, and upgrades it.

subscriber.py ADDRESS COMMAND: COMMAND publishes the later version. The last line printed tells, as JSON.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import bpy

PACKAGE = "bl_ext.studio.patina"

address, publish = sys.argv[1], json.loads(sys.argv[2])
bpy.context.preferences.system.use_online_access = True
repository = bpy.context.preferences.extensions.repos.new(name="Studio", module="studio", remote_url=address)
number = list(bpy.context.preferences.extensions.repos).index(repository)


def manifest_version() -> str:
    manifest = Path(sys.modules[PACKAGE].__file__).with_name("blender_manifest.toml").read_text()
    return next(line.split('"')[1] for line in manifest.splitlines() if line.startswith("version ="))


def what_is_kept() -> dict:
    """Settings, the artist's preset as Blender's menu finds and runs it, and the environment."""
    from bl_ext.studio.patina.addon import folders, installation

    installation.refresh()
    settings = bpy.context.preferences.addons[PACKAGE].preferences
    presets = [Path(folder) / "Mine.py" for folder in bpy.utils.preset_paths("patina")]
    (preset,) = (str(path) for path in presets if path.is_file())
    bpy.context.scene.patina.strength = 0.1
    bpy.ops.script.execute_preset(filepath=preset, menu_idname="PATINA_PT_presets")
    return {
        "index": settings.index,
        "variant": settings.variant,
        "preset": (preset, round(bpy.context.scene.patina.strength, 3)),
        "folder": str(folders.backend()),
        "state": installation.known.record.state,
    }


bpy.ops.extensions.repo_sync(repo_index=number)
bpy.ops.extensions.package_install(repo_index=number, pkg_id="patina", enable_on_install=True)
versions = [manifest_version()]

from bl_ext.studio.patina.addon import folders  # noqa: E402
from bl_ext.studio.patina.addon.setup import environment, system, variants  # noqa: E402

settings = bpy.context.preferences.addons[PACKAGE].preferences
settings.index, settings.variant = "https://studio.example/simple", "cpu"
bpy.context.scene.patina.strength = 0.875
bpy.ops.patina.preset_add(name="Mine")
# What a set-up leaves, as far as the add-on looks at it: the interpreter and the record.
python = system.python_in(folders.backend())
python.parent.mkdir(parents=True)
python.symlink_to(sys.executable)
made_of = variants.fingerprint(variants.find("cpu"))
environment.write(folders.backend(), environment.Record("ready", True, "cpu", made_of, "3.11"))
before = what_is_kept()

subprocess.run(publish, check=True, stdout=sys.stderr)
bpy.ops.extensions.repo_sync(repo_index=number)
bpy.ops.extensions.package_upgrade_all()
versions.append(manifest_version())
after = what_is_kept()
import addon_utils  # noqa: E402 - bpy brings it

warnings = addon_utils._extensions_warnings_get()
print(json.dumps({"versions": versions, "before": before, "after": after, "warnings": sorted(warnings)}))
sys.stdout.flush()
# bpy 4.2 as a module crashes in its own exit after any add-on with a dynamic enum was loaded twice.
os._exit(0)
