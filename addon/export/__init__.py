"""Stylized objects → files for game engines (Blender's exporters) and for printers (the backend)."""
