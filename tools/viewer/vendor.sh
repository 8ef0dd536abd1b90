#!/usr/bin/env bash
# Put the viewer of the pages, and its licences, where pages find them: tools/viewer/vendor.sh FOLDER
# Without npm, or a network, pages have pictures and no viewer.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=$1
[[ -f $target/model-viewer.min.js ]] && exit 0
command -v npm >/dev/null || { echo "There is no npm: pages will have no viewer."; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$work"
(cd "$work" && npm install --silent --ignore-scripts --no-package-lock --no-fund --no-audit) \
    || { echo "npm could not install the viewer: pages will have none."; exit 0; }
mkdir -p "$target"
modules=$work/node_modules
for package in @google/model-viewer three lit; do
    cp "$modules/$package/LICENSE" "$target/LICENSE-$(basename "$package")" \
        || { echo "The licence of $package is not there: pages will have no viewer."; exit 0; }
done
cp "$modules/@google/model-viewer/dist/model-viewer-umd.min.js" "$target/model-viewer.new"
mv "$target/model-viewer.new" "$target/model-viewer.min.js"
