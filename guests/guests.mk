# SPDX-License-Identifier: Apache-2.0
# The example tenants, and `make run`.

GUESTS := $(B)/guests
.PHONY: deps kernels guests run

deps:
	@rf/install-deps build run

kernels: $(GUESTS)/vmlinuz-cloud-amd64 $(GUESTS)/vmlinuz-amd64

# Nothing to depend on: what was fetched once is kept.
$(GUESTS)/vmlinuz-%:
	@guests/fetch-kernels $(GUESTS) $*

# The ramdisk has the drivers of the kernels; they come with these.
$(GUESTS)/xen-netfront-%.ko:
	@guests/fetch-kernels $(GUESTS) $*

$(GUESTS)/busybox.cpio.gz: guests/make-initramfs $(wildcard guests/initramfs/*) \
		$(wildcard guests/initramfs/scripts/*) \
		$(GUESTS)/xen-netfront-cloud-amd64.ko
	@guests/make-initramfs $@

# A guest of ours that does nothing but hold a CPU (guests/spin).
$(GUESTS)/spin.elf: guests/spin/spin.S guests/spin/spin.lds
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,-T,guests/spin/spin.lds -o $@ guests/spin/spin.S

# In C, on guests/lib: a folder each.
OWN_GUESTS := attack victim churn gauge fire domain0 router netfront paths hostile0 \
	clerk bytecode pump

guests: kernels $(GUESTS)/busybox.cpio.gz $(GUESTS)/netload.cpio.gz \
	$(GUESTS)/spin.elf \
	$(OWN_GUESTS:%=$(GUESTS)/%.elf)

# Missing packages first, since nothing builds without them; then a make of
# its own, which sees them. Only the kernel the two examples need.
run: deps
	@$(MAKE) --no-print-directory -s all $(GUESTS)/vmlinuz-cloud-amd64 \
		$(GUESTS)/busybox.cpio.gz $(GUESTS)/domain0.elf \
		$(GUESTS)/router.elf
	@$(B)/rf run --timeout $(or $(TIMEOUT),600) guests/examples/web.cfg \
		guests/examples/db.cfg

# Guests of ours in C: guests/lib and a folder each.
GUEST_FLAGS := -I. -std=gnu11 -O2 -g -ffreestanding -fno-pic -mcmodel=kernel \
	-mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fno-common \
	-ffile-prefix-map=$(CURDIR)=.
guest_objects = $(patsubst %,$(B)/g/%.o,guests/lib/start.S \
	$(sort $(wildcard guests/lib/*.c guests/$(1)/*.c guests/$(1)/*.S) \
	$(guest_also_$(1))))
# Files of others that a guest takes in as they are.
guest_also_domain0 := rf/mux.c
guest_also_netfront := guests/router/xsclient.c
guest_also_pump := guests/router/xsclient.c guests/netfront/front.c
# What turns a record of the fuzz targets into a call, there and here.
guest_also_bytecode := fuzz/values.c fuzz/grammar.c

$(B)/g/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(GUEST_FLAGS) $(WARN) -MMD -MP -c $< -o $@

$(B)/g/%.S.o: %.S
	@mkdir -p $(@D)
	@echo "  AS  $<"
	@$(CC) $(GUEST_FLAGS) -MMD -c $< -o $@

define guest_rule
$(GUESTS)/$(1).elf: $(call guest_objects,$(1)) guests/lib/guest.lds
	@mkdir -p $$(@D)
	@echo "  LD  $$@"
	@$(CC) -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
		-Wl,-T,guests/lib/guest.lds -o $$@ $(call guest_objects,$(1))
endef
$(foreach guest,$(OWN_GUESTS),$(eval $(call guest_rule,$(guest))))

# The benchmark: a Linux program, in front of the examples' ramdisk.
BENCH_SRC := $(wildcard guests/bench/*.c)
$(GUESTS)/bench: $(BENCH_SRC) guests/bench/bench.h
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -D_GNU_SOURCE -O2 -static $(WARN) -o $@ $(BENCH_SRC)

$(GUESTS)/bench.cpio.gz: $(GUESTS)/bench guests/bench/script guests/bench/bomb \
		guests/bench/make-initramfs $(GUESTS)/busybox.cpio.gz
	@guests/bench/make-initramfs $(GUESTS)

$(GUESTS)/xen-4.17-amd64:
	@guests/fetch-kernels $(GUESTS) xen-4.17-amd64

# Traffic between Linux tenants, measured and as a flood.
$(GUESTS)/netload: guests/netload/main.c guests/bench/bench.h
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -D_GNU_SOURCE -O2 -static $(WARN) -o $@ $<

$(GUESTS)/netload.cpio.gz: $(GUESTS)/netload guests/netload/script \
		guests/netload/make-initramfs $(GUESTS)/busybox.cpio.gz \
		$(GUESTS)/xen-netfront-amd64.ko
	@guests/netload/make-initramfs $(GUESTS)

# The first domain of Debian's Xen with its toolstack.
$(GUESTS)/xenhost.cpio.gz: guests/netload/make-xenhost guests/netload/xenhost \
		guests/netload/vif-lan $(GUESTS)/netload.cpio.gz \
		$(GUESTS)/vmlinuz-amd64
	@guests/netload/make-xenhost $(GUESTS)
