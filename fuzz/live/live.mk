# SPDX-License-Identifier: Apache-2.0
# Fuzzing the running system: fuzz/live/README.md.

.PHONY: fuzz-live fuzz-live-repro fuzz-live-smoke

LIVE := fuzz/live/plugin.c fuzz/live/hand.c
$(B)/live/live.so: $(LIVE) fuzz/live/live.h guests/bytecode/mailbox.h \
		tests/bounds/qemu_plugin.h
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $(LIVE)
