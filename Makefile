# SPDX-License-Identifier: Apache-2.0
# The whole build: kernel, tools, tests. No configuration.

CC ?= gcc
B := build

WARN := -Wall -Wextra -Werror -Wconversion -Wshadow -Wundef \
	-Wmissing-prototypes -Wstrict-prototypes -Wvla -Wimplicit-fallthrough

.PHONY: all clean
all: $(B)/ringfence.elf

# ---- kernel ------------------------------------------------------------------
K_C := $(sort $(wildcard core/*.c x86/*.c policy/*.c audit/*.c))
K_S := $(sort $(wildcard x86/*.S))
K_O := $(K_C:%.c=$(B)/k/%.o) $(K_S:%.S=$(B)/k/%.S.o)

K_FLAGS := -I. -O2 -g -ffreestanding -fPIE -mcmodel=small -mno-red-zone \
	-mgeneral-regs-only -fno-jump-tables -mharden-sls=all \
	-fvisibility=hidden -fomit-frame-pointer \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fno-common \
	-ffile-prefix-map=$(CURDIR)=. \
	-fstack-protector-strong -mstack-protector-guard=tls \
	-mstack-protector-guard-reg=gs -mstack-protector-guard-offset=40
# Data of other files is in the same image: no table of addresses.
K_FLAGS += $(if $(findstring clang,$(CC)),-fdirect-access-external-data)
K_LINK := -nostdlib -static -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--build-id=none -Wl,--fatal-warnings \
	-Wl,-T,x86/link.lds

$(B)/k/core/%.o: K_STD := -std=c11
$(B)/k/policy/%.o: K_STD := -std=c11
$(B)/k/audit/%.o: K_STD := -std=c11

$(B)/k/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(or $(K_STD),-std=gnu11) $(K_FLAGS) $(WARN) -MMD -MP -c $< -o $@

$(B)/k/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	@echo "  AS  $<"
	@$(CC) $(K_FLAGS) -MMD -MP -c $< -o $@

$(B)/ringfence.elf: $(K_O) x86/link.lds
	@echo "  LD  $@"
	@$(CC) $(K_LINK) -o $@ $(K_O)

# ---- host tool, guests, tests ------------------------------------------------
include rf/rf.mk guests/guests.mk tests/tests.mk fuzz/fuzz.mk \
	tests/filter/filter.mk fuzz/schedules/schedules.mk fuzz/live/live.mk

# ---- end ---------------------------------------------------------------------
# What was fetched once is kept: removing it would need the network again.
clean:
	@[ ! -d $(B) ] || find $(B) -mindepth 1 -maxdepth 1 ! -name guests \
		-exec rm -rf {} +

-include $(shell find $(B) -name '*.d' 2>/dev/null)
