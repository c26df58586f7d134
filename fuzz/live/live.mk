# SPDX-License-Identifier: Apache-2.0
# Fuzzing the running system: fuzz/live/README.md.

.PHONY: fuzz-live fuzz-live-repro fuzz-live-smoke fuzz-live-minimise fuzz-seeds

# make fuzz-live SECS=600 CPUS=2 WALKER=1 SEED=7
fuzz-live:
	@B=$(B) fuzz/live/run -s $(or $(SECS),60) $(if $(CPUS),--cpus $(CPUS)) \
		$(if $(WALKER),--walker) $(if $(SEED),--seed $(SEED))

# make fuzz-live-repro FILE=build/fuzz/live/crashes/crash-...
fuzz-live-repro:
	@B=$(B) fuzz/live/run --repro $(or $(FILE),$(error FILE=... is missing))

fuzz-live-minimise:
	@B=$(B) fuzz/live/run --minimise

# A fixed number of programs, against fuzz/live/floors.
fuzz-live-smoke:
	@B=$(B) fuzz/live/run --smoke

# Boots Debian and the attacking guest: seeds of all targets that are sequences.
fuzz-seeds: all guests $(B)/live/trace.so $(B)/live/menus
	@B=$(B) fuzz/live/seeds

LIVE := fuzz/live/plugin.c fuzz/live/hand.c
$(B)/live/live.so: $(LIVE) fuzz/live/live.h guests/bytecode/mailbox.h \
		tests/bounds/qemu_plugin.h
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $(LIVE)

# Hypercalls of a boot, written down: for fuzz/live/seeds.
TRACE := fuzz/live/trace.c tests/walker/memory.c
$(B)/live/trace.so: $(TRACE) $(wildcard tests/walker/*.h core/*.h x86/*.h)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $(TRACE)
$(B)/live/menus: fuzz/live/menus.c fuzz/t_calls.c fuzz/seq.h core/hypercalls.def
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O1 $(WARN) -o $@ fuzz/live/menus.c fuzz/t_calls.c
