# SPDX-License-Identifier: Apache-2.0
# The host tool. It shares audit/ and policy/ with the kernel: the same files,
# compiled for the host, so that both sides read and write one format.

# The packet filter of the router: rf checks, explains and compares by it.
PF_ROUTER_C := $(addprefix guests/router/,blobcheck.c fragment.c packet.c \
	pairs.c pickup.c slow.c state.c tables.c tcp.c text.c transport.c verdict.c)
# What reads tenant files and rules, for the tests and the fuzz targets.
PF_RF_C := $(addprefix rf/,diag.c json.c keys.c lex.c near.c parse.c pfblob.c \
	pfhost.c pflex.c pflines.c pfparse.c pfport.c pfprint.c pfset.c question.c \
	services.c shadow.c util.c values.c vif.c)
RF_C := $(sort $(wildcard rf/*.c))
RF_SHARED_C := $(sort $(wildcard audit/*.c policy/*.c) $(PF_ROUTER_C))
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
