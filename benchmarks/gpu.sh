#!/bin/sh
# On a machine with an NVIDIA card: what only a card can show, and a table of its speed; under 8 minutes once
# the backend's environment is there. If nvdiffrast is installed in it (its licence: research and evaluation
# only), it is compared too.
set -eu
cd "$(dirname "$0")/.."
make .env/backend/.tests
.env/backend/bin/python -B -m pytest -rs \
	tests/backend/test_nvdiffrast.py tests/backend/test_memory.py tests/backend/test_devices.py
PATINA_DEVICE=cuda .env/backend/bin/python -B -m benchmarks.graphics_card
