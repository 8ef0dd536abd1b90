"""Publish a later version into a repository: publish.py DIST SOURCES."""

import importlib.util
import sys
from pathlib import Path

tool = Path(__file__).parents[2] / "tools" / "extension.py"
spec = importlib.util.spec_from_file_location("extension", tool)
extension = importlib.util.module_from_spec(spec)
spec.loader.exec_module(extension)
extension.repository(Path(sys.argv[1]), Path(sys.argv[2]))
