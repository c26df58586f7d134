# SPDX-License-Identifier: Apache-2.0
# Two or three CPUs in one thread, and in real ones: fuzz/schedules/README.md.
# What ships is compiled with -fsanitize=thread, whose calls fuzz/schedules
# answers itself (explore), or leaves to the sanitizer (threads).

.PHONY: fuzz-schedules fuzz-schedules-smoke fuzz-tsan

SCH := $(B)/fuzz-schedules
SCH_SHIP := $(sort $(wildcard core/*.c policy/*.c audit/*.c)) x86/smp.c \
	x86/exit.c fuzz/schedules/switch.c
SCH_HOST := $(filter-out tests/host_sim.c,$(UNIT_HOST)) fuzz/world.c \
	fuzz/state.c fuzz/recount.c fuzz/vars.c
SCH_CPUS := $(addprefix fuzz/schedules/,begin.c calls.c check.c locks.c ops.c opsmem.c processors.c tlb.c)
SCH_BASE := -Ifuzz/schedules/machine $(FUZZ_BASE)
SCH_WRAP := $(foreach f,lock_take lock_drop lock_take_two lock_drop_two \
	lock_try auditor_idle domain_work arch_fetch arch_store,-Wl,--wrap=$(f))

$(SCH)/ship/%.o: %.c
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(SCH_BASE) -fsanitize=thread -MMD -MP -c $< -o $@
	@objcopy --rename-section .data=rf_data --rename-section .bss=rf_bss $@
$(SCH)/plain/%.o: %.c
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(SCH_BASE) $(WARN) -MMD -MP -c $< -o $@
# Of the machine of the tests, what the processors have themselves gives way.
$(SCH)/weak/%.o: $(SCH)/plain/%.o
	@mkdir -p $(@D)
	@objcopy --weaken $< $@
.PRECIOUS: $(SCH)/ship/%.o $(SCH)/plain/%.o $(SCH)/weak/%.o

$(SCH)/explore: $(SCH_SHIP:%.c=$(SCH)/ship/%.o) $(SCH_HOST:%.c=$(SCH)/weak/%.o) \
		$(SCH_CPUS:%.c=$(SCH)/plain/%.o) $(addprefix \
		$(SCH)/plain/fuzz/schedules/,coroutines.o explore.o hooks.o race.o)
	@echo "  LD  $@"
	@$(FUZZ_CC) -o $@ $^ $(SCH_WRAP)

$(SCH)/threads: $(SCH_SHIP:%.c=$(SCH)/ship/%.o) $(SCH_HOST:%.c=$(SCH)/weak/%.o) \
		$(patsubst %.c,$(SCH)/plain/%.o,$(filter-out %/tlb.c,$(SCH_CPUS)) \
		fuzz/schedules/threads.c)
	@echo "  LD  $@"
	@$(FUZZ_CC) -fsanitize=thread -o $@ $^ $(SCH_WRAP)

# The target of fuzz/targets.def, for the same four engines as the others. $(1)
# folder, $(2) compiler, $(3) flags for what ships, $(4) linking compiler and its
# flags, $(5) the engine. The address sanitizer does not go with the thread
# sanitizer's calls, and coverage is counted as if by one thread.
define sch_target
$(B)/fuzz-$(1)/cpus/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) $(SCH_BASE) $(3) -fno-sanitize=address -fsanitize=thread \
		-fprofile-update=single -MMD -MP -c $$< -o $$@
	@objcopy --rename-section .data=rf_data --rename-section .bss=rf_bss $$@
$(B)/fuzz-$(1)/schedules: $(B)/fuzz-$(1)/entry/schedules.o \
		$(SCH_SHIP:%.c=$(B)/fuzz-$(1)/cpus/%.o) \
		$(SCH_HOST:%.c=$(SCH)/weak/%.o) $(SCH_CPUS:%.c=$(SCH)/plain/%.o) \
		$(addprefix $(SCH)/plain/fuzz/schedules/,coroutines.o hooks.o \
		race.o t_cpus.o) \
		$(if $(filter cov,$(1)),$(B)/fuzz-$(1)/plain/fuzz/replay.o)
	@echo "  LD  $$@"
	@$(4) -o $$@ $$^ $(SCH_WRAP) $(5)
endef
$(eval $(call sch_target,lib,$(FUZZ_CC),$(FUZZ_SAN) $(FUZZ_GLOBALS) \
	-fsanitize=fuzzer-no-link,$(FUZZ_CC) $(FUZZ_SAN),-fsanitize=fuzzer))
$(eval $(call sch_target,afl,afl-clang-fast,$(FUZZ_SAN),afl-clang-fast \
	$(FUZZ_SAN),-fsanitize=fuzzer))
$(eval $(call sch_target,cov,$(FUZZ_CC),-fprofile-instr-generate \
	-fcoverage-mapping,$(FUZZ_CC) -fprofile-instr-generate,))
$(eval $(call sch_target,oss,$(OSS_CC),$(OSS_CFLAGS) $(FUZZ_GLOBALS), \
	$(OSS_CXX) $(OSS_CXXFLAGS),$(OSS_ENGINE)))
$(SCH)/plain/fuzz/schedules/race.o: fuzz/schedules/races.supp

# make fuzz-schedules N=2 PAIR=send-poll
fuzz-schedules: $(SCH)/explore
	@$(SCH)/explore $(if $(N),-n $(N)) $(PAIR)

# For make test: two preemptions where that is soon done, one elsewhere.
fuzz-schedules-smoke: $(SCH)/explore
	@$(SCH)/explore -n 2 -r 5000

# make fuzz-tsan SECS=60 SEED=7
fuzz-tsan: $(SCH)/threads
	@TSAN_OPTIONS=suppressions=fuzz/schedules/races.supp \
		$(SCH)/threads $(or $(SECS),10) $(SEED) && \
		echo "1 passed, 0 failed" || { echo "0 passed, 1 failed"; exit 1; }
