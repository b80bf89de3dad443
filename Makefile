# The front door. Each target installs what it needs itself (tools/setup; COLOA_SETUP=no forbids that).
#
#   make            build/coloa and build/libexec/
#   make run        build, start on this machine's own logs and a demo city (DEMO=0: without it)
#   make test       all tests: release, ASan+UBSan, TSan for journal, queues and watch
#   make test-long  the long fault tests         make bench  figures, as ratios in one run
#   make fuzz       live fuzzing, FUZZ_SECONDS=20 a target
#   make check      format, layers, tables, banned functions, analysers on what changed
#   make check-long analysers on the whole tree  make clean
SHELL := /bin/bash
JOBS ?= $(shell nproc)
CACHE := $(or $(COLOA_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/coloa)
export PATH := $(PATH):$(CACHE)/node/bin
DATA ?= $(CURDIR)/build/run-data
FUZZ_SECONDS ?= 20

.PHONY: all run test test-long bench fuzz check check-long clean setup console

all: setup console
	@tools/build release

setup:
	@tools/setup run

console:
	@tools/build console

run: all
	@tools/run-demo "$(DATA)"

test:
	@tools/setup run test
	@tools/build console
	@tools/run-tests

test-long:
	@tools/setup run test
	@tools/build console
	@tools/run-tests long

bench:
	@tools/setup run test
	@tools/build console
	@tools/build release
	@bench/run
	@bench/hunt

fuzz:
	@tools/setup run test
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/run-fuzz

check:
	@tools/setup run check
	@tools/check

check-long:
	@tools/setup run check
	@tools/check long
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/run-fuzz

clean:
	rm -rf build build-* console/dist
