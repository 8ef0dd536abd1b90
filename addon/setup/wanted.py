"""Print, as JSON, which requirements of a set apply to this Python and are not installed in it.

Run as a script by the environment's Python, whose pip brings `packaging`: wanted.py SET. Each is printed
as [name and version, its lines in the set].
"""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement


def _installed(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


found = []
for block in re.findall(
    r"^[A-Za-z].*?(?=^\S|\Z)", Path(sys.argv[1]).read_text("utf-8"), re.MULTILINE | re.DOTALL
):
    requirement = Requirement(block.split("\\")[0].split("--hash")[0].strip())
    if (requirement.marker is None or requirement.marker.evaluate()) and not _installed(requirement):
        found.append([f"{requirement.name}{requirement.specifier}", block])
print(json.dumps(found))
