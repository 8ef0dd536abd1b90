#!/usr/bin/env bash
# Make FOLDER a Debian trixie with Blender, a screen without a monitor, and what clicks and reads on it.
# Its own packages only (trixie.txt): nothing is installed on this machine, and `rm -rf FOLDER` undoes it.
set -euo pipefail
folder=$1
packages=$(dirname "$0")/trixie.txt

cannot() {
    echo "make test-gui cannot be run here: $1" >&2
    exit 1
}
((EUID == 0)) || cannot "making $folder needs root (sudo make test-gui)."
command -v debootstrap >/dev/null || cannot "debootstrap is missing (Debian: apt-get install debootstrap)."
unshare --mount true 2>/dev/null || cannot "this machine allows no mounts of one's own (unshare --mount)."

rm -rf "$folder"
mkdir -p "$folder"
# The mirror that this machine's own packages come from; debootstrap knows one where they are not Debian's.
mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 2>/dev/null \
    | awk '$1 == "Debian" && $2 == "Debian" {print $3; exit}') || true
debootstrap --variant=minbase --include=ca-certificates trixie "$folder" $mirror >"$folder.log" 2>&1 \
    || { tail -5 "$folder.log" >&2; cannot "debootstrap failed; see $folder.log."; }
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d" # no package starts a service
chmod +x "$folder/usr/sbin/policy-rc.d"
echo force-unsafe-io >"$folder/etc/dpkg/dpkg.cfg.d/quick" # twice as quick; a broken folder is made again
cp /etc/resolv.conf "$folder/etc/resolv.conf"
chroot "$folder" env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    apt-get install -q -y --no-install-recommends $(<"$packages") >>"$folder.log" 2>&1 \
    || { tail -5 "$folder.log" >&2; cannot "the packages could not be installed; see $folder.log."; }
chroot "$folder" /usr/bin/apt-get clean
touch "$folder/.complete"
