"""Between Blender's scene and a job's files."""
