"""Import bpy, or say which system libraries are missing."""

import sys

# What Debian and Ubuntu call the libraries that Blender links to and a bare system lacks.
PACKAGES = "libxkbcommon0 libsm6 libxi6 libgl1 libxrender1 libxfixes3 libgomp1 libxxf86vm1 libegl1"

try:
    import bpy
except ImportError as error:
    sys.exit(f"Blender's library cannot be loaded: {error}.\nOn Debian or Ubuntu: apt-get install {PACKAGES}")
print(f"Blender {bpy.app.version_string}")
