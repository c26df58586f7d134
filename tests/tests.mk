# SPDX-License-Identifier: Apache-2.0
# Everything that checks: `make test` runs it all and closes with a sum.
#
#   check   rules of the house that a script can check (scripts/check)
#   unit    tests/*_test.c under ASan and UBSan, by gcc and by clang
#   bounds  longest stretches of ring 0, in instructions (tests/bounds)
#   paths   what each way through ring 0 costs, against its budget (tests/paths)
#   golden  what rf answers, against stored text
#   audit   tests/audit: the log at length, both its verifiers, its page
#   boot    tests/boot: the kernel in QEMU
#   mutants-smoke  seeded defects: the named test must fail on each
#   fire    tests/fire: events at each instruction of entry and exit
#   attack  tests/attack: hostile guests, every action in three modes
#   spec    the promises that are kept by figures, with value and limit
#   loc     lines of ring 0, per folder, against their budget

.PHONY: test check unit unit-gcc unit-clang golden boot demo fire attack loc docs help \
	clang format unit-cov cov mutants-smoke spec bounds bounds-short

CLANG ?= clang-19
UNIT := $(sort $(basename $(notdir $(wildcard tests/*_test.c))))
UNIT_FLAGS := -I. -std=gnu11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
# What the tests may link: the very files that ship, and the host's side of
# core/arch.h. Archives, so that a test gets what it calls and no more; the
# host's archive comes first, for its stand-ins are weak.
# Of Domain0: what does not ask for a machine.
DOMAIN0_PURE := $(addprefix guests/domain0/,bytes.c tree.c client.c watch.c \
	view.c ops.c txn.c requests.c wire.c pvcon.c save.c nodes.c blob.c jsonline.c netview.c)
# Of the router: the same.
ROUTER_PURE := $(addprefix guests/router/,netring.c xsclient.c backend.c switch.c deliver.c \
	ruleset.c checksum.c segment.c counters.c)
UNIT_HOST := $(sort $(wildcard tests/host_*.c))
UNIT_SHIP := $(sort $(wildcard core/*.c policy/*.c audit/*.c) rf/mux.c \
	rf/filter.c rf/logreader.c rf/policytext.c x86/decode.c x86/rmw.c x86/cpuid.c \
	x86/acpi.c x86/bootinfo.c x86/model.c $(DOMAIN0_PURE) $(PF_ROUTER_C) \
	$(PF_RF_C) $(ROUTER_PURE))

# $(1) name of the compiler's folder, $(2) the compiler
define unit_rules
$(B)/unit-$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) $(UNIT_FLAGS) $(WARN) -MMD -MP -c $$< -o $$@

$(B)/unit-$(1)/libhost.a: $(UNIT_HOST:%.c=$(B)/unit-$(1)/%.o)
	@rm -f $$@
	@mkdir -p $$(@D) && ar rcs $$@ $$^

$(B)/unit-$(1)/libship.a: $(UNIT_SHIP:%.c=$(B)/unit-$(1)/%.o)
	@rm -f $$@
	@mkdir -p $$(@D) && ar rcs $$@ $$^

$(B)/unit-$(1)/%_test: $(B)/unit-$(1)/tests/%_test.o \
		$(B)/unit-$(1)/libhost.a $(B)/unit-$(1)/libship.a
	@echo "  LD  $$@"
	@$(2) $(UNIT_FLAGS) -o $$@ $$< -Wl,--start-group \
		$(B)/unit-$(1)/libhost.a $(B)/unit-$(1)/libship.a \
		-Wl,--end-group -lcmocka -lcrypto

unit-$(1): $(UNIT:%=$(B)/unit-$(1)/%)
	@tests/run_unit $(1) $$^
endef
$(eval $(call unit_rules,gcc,$(CC)))
$(eval $(call unit_rules,clang,$(CLANG)))
.PRECIOUS: $(B)/unit-gcc/%.o $(B)/unit-clang/%.o $(B)/unit-cov/%.o

unit: unit-gcc unit-clang

# Lines of core/ that the unit tests reach.
$(eval $(call unit_rules,cov,$(CC) --coverage))
cov: unit-cov
	@cd $(B)/unit-cov/core && for f in *.gcda; do \
		gcov -n $$f 2>/dev/null | grep -A1 "^File 'core/.*\.c'" | \
		sed "s/^File '//;s/'$$//;s/^Lines executed://" | paste - -; \
	done

# Without sanitizers, for mutants: quick to build and to run.
UNIT_MUT_FLAGS := -I. -std=gnu11 -D_GNU_SOURCE -O1 -w
$(B)/unit-mut/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(UNIT_MUT_FLAGS) -MMD -MP -c $< -o $@
$(B)/unit-mut/libhost.a: $(UNIT_HOST:%.c=$(B)/unit-mut/%.o)
	@rm -f $@ && ar rcs $@ $^
$(B)/unit-mut/libship.a: $(UNIT_SHIP:%.c=$(B)/unit-mut/%.o)
	@rm -f $@ && ar rcs $@ $^
unit-build-mut: $(UNIT:%=$(B)/unit-mut/tests/%.o) $(B)/unit-mut/libhost.a \
		$(B)/unit-mut/libship.a
.PHONY: unit-build-mut mutants
# What the scheduler promises, over ten million of its decisions; STEPS=N SEED=N
SCHED_SIM := $(wildcard tests/sched/*.c) $(UNIT_HOST) \
	$(wildcard core/*.c policy/*.c audit/*.c)
$(B)/sched/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) -I. -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -MMD -MP -c $< -o $@
$(B)/sched/check: $(SCHED_SIM:%.c=$(B)/sched/%.o)
	@echo "  LD  $@"
	@$(CC) -o $@ $^ -lcmocka -lcrypto
-include $(SCHED_SIM:%.c=$(B)/sched/%.d)
.PHONY: sched-sim
sched-sim: $(B)/sched/check
	@$< $(or $(STEPS),10000000) $(or $(SEED),1) $(wildcard tests/sched/*.load)

# make mutants FILE=core/frame.c; SAMPLE=100 takes some at random
mutants:
	@tests/mutants/mutate $(if $(SAMPLE),--sample $(SAMPLE)) \
		$(if $(SEED),--seed $(SEED)) $(FILE)

# The second compiler builds the kernel, too.
clang:
	@$(MAKE) --no-print-directory CC=$(CLANG) B=$(B)/clang \
		$(B)/clang/ringfence.elf

$(B)/gen_hypercalls: docs/gen_hypercalls.c core/hypercalls.def core/args.def
	@mkdir -p $(@D)
	@$(CC) -I. -std=gnu11 -O1 $(WARN) -o $@ $<

docs: $(B)/gen_hypercalls
	$(B)/gen_hypercalls > docs/hypercalls.md

check: $(B)/gen_hypercalls
	@scripts/check $(B)

format:
	@git ls-files -co --exclude-standard -- '*.c' '*.h' | \
		xargs clang-format-19 -i

golden: $(B)/rf
	@RF=$(B)/rf tests/rf_golden.sh

boot: all guests $(B)/walker/walker.so
	@tests/boot/run

# Two tenants that talk, as far as their rules let them: a minute, no keyboard
demo: all guests
	@tests/demo/run

# A sample by default; FULL=1, PERCENT=N, SEED=N
fire: all guests
	@tests/fire/run $(if $(FULL),--full) $(if $(PERCENT),--percent $(PERCENT)) \
		$(if $(SEED),--seed $(SEED))

mutants-smoke: all guests
	@tests/mutants/run

# The promises by their figures; LEVEL=nightly for the longer ones.
spec: all guests
	@scripts/spec --level=$(or $(LEVEL),commit)

# MODE=single|race|soup|exact|fatal, A=ID, SEED=N, STEPS=N (of the soup), VCPUS=N
attack: all guests
	@tests/attack/run $(if $(MODE),--mode $(MODE)) $(if $(A),--only $(A)) \
		$(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS)) \
		$(if $(VCPUS),--vcpus $(VCPUS))

loc:
	@scripts/loc

test:
	@rf/install-deps build run test
	@scripts/test

help:
	@echo "make           kernel and host tool: $(B)/ringfence.elf, $(B)/rf"
	@echo "make run       boot two Debian tenants in QEMU"
	@echo "make test      check, unit, golden and boot, with a sum at the end"
	@echo "make check     rules of the house"
	@echo "make unit      unit tests, gcc and clang, sanitized"
	@echo "make cov       lines of core/ that the unit tests reach"
	@echo "make audit-test  the log at length, both verifiers, the page; two minutes"
	@echo "make fuzz      search: T=TARGET,... SECS=60 ENGINE=lib|afl; fuzz/README.md"
	@echo "make fuzz-live   the running system in QEMU: SECS=600 CPUS=2 WALKER=1; fuzz/live/README.md"
	@echo "make fuzz-schedules   all interleavings of pairs of calls; N=2 PAIR=poll"
	@echo "make fuzz-tsan        the same with threads, ThreadSanitizer; SECS=60 SEED=7"
	@echo "make golden    what rf answers, against stored text"
	@echo "make filter-diff   the packet filter against libpcap; FULL=1: 10^7 pairs"
	@echo "make filter-nft    the same against nftables; make filter-bench: its time"
	@echo "make boot      boots in QEMU: tests/boot/run CASE... for one"
	@echo "make demo      two tenants that talk, numbered steps, no keyboard; a minute"
	@echo "make fire      events at instructions of entry and exit: a sample; FULL=1 SEED=7"
	@echo "make spec      the promises by their figures; LEVEL=nightly for more"
	@echo "make sched-sim the scheduler's promises over 10^7 decisions; STEPS=N SEED=N"
	@echo "make mutants-smoke   seeded defects: the named test must fail on each"
	@echo "make attack    hostile guests in all modes, ten minutes; MODE=soup STEPS=1000000,"
	@echo "               MODE=race VCPUS=4 SEED=7, A=A17.1"
	@echo "make prove     proofs of units of the kernel; U=frame for one"
	@echo "make prove-weaken   checks taken away: a proof must notice; U=NAME for one"
	@echo "make bounds    longest stretches of ring 0 in instructions, a table"
	@echo "make bench     against native Linux and Xen; BENCH=full BASE=REV FRESH=1"
	@echo "make bench-profile   one row by function; ROW=null SYSTEM=ringfence LINES=1"
	@echo "make paths     instructions of each way through ring 0; PROFILE=1 for functions"
	@echo "make bench-check   Ringfence alone, against its budgets; bench-accept sets them"
	@echo "make bench-paths     single paths through ring 0, exactly"
	@echo "make bench-memory    what tenants, vCPUs and GiB cost the host"
	@echo "make bench-shares    how the scheduler shares a CPU out, 1 to 128 tenants"
	@echo "make bench-network   TCP between tenants beside Xen's, and beside a flood"
	@echo "make net-soak  ten million packets while domains come and go; net-soak-short"
	@echo "make clang     the kernel by $(CLANG)"
	@echo "make loc       lines of ring 0 against their budget"
	@echo "make format    lay out the C as .clang-format says"
	@echo "make docs      generate docs/hypercalls.md"
	@echo "make clean     remove $(B), but for the fetched kernels"

# ---- the log at length, its two verifiers, its page (tests/audit) ------------
.PHONY: audit-test
$(B)/audit_flood: $(B)/host/tests/audit/flood.o $(B)/host/rf/logreader.o \
		$(B)/host/rf/auditkey.o $(B)/host/rf/sha256.o $(B)/host/rf/util.o \
		$(B)/host/libshared.a
	@echo "  LD  $@"
	@$(CC) $(RF_LINK) -o $@ $^ -lcrypto

audit-test: all $(B)/audit_flood
	@tests/audit/run

# ---- how long ring 0 keeps others waiting (tests/bounds) ---------------------
$(B)/bounds/bounds.so: tests/bounds/bounds.c tests/bounds/qemu_plugin.h
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $<

# The walker looks at the machine's memory from outside, by the same interface.
WALKER := tests/walker/walker.c tests/walker/memory.c
$(B)/walker/walker.so: $(WALKER) $(wildcard tests/walker/*.h core/*.h x86/*.h)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $(WALKER)

bounds: all guests $(B)/bounds/bounds.so
	@tests/bounds/run

bounds-short: all guests $(B)/bounds/bounds.so
	@tests/bounds/run --short

# ---- what each way through ring 0 costs (tests/paths) ------------------------
.PHONY: paths
$(B)/paths/paths.so: tests/paths/paths.c tests/bounds/qemu_plugin.h
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $<

$(B)/paths/load: tests/paths/load.c
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -std=gnu11 -O2 $(WARN) -static -o $@ $<

# PROFILE=1: all paths of each operation, with their functions
paths: all $(GUESTS)/vmlinuz-amd64 $(B)/rf $(B)/paths/paths.so $(B)/paths/load
	@tests/paths/run $(if $(PROFILE),--profile)

# Proofs of units of the kernel; U=NAME for one. See proofs/README.md.
.PHONY: prove prove-weaken
prove: prove-tools
	@proofs/run $(U)

# Checks taken away one at a time: a proof must notice. U=NAME for one of them.
prove-weaken: prove-tools
	@proofs/weaken $(U)

# Why3 looks for the provers once.
.PHONY: prove-tools
prove-tools:
	@for tool in frama-c why3 cvc4 z3; do \
		command -v $$tool >/dev/null || exec rf/install-deps test; \
	done
	@[ -r $(HOME)/.why3.conf ] || why3 config detect >/dev/null 2>&1

# ---- the benchmark (tests/bench) ---------------------------------------------
.PHONY: bench bench-docs bench-paths bench-check bench-accept bench-profile bench-memory bench-shares
$(B)/bench/layers.so: tests/bench/layers.c tests/bounds/qemu_plugin.h \
		guests/bench/bench.h
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) -I. -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $<

BENCH_NEEDS := $(B)/bench/layers.so $(GUESTS)/bench.cpio.gz \
	$(GUESTS)/vmlinuz-amd64 $(GUESTS)/paths.elf $(B)/rf

# BENCH=full for all rows, measured twice; BASE=rev to compare with a revision;
# FRESH=1 measures native and Xen again; DOCS=1 for docs/performance.md
bench: all $(BENCH_NEEDS) $(GUESTS)/xen-4.17-amd64
	@tests/bench/run $(if $(filter full,$(BENCH)),--full) \
		$(if $(FRESH),--fresh) $(if $(BASE),--base $(BASE)) \
		$(if $(DOCS),--docs)

# Single paths through ring 0
bench-paths: all $(BENCH_NEEDS)
	@tests/bench/run --paths $(if $(DOCS),--docs)

# Ringfence alone, against the budgets of tests/bench/figures.tsv
bench-check: all $(BENCH_NEEDS)
	@tests/bench/run --check

bench-accept: all $(BENCH_NEEDS)
	@tests/bench/run --accept

# What a tenant, a vCPU and a GiB cost the host in memory, against limits
bench-memory: all $(B)/rf $(GUESTS)/gauge.elf
	@tests/bench/memory $(if $(DOCS),--docs) $(B)

# How the scheduler shares a CPU out; CASE="weights scale"
bench-shares: all $(B)/rf $(GUESTS)/gauge.elf $(GUESTS)/bench.cpio.gz \
		$(GUESTS)/vmlinuz-cloud-amd64
	@tests/bench/shares $(if $(DOCS),--docs) $(CASE)

# All of docs/performance.md, and the budgets: half an hour
bench-docs:
	@$(MAKE) --no-print-directory bench BENCH=full DOCS=1
	@$(MAKE) --no-print-directory bench-paths DOCS=1
	@$(MAKE) --no-print-directory bench-memory DOCS=1
	@$(MAKE) --no-print-directory bench-shares DOCS=1
	@$(MAKE) --no-print-directory bench-accept

# ROW=null, ROW=path.exception: in which functions, of SYSTEM=ringfence|native|xen; LINES=1: by line
bench-profile: all $(BENCH_NEEDS)
	@tests/bench/run --profile $(or $(ROW),null) \
		--system $(or $(SYSTEM),ringfence) $(if $(LINES),--lines)

# ---- the network under load (tests/bench/network, tests/net) -----------------
.PHONY: bench-network net-soak net-soak-short
NETWORK_NEEDS := $(B)/bench/layers.so $(GUESTS)/netload.cpio.gz \
	$(GUESTS)/pump.elf $(GUESTS)/vmlinuz-amd64 $(B)/rf

# Between tenants, beside Xen's driver domain and beside a flood; CASE=speed
bench-network: all guests $(NETWORK_NEEDS) $(GUESTS)/xen-4.17-amd64 \
		$(GUESTS)/xenhost.cpio.gz
	@tests/bench/network $(if $(DOCS),--docs) $(CASE)

# Ten million packets, domains coming and going: nothing may leak
net-soak: all guests $(B)/unit-gcc/flowsoak_test
	@PACKETS=10000000 $(B)/unit-gcc/flowsoak_test
	@tests/net/soak $(if $(DOCS),--docs) 10000000

net-soak-short: all guests
	@tests/net/soak 1000000
