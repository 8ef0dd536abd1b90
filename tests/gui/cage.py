"""Commands inside the folder of Debian trixie that trixie.sh makes.

Each has mounts of its own, which end with it, so that the folder can be removed at any time. Of this
machine it sees the network, the processes, a folder to write into (as DESK) and what is named to be lent.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

DESK = "/desk"

# The folder of Debian, what becomes DESK in there, how many paths are lent; then these, then the command.
_ENTER = """
set -e
root=$1 desk=$2 lent=$3
shift 3
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/desk"
mount --bind "$desk" "$root/desk"
for ((; lent; lent--)); do
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root${1%/*}"; touch "$root$1"; fi
    mount --bind "$1" "$root$1"
    shift
done
exec chroot "$root" /usr/bin/env -i "$@"
"""


class Cage:
    """The folder `root` with the folder `desk` in it, and the paths `lent` where they are on this machine."""

    def __init__(self, root: Path, desk: Path, lent: Sequence[Path] = ()) -> None:
        self.root, self.desk, self.lent = root, desk, lent
        self.environment = {
            "HOME": DESK,
            "XDG_RUNTIME_DIR": DESK,
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }

    def command(self, arguments: Sequence[str], environment: Mapping[str, str] = {}) -> list[str]:
        variables = [f"{name}={value}" for name, value in {**self.environment, **environment}.items()]
        paths = [str(self.root), str(self.desk), str(len(self.lent)), *map(str, self.lent)]
        unshare = ["unshare", "--mount", "--propagation", "private"]
        return [*unshare, "bash", "-c", _ENTER, "cage", *paths, *variables, *arguments]

    def start(
        self, *arguments: str, output: IO[bytes], environment: Mapping[str, str] = {}
    ) -> subprocess.Popen[bytes]:
        """Start a command that goes on; what it says goes into the file `output`."""
        return subprocess.Popen(
            self.command(arguments, environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str, given: bytes | None = None, seconds: float = 120) -> bytes:
        """Run a command and give what it wrote. Raises RuntimeError with its last words if it failed."""
        done = subprocess.run(self.command(arguments), input=given, capture_output=True, timeout=seconds)
        if done.returncode:
            words = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{words}")
        return done.stdout
