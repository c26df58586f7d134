# SPDX-License-Identifier: Apache-2.0
# The packet filter against libpcap and nftables, and how long it takes.
#
#   make filter-diff     20 seconds; FULL=1: 10^7 pairs; SEED=N
#   make filter-nft      in a network namespace; ROUNDS=N SEED=N
#   make filter-bench    nanoseconds a packet, by number of rules

.PHONY: filter-diff filter-nft filter-bench

FILTER_C := $(PF_ROUTER_C) $(PF_RF_C) rf/policytext.c \
	$(sort $(wildcard policy/*.c audit/sha256.c))
FILTER_O := $(FILTER_C:%.c=$(B)/host/%.o)

$(B)/filter/%: tests/filter/%.c $(FILTER_O)
	@mkdir -p $(@D)
	@echo "  LD  $@"
	@$(CC) $(RF_FLAGS) $(WARN) -MMD -MF $@.d -o $@ $< $(FILTER_O) -lpcap \
		-lcmocka

filter-diff: $(B)/filter/differ
	@$< $(if $(FULL),--pairs 10000000,--seconds 20) \
		$(if $(SEED),--seed $(SEED))

filter-nft: $(B)/filter/emit $(B)/rf
	@B=$(B) tests/filter/nft $(or $(ROUNDS),10) $(or $(SEED),1)

filter-bench: $(B)/filter/bench
	@$<
