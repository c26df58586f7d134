# SPDX-License-Identifier: Apache-2.0
# The fuzz targets of fuzz/targets.def, three ways:
#
#   lib   libFuzzer with ASan and UBSan       (clang)
#   afl   AFL++, persistent, ASan and UBSan   (afl-clang-fast)
#   cov   a replayer with source coverage     (clang)
#
# The code that ships is instrumented; the machine underneath, the targets and
# the oracles are not. Variables of the code that ships are renamed into
# sections of their own, so that a run can begin with all of them as they were.

.PHONY: fuzz fuzz-repro fuzz-cov fuzz-smoke fuzz-contract fuzz-defects \
	fuzz-build fuzz-minimise fuzz-model fuzz-model-smoke

# `TARGET(name, family, ...`, split at what is not a name: name:family.
FUZZ_MAP := $(shell awk -F'[^a-z_0-9]+' '/^TARGET/ { print $$2 ":" $$3 }' \
	fuzz/targets.def)
FUZZ_TARGETS := $(foreach t,$(FUZZ_MAP),$(firstword $(subst :, ,$(t))))
fuzz_family = $(patsubst $(1):%,%,$(filter $(1):%,$(FUZZ_MAP)))
# Those of a family; family cpus is built by fuzz/schedules/schedules.mk.
fuzz_of = $(patsubst %:$(1),%,$(filter %:$(1),$(FUZZ_MAP)))
FUZZ_CC ?= $(CLANG)
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
# Or variables would lie in sections of their own; AFL++'s clang does not yet.
FUZZ_GLOBALS := -fno-sanitize-address-globals-dead-stripping
# Edges say what is new. To be told of each comparison's operands, too, takes up
# to half of the time, and our inputs are records or changes of a specimen: no
# mutation has to guess a magic number.
FUZZ_EDGES := -fno-sanitize-coverage=trace-cmp
FUZZ_BASE := -I. -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer

# Of rf: what reads. Its verbs and its main are not fuzzed.
FUZZ_RF := diag elfload elfnote features json kernel keys lex near parse progress \
	unpack util values
FUZZ_SHIP := $(sort $(UNIT_SHIP) $(PF_RF_C) $(FUZZ_RF:%=rf/%.c))
# The log's port, the machine, the table of calls; not the simulated CPUs,
# which are of the unit tests.
FUZZ_HOST := $(filter-out tests/host_sim.c,$(UNIT_HOST))
FUZZ_ENGINE := $(filter-out fuzz/t_%.c fuzz/entry.c fuzz/replay.c \
	fuzz/mutate.c fuzz/machine.c,$(wildcard fuzz/*.c))
# Files of x86/ that run on the processor of fuzz/machine: of family cpu.
FUZZ_CPU := trap fault bounce iret emul ptwrite seg pvcpu msr cpuid vcpustate
FUZZ_SEQ_FAMILIES := calls auditor
# It has no branch that depends on data, and would take most of the time.
FUZZ_QUICK := audit/sha256.c

# $(1) folder, $(2) compiler, $(3) flags for what ships, $(4) linking compiler
# and its flags, $(5) the engine
define fuzz_rules
$(B)/fuzz-$(1)/ship/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) $(FUZZ_BASE) $(if $(filter cov,$(1)),$(3),$$(if $$(filter \
		$(FUZZ_QUICK),$$<),,$(3))) -MMD -MP -c $$< -o $$@
	@objcopy --rename-section .data=rf_data --rename-section .bss=rf_bss $$@

$(B)/fuzz-$(1)/plain/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) $(FUZZ_BASE) $(if $(filter lib cov,$(1)),$(WARN),-w) -MMD -MP -c $$< -o $$@

$(B)/fuzz-$(1)/cpu/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) -Ifuzz/machine $(FUZZ_BASE) $(3) -MMD -MP -c $$< -o $$@
	@objcopy --rename-section .data=rf_data --rename-section .bss=rf_bss $$@
$(B)/fuzz-$(1)/cpup/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) -Ifuzz/machine $(FUZZ_BASE) $(if $(filter lib cov,$(1)),$(WARN),-w) -MMD -MP -c $$< -o $$@

$(FUZZ_TARGETS:%=$(B)/fuzz-$(1)/entry/%.o): $(B)/fuzz-$(1)/entry/%.o: \
		fuzz/entry.c
	@mkdir -p $$(@D)
	@$(2) $(FUZZ_BASE) $(if $(filter lib cov,$(1)),$(WARN),-w) -DFUZZ_TARGET=target_$$* -MMD -MP -c $$< -o $$@

$(B)/fuzz-$(1)/libship.a: $(FUZZ_SHIP:%.c=$(B)/fuzz-$(1)/ship/%.o)
	@rm -f $$@ && ar rcs $$@ $$^
$(B)/fuzz-$(1)/libhost.a: $(FUZZ_HOST:%.c=$(B)/fuzz-$(1)/plain/%.o) \
		$(FUZZ_ENGINE:%.c=$(B)/fuzz-$(1)/plain/%.o)
	@rm -f $$@ && ar rcs $$@ $$^

$(foreach t,$(filter-out $(call fuzz_of,cpus),$(FUZZ_TARGETS)),$(call fuzz_target,$(1),$(2),$(3),$(4),$(5),$(t),$(call fuzz_family,$(t))))
endef

# The same, $(6) target, $(7) family
define fuzz_target
$(B)/fuzz-$(1)/$(6): $(B)/fuzz-$(1)/entry/$(6).o \
		$(if $(filter cpu,$(7)), \
		$(FUZZ_CPU:%=$(B)/fuzz-$(1)/cpu/x86/%.o) \
		$(B)/fuzz-$(1)/cpup/fuzz/machine.o \
		$(B)/fuzz-$(1)/cpup/fuzz/t_cpu.o, \
		$(B)/fuzz-$(1)/plain/fuzz/t_$(7).o) \
		$(if $(filter lib,$(1)),$(if $(filter $(7),$(FUZZ_SEQ_FAMILIES)), \
		$(B)/fuzz-$(1)/plain/fuzz/mutate.o)) \
		$(if $(filter cov mut,$(1)),$(B)/fuzz-$(1)/plain/fuzz/replay.o) \
		$(B)/fuzz-$(1)/libhost.a $(B)/fuzz-$(1)/libship.a
	@echo "  LD  $$@"
	@$(4) -o $$@ $$(filter %.o,$$^) -Wl,--start-group \
		$(B)/fuzz-$(1)/libhost.a $(B)/fuzz-$(1)/libship.a \
		-Wl,--end-group $(if $(filter rf,$(7)),$(RF_LIBS)) $(5)

endef

$(eval $(call fuzz_rules,lib,$(FUZZ_CC),$(FUZZ_SAN) $(FUZZ_GLOBALS) \
	-fsanitize=fuzzer-no-link $(FUZZ_EDGES),$(FUZZ_CC) \
	$(FUZZ_SAN),-fsanitize=fuzzer))
$(eval $(call fuzz_rules,afl,afl-clang-fast,$(FUZZ_SAN),afl-clang-fast \
	$(FUZZ_SAN),-fsanitize=fuzzer))
$(eval $(call fuzz_rules,cov,$(FUZZ_CC),-fprofile-instr-generate \
	-fcoverage-mapping,$(FUZZ_CC) -fprofile-instr-generate,))
# For mutants: stored inputs only, without instruments.
$(eval $(call fuzz_rules,mut,$(FUZZ_CC),-O1,$(FUZZ_CC),))
# By fuzz/build.sh, with what OSS-Fuzz and ClusterFuzzLite say.
$(eval $(call fuzz_rules,oss,$(OSS_CC),$(OSS_CFLAGS) \
	$(FUZZ_GLOBALS),$(OSS_CXX) \
	$(OSS_CXXFLAGS),$(OSS_ENGINE)))
.PRECIOUS: $(B)/fuzz-%.o

fuzz-build: $(FUZZ_TARGETS:%=$(B)/fuzz-lib/%)
fuzz-build-oss: $(FUZZ_TARGETS:%=$(B)/fuzz-oss/%)

fuzz-build-mut: $(foreach t,$(FUZZ_TARGETS),$(if $(filter \
	$(FUZZ_SEQ_FAMILIES) life,$(call fuzz_family,$(t))),$(B)/fuzz-mut/$(t)))
fuzz-build-cov: $(FUZZ_TARGETS:%=$(B)/fuzz-cov/%)

# make fuzz T=grants,events SECS=600 ENGINE=afl JOBS=2
fuzz:
	@B=$(B) fuzz/run $(if $(T),-t $(T)) -s $(or $(SECS),60) \
		-e $(or $(ENGINE),lib) -j $(or $(JOBS),2)

# make fuzz-repro FILE=build/fuzz/crashes/grants/crash-...
fuzz-repro:
	@B=$(B) fuzz/run --repro $(or $(FILE),$(error FILE=... is missing)) \
		$(if $(T),-t $(T))

fuzz-smoke:
	@B=$(B) fuzz/smoke $(if $(T),-t $(T)) $(if $(SECS),-s $(SECS))

# make fuzz-model T=grants INPUTS=20000 SEED=7
fuzz-model:
	@B=$(B) fuzz/modelrun $(if $(T),-t $(T)) -n $(or $(INPUTS),1000) \
		$(if $(SEED),--seed $(SEED))

# A part of the corpora and some new inputs, for make test.
fuzz-model-smoke:
	@B=$(B) fuzz/modelrun -n 40 -c 40

fuzz-cov:
	@B=$(B) fuzz/cov

fuzz-minimise:
	@B=$(B) fuzz/run --minimise $(if $(T),-t $(T))

fuzz-contract:
	@B=$(B) fuzz/contract

fuzz-defects:
	@B=$(B) fuzz/defects/run
