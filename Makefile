# The command runner: `make` lists the targets. Each works from nothing but python3, g++ and make.
PYTHON ?= python3
CXX ?= g++
SANITIZE ?= address
DEMO ?= demo-output
FUZZ_CXX ?= clang++
SECONDS ?= 60

BIN := .venv/bin
CORE_SOURCES := $(wildcard csrc/src/*.cpp)
CORE_HEADERS := $(wildcard csrc/include/voiceanon/*.hpp csrc/src/*.hpp csrc/tests/*.hpp)
CORE_TESTS := $(patsubst csrc/tests/%.cpp,%,$(wildcard csrc/tests/*.cpp))
CORE_FLAGS := -std=c++17 -O2 -g -Wall -Wextra -ffp-contract=fast -Icsrc/include \
	-DVOICEANON_LANES=4 -DVOICEANON_LEVEL=baseline
STUBBED := $(patsubst voiceanon/%.pyi,voiceanon.%,$(wildcard voiceanon/*.pyi))

.DEFAULT_GOAL := help
.PHONY: help build demo test check docs figures lint bench wheel wheel-twice sanitize test-core fuzz \
	coverage mutate clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

# A stamp inside the environment: it goes with it, and is renewed when the dependencies change.
.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

build: .venv/ready ## compile what is stale, in place
	@$(BIN)/python setup.py --quiet build_ext --inplace

demo: ## anonymize the bundled recordings, draw one, and write a page to listen to
	@test -e .venv/ready || echo "Making .venv and compiling the core: some minutes the first time."
	@$(MAKE) --no-print-directory build
	$(BIN)/voiceanon demo --out $(DEMO) --overwrite
	$(BIN)/voiceanon demo --web --out $(DEMO) --overwrite

test: build test-core ## every test, the slow ones too
	$(BIN)/pytest --numprocesses 2

check: lint ## ruff, mypy, stubtest and the fast tests
	$(BIN)/pytest --numprocesses 2 -m 'not slow'

docs: build ## the API reference and the pictures of docs/
	$(BIN)/python docs/api_reference.py
	$(BIN)/python benchmarks/figures.py

figures: build ## the pictures of docs/ alone
	$(BIN)/python benchmarks/figures.py

lint: build
	$(BIN)/ruff check
	$(BIN)/mypy
	$(if $(STUBBED),$(BIN)/stubtest --mypy-config-file pyproject.toml $(STUBBED))

bench: build ## ratios to rivals, measured now on this machine
	$(BIN)/python -m benchmarks

wheel: .venv/ready ## wheelhouse/: a wheel for machines like this one, its source, pyworld's wheel
	$(BIN)/python wheelhouse/make_wheels.py

wheel-twice: .venv/ready ## two builds of the wheel in two folders: are they equal, byte for byte?
	$(BIN)/python wheelhouse/make_wheels.py --twice

# The core's own tests need no Python: one program for each file of csrc/tests.
test-core: $(CORE_TESTS:%=build/core/%.passed)

build/core/%.passed: csrc/tests/%.cpp $(CORE_SOURCES) $(CORE_HEADERS)
	@mkdir -p build/core
	$(CXX) $(CORE_FLAGS) -o build/core/$* $< $(CORE_SOURCES)
	./build/core/$*
	@touch $@

ifeq ($(SANITIZE),thread)
SANITIZER_FLAGS := -fsanitize=thread -fno-sanitize-recover=all
SANITIZER_LIBRARY = $(shell $(CXX) -print-file-name=libtsan.so)
# Reports go to files: pytest would swallow them.
SANITIZER_OPTIONS = TSAN_OPTIONS="suppressions=$$PWD/tests/threads.supp log_path=$$PWD/../races"
else
SANITIZER_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZER_LIBRARY = $(shell $(CXX) -print-file-name=libasan.so)
SANITIZER_OPTIONS = ASAN_OPTIONS=detect_leaks=0
endif
SANITIZED := build/sanitize-$(SANITIZE)

# Left out: what needs a server, a browser or a compiler, what is about memory and signals, of which
# sanitizers have their own, and what starts processes without their library.
UNSANITIZED := --ignore tests/test_wheel.py --ignore-glob 'tests/test_s3_*' \
	--ignore tests/test_archive_ray.py --ignore-glob 'tests/*_browser.py' \
	--deselect tests/test_archive_faults.py::test_a_recording_that_ends \
	--deselect tests/test_archive_pool.py::test_a_worker_that_dies \
	--deselect tests/test_archive_pool.py::test_workers_have_limits \
	--deselect tests/test_badaudio.py::test_memory_stayed_bounded \
	--deselect tests/test_house.py::test_a_simd_level --deselect tests/test_house.py::test_an_unknown \
	--deselect tests/test_recipe.py::test_the_hash_is_the_same_in_every_process \
	--deselect tests/test_leaks.py::test_thousands_of_calls_take_no_memory \
	--deselect 'tests/test_archive_disks.py::test_calls_that_fail_make_nothing_wrong[read:error=EINTR:when=5+7]'
MARKED := not slow

sanitize: build ## the tests on a core built with SANITIZE=address (the default) or thread; MARKED=slow
	@mkdir -p $(SANITIZED)
	for name in $(CORE_TESTS); do \
		$(CXX) $(CORE_FLAGS) $(SANITIZER_FLAGS) -o $(SANITIZED)/$$name \
			csrc/tests/$$name.cpp $(CORE_SOURCES) && ./$(SANITIZED)/$$name || exit 1; \
	done
	VOICEANON_SANITIZE=$(SANITIZE) $(BIN)/python setup.py --quiet build \
		--build-base $(SANITIZED) --build-lib $(SANITIZED)/lib
	# A tree of its own, for processes that tests start; its workers may map terabytes, as sanitizers do.
	rm -rf $(SANITIZED)/tree
	mkdir $(SANITIZED)/tree
	tar c --exclude=./build --exclude=./.git --exclude=./.venv --exclude='*.so' . | tar x -C $(SANITIZED)/tree
	cp $(SANITIZED)/lib/voiceanon/*.so $(SANITIZED)/tree/voiceanon/
	sed -i 's/^_ADDRESS_SPACE = .*/_ADDRESS_SPACE = resource.RLIM_INFINITY/' \
		$(SANITIZED)/tree/voiceanon/archive/pool.py
	grep -q RLIM_INFINITY$$ $(SANITIZED)/tree/voiceanon/archive/pool.py
	ln -sfn $(abspath ../shared) $(SANITIZED)/shared
	rm -f $(SANITIZED)/races*
	# Threads of NumPy's OpenBLAS are not built for ThreadSanitizer, which would report them.
	cd $(SANITIZED)/tree && PYTHONPATH=$$PWD $(SANITIZER_OPTIONS) OPENBLAS_NUM_THREADS=1 \
		LD_PRELOAD="$(SANITIZER_LIBRARY) $(shell $(CXX) -print-file-name=libstdc++.so)" \
		$(abspath $(BIN))/python -m pytest $(UNSANITIZED) -m '$(MARKED)'
	@! cat $(SANITIZED)/races* 2>/dev/null

# libFuzzer is clang's; the core's objects are shared by the fuzzers, and count their lines too.
FUZZERS := $(patsubst csrc/fuzz/%.cpp,build/fuzz/%,$(wildcard csrc/fuzz/*.cpp))
FUZZ_OBJECTS := $(patsubst csrc/src/%.cpp,build/fuzz/objects/%.o,$(CORE_SOURCES))
FUZZ_FLAGS := $(CORE_FLAGS) -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fprofile-instr-generate -fcoverage-mapping
LLVM_COV = $(shell $(FUZZ_CXX) -print-prog-name=llvm-cov)

fuzz: build $(FUZZERS) ## every fuzzer for SECONDS=60, and the coverage reached; needs clang
	$(BIN)/python tests/fuzz_all.py --seconds $(SECONDS) --llvm $(dir $(LLVM_COV))

.SECONDARY: $(FUZZ_OBJECTS)
build/fuzz/objects/%.o: csrc/src/%.cpp $(CORE_HEADERS)
	@mkdir -p build/fuzz/objects
	$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

build/fuzz/%: csrc/fuzz/%.cpp csrc/fuzz/input.hpp $(FUZZ_OBJECTS)
	$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_OBJECTS)

# Python's branches by the whole suite; lines of C++ by the core's own tests and those that call it.
COVERED := build/coverage
CORE_CALLERS := tests/test_core_door.py tests/test_bad_input.py tests/test_kernels.py \
	tests/test_laws.py tests/test_bottleneck_core.py tests/test_processes.py

coverage: build ## branches of the Python and lines of the C++ that the tests reach
	rm -rf .coverage .coverage.* $(COVERED)
	-$(BIN)/coverage run -m pytest --numprocesses 2
	$(BIN)/coverage combine --quiet
	@mkdir -p $(COVERED)/core
	for source in $(CORE_SOURCES); do \
		$(CXX) $(CORE_FLAGS) -O0 --coverage -c -o $(COVERED)/core/$$(basename $$source).o $$source; \
	done
	for name in $(CORE_TESTS); do \
		$(CXX) $(CORE_FLAGS) -O0 --coverage -o $(COVERED)/core/$$name \
			csrc/tests/$$name.cpp $(COVERED)/core/*.cpp.o && ./$(COVERED)/core/$$name || exit 1; \
	done
	VOICEANON_COVERAGE=1 $(BIN)/python setup.py --quiet build \
		--build-base $(COVERED) --build-lib $(COVERED)/lib
	PYTHONPATH=$(COVERED)/lib $(BIN)/pytest $(CORE_CALLERS) -m 'not slow'
	$(BIN)/coverage report --skip-covered --precision 1
	$(BIN)/python tests/cpp_lines.py build/objects $(COVERED)/core

mutate: .venv/ready ## mutants of the door and of the verdicts; survivors: mutmut results
	$(BIN)/pip install --quiet --disable-pip-version-check 'mutmut>=3.8'
	$(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

clean: ## remove everything that make has made
	rm -rf .venv build dist voiceanon.egg-info $(DEMO) voiceanon/*.so
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find voiceanon tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
