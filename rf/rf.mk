# SPDX-License-Identifier: Apache-2.0
# The host tool. It shares audit/ and policy/ with the kernel: the same files,
# compiled for the host, so that both sides read and write one format.

RF_C := $(sort $(wildcard rf/*.c))
RF_SHARED_C := $(sort $(wildcard audit/*.c policy/*.c))
RF_O := $(RF_C:%.c=$(B)/host/%.o)
RF_SHARED_O := $(RF_SHARED_C:%.c=$(B)/host/%.o)
RF_FLAGS := -I. -O2 -g -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
	-ffile-prefix-map=$(CURDIR)=.
RF_LINK := -pie -Wl,-z,relro,-z,now
RF_LIBS := -lelf -llzma -lzstd -llz4 -lz -lbz2 -lcrypto

all: $(B)/rf

$(B)/host/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC  $< (host)"
	@$(CC) $(RF_FLAGS) $(WARN) -MMD -MP -c $< -o $@

# An archive: what rf does not call is not linked.
$(B)/host/libshared.a: $(RF_SHARED_O)
	@rm -f $@
	@ar rcs $@ $^

$(B)/rf: $(RF_O) $(B)/host/libshared.a
	@echo "  LD  $@"
	@$(CC) $(RF_LINK) -o $@ $^ $(RF_LIBS)
$(B)/host/rf/audithtml.o: rf/audit.html
