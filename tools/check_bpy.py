"""Import bpy, or say which system libraries are missing."""

import sys
from pathlib import Path

try:
    import bpy
except ImportError as error:
    libraries = Path(__file__).with_name("debian_libraries.txt").read_text().split()
    sys.exit(
        f"Blender's library cannot be loaded: {error}.\n"
        f"On Debian or Ubuntu: apt-get install {' '.join(libraries)}"
    )
print(f"Blender {bpy.app.version_string}")
