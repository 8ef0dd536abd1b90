# Patina: set-up, demo, tests and packaging. All that is made lies in .env/, out/ and dist/.
#
# Needed beforehand: Python 3.11 with venv, for Blender 5.2 also 3.13, and the system libraries that Blender links to
# (make says which).

PYTHON ?= $(shell command -v python3.11 || echo python3)
# For the library of Blender 5.1 and later.
PYTHON_313 ?= $(shell command -v python3.13 || echo python3.13)
# Which torch: `$(PYTHON) -m addon.setup variants` lists them. On Linux the default index has the CUDA build,
# which runs on the processor too.
TORCH ?= $(if $(filter Darwin,$(shell uname)),mps,cuda)
# For a torch that only PyTorch's own index has: that index's address, or the command that pytorch.org shows.
TORCH_INDEX ?=

BACKEND := .env/backend
BLENDER := .env/blender
PROOF := .env/proof
TRIXIE := .env/trixie
FARM := .env/farm
IN_BACKEND := $(BACKEND)/bin/python -B
IN_BLENDER := $(BLENDER)/bin/python -B
BLENDERS := 4.2.23 4.5.15 5.0.1 5.2.3
# What two processes say is told one after the other, where make can.
SIDE_BY_SIDE := -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# The add-on, run from here, takes this environment instead of the artist's.
export PATINA_BACKEND := $(CURDIR)/$(BACKEND)

.PHONY: help demo still-life test lint test-backend test-faults test-faults-backend test-faults-addon test-networks test-addon test-blenders test-whole test-export test-farm test-assets test-gui \
	extension repository viewer wheelhouse backend blender doctor pins gallery bench bench-all clean
.DELETE_ON_ERROR:

help:
	@echo "make demo           stylize the fox inside Blender; results in out/demo/"
	@echo "make still-life     paint twenty-one objects by one press; results in out/still_life/"
	@echo "make test           lint, types and every test"
	@echo "make test-faults    faults, load and hostile input, many times over: docs/reliability.md"
	@echo "make test-blenders  the add-on's tests on Blender $(BLENDERS)"
	@echo "make test-networks  every objective on every registered network, not one of each family alone"
	@echo "make test-whole     the whole backend set up from wheels by the operator, on each of those"
	@echo "make test-export    every exported format, judged by other people's software; pictures in out/export/"
	@echo "make test-assets    models as the world writes them, painted, then seen by Blender; ASSETS=\"FOLDER …\" adds yours"
	@echo "make test-farm      a farm on Ray, with workers, nodes and drivers killed"
	@echo "make test-gui       a real Blender in a window, clicked through; pictures in out/gui/ (Linux, root)"
	@echo "make extension      dist/patina-VERSION.zip"
	@echo "make repository     dist/repository/, which Blender can subscribe to"
	@echo "make wheelhouse     dist/wheelhouse/, to set up machines without a network"
	@echo "make gallery        docs/gallery.md: a picture of everything, and the numbers behind it"
	@echo "make pins           whether every pinned package has a wheel for every system and Python"
	@echo "make bench          docs/benchmarks.md: speed and quality on this machine; 45 minutes on two cores"
	@echo "make doctor         what the backend finds on this machine"

demo: backend blender extension
	$(IN_BLENDER) tests/end_to_end/demo.py

still-life: backend blender extension
	$(IN_BLENDER) tests/scenes/still_life.py

# The halves side by side, once lint has what both need.
test: lint
	$(MAKE) $(SIDE_BY_SIDE) test-backend test-addon

# Side by side, threads that spin as they wait take the core of the other half.
test test-faults: export OMP_WAIT_POLICY := passive
test test-faults: export GOMP_SPINCOUNT := 0

lint: backend blender
	$(BLENDER)/bin/ruff check .
	$(BLENDER)/bin/ruff format --check .
	$(BLENDER)/bin/mypy --python-executable $(BACKEND)/bin/python

test-backend: $(BACKEND)/.tests
	$(IN_BACKEND) -m pytest tests/backend tests/faults

# What goes wrong, many times over: half an hour on two cores at most; make test has some of each. What is injected,
# and what came of it: docs/reliability.md.
test-faults: $(BACKEND)/.tests blender extension
	$(MAKE) $(SIDE_BY_SIDE) test-faults-backend test-faults-addon

test-faults-backend:
	PATINA_FAULTS=12 $(IN_BACKEND) -m pytest tests/faults -s -q

test-faults-addon:
	PATINA_FAULTS=12 $(IN_BLENDER) -m pytest tests/addon/test_faults.py tests/addon/test_hostile.py -s -q

# The networks that make test leaves out because another of their family stands for them.
test-networks: $(BACKEND)/.tests
	$(IN_BACKEND) -m pytest tests/backend/test_every_network.py -m every_network

test-addon: backend blender extension
	$(IN_BLENDER) -m pytest tests/addon tests/setup tests/end_to_end

test-blenders: $(BLENDERS:%=test-blender-%)

test-blender-%: .env/blender-%/.complete backend
	.env/blender-$*/bin/python -B -m pytest tests/addon tests/setup/test_extension.py

# The whole backend, set up by the operator without a network on each Blender: minutes and gigabytes.
test-whole: wheelhouse $(BLENDERS:%=test-whole-%)

test-whole-%: .env/blender-%/.complete wheelhouse
	PATINA_WHEELHOUSE=dist/wheelhouse .env/blender-$*/bin/python -B -m pytest -rA tests/setup/test_whole.py

test-export: backend blender $(PROOF)/.complete
	rm -rf out/export
	$(IN_BLENDER) tests/export/export_all.py out/export
	PATINA_NODE_MODULES=$(CURDIR)/$(PROOF)/node_modules $(PROOF)/python/bin/python -B -m pytest tests/export

$(PROOF)/.complete: tests/export/requirements.txt tests/export/package.json
	@command -v npm || { echo "make test-export needs Node.js with npm."; exit 1; }
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
		|| { echo "make test-export needs Chromium (Debian: apt-get install chromium)."; exit 1; }
	rm -rf $(PROOF)
	$(PYTHON) -m venv $(PROOF)/python
	$(PROOF)/python/bin/python -m pip install --quiet --requirement tests/export/requirements.txt
	cp tests/export/package.json $(PROOF)
	cd $(PROOF) && npm install --silent --no-package-lock --no-fund --no-audit
	touch $@

test-farm: $(BACKEND)/.tests $(FARM)/.complete $(PROOF)/.complete viewer
	PATINA_NODE_MODULES=$(CURDIR)/$(PROOF)/node_modules $(FARM)/bin/python -B -m pytest tests/farm

# Ray, and whatever the backend's environment has.
$(FARM)/.complete: addon/setup/requirements/farm.txt | backend
	rm -rf $(FARM)
	$(PYTHON) -m venv $(FARM)
	$(FARM)/bin/python -m pip install --quiet --requirement $<
	$(IN_BACKEND) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> $$($(FARM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/backend.pth
	touch $@

# Five minutes of a processor. ASSETS: folders with other models to try.
test-assets: $(BACKEND)/.tests blender
	rm -rf out/assets
	$(IN_BACKEND) tests/models/paint_all.py out/assets $(ASSETS)
	$(IN_BLENDER) -m pytest tests/models

# A Blender with a window, from Debian's packages in a folder of their own.
test-gui: backend blender extension $(TRIXIE)/.complete
	$(IN_BLENDER) -m pytest tests/gui

$(TRIXIE)/.complete: tests/gui/trixie.sh tests/gui/trixie.txt
	tests/gui/trixie.sh $(TRIXIE)

extension: blender viewer
	$(IN_BLENDER) tools/extension.py build dist

# What turns models around in pages; without npm these have none.
viewer:
	@tools/viewer/vendor.sh backend/web/vendor

repository: blender viewer
	$(IN_BLENDER) tools/extension.py repository dist

wheelhouse:
	$(PYTHON) -m addon.setup wheelhouse --wheelhouse dist/wheelhouse --variant $(TORCH) \
		--torch-index="$(TORCH_INDEX)"

# Whether every pinned package has a wheel for every system and Python; needs a network.
pins: blender
	$(IN_BLENDER) tools/check_pins.py $(TORCH_INDEX)

doctor: backend
	$(IN_BACKEND) -m backend doctor

# Quick when the environment is whole; goes on where an earlier run was cut off.
backend:
	@$(PYTHON) -B -m addon.setup install --folder $(BACKEND) --variant $(TORCH) --torch-index="$(TORCH_INDEX)"

$(BACKEND)/.tests: tests/requirements-backend.txt | backend
	$(BACKEND)/bin/python -m pip install --quiet --requirement $<
	touch $@

blender: $(BLENDER)/.complete

# The file .complete is written last, so that a half-made environment is noticed and made again.
$(BLENDER)/.complete: tests/requirements.txt
	rm -rf $(BLENDER)
	$(PYTHON) -m venv $(BLENDER)
	$(BLENDER)/bin/python -m pip install --quiet --requirement $<
	@$(BLENDER)/bin/python tools/check_bpy.py
	touch $@

.env/blender-%/.complete: tests/requirements.txt
	rm -rf .env/blender-$*
	$(if $(filter 4.% 5.0.%,$*),$(PYTHON),$(PYTHON_313)) -m venv .env/blender-$*
	sed 's/^bpy==.*/bpy==$*/' $< > .env/blender-$*/requirements.txt
	.env/blender-$*/bin/python -m pip install --quiet --requirement .env/blender-$*/requirements.txt
	@.env/blender-$*/bin/python tools/check_bpy.py
	touch $@

# Half an hour on two cores; `make gallery ROWS="deep_dream cppn_morph"` makes some of it.
gallery: backend
	$(IN_BACKEND) -m benchmarks.gallery $(ROWS)

# What is measured, and how fast: docs/benchmarks.md. `make bench PIECES="circles page"` runs some of it.
bench: backend blender
	$(IN_BACKEND) -m benchmarks $(PIECES)

bench-all: backend blender
	$(IN_BACKEND) -m benchmarks all

clean:
	rm -rf .env out dist backend/web/vendor
