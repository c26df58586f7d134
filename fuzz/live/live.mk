# SPDX-License-Identifier: Apache-2.0
# Fuzzing the running system: fuzz/live/README.md.

.PHONY: fuzz-live fuzz-live-repro fuzz-live-smoke

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
