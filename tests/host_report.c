/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the machine of host_arch.h puts what leaves it: consoles, log lines,
 * audit records; and its clock on the wall.
 */
#include <string.h>

#include "audit/sha256.h"
#include "core/arch.h"
#include "tests/host_arch.h"

void arch_log(const char *fmt, ...)
{
    (void)fmt;
    host.log_lines++;
}

u32 arch_console_write(u32 d, const u8 *bytes, u32 count, bool waits)
{
    const u32 taken = !waits && host.line_full && count > host.line_room
                          ? host.line_room
                          : count;

    host.line_room -= !waits && host.line_full ? taken : 0;
    if (d >= HOST_DOMAINS && waits) {
        host_fail("console of a domain that is not there");
    }
    if (d >= HOST_DOMAINS) {
        return taken; /* who serves the line may name any channel */
    }
    struct host_console *c = &host.console[d];
    for (u32 i = 0; i < taken; i++) {
        if (c->count < HOST_CONSOLE_BYTES) {
            c->bytes[c->count] = bytes[i];
        }
        c->count++;
    }
    return taken;
}

u32 arch_console_read(u8 *bytes, u32 room)
{
    u32 count = 0;

    while (host.typed != NULL && *host.typed != 0 && count < room) {
        bytes[count++] = (u8)*host.typed++;
    }
    return count;
}

u64 arch_wall_ns(void)
{
    return 1700000000000000000ull + host.now;
}

u64 arch_guest_rip(void)
{
    return 0x1000;
}

u64 arch_random(void)
{
    return 0x0123456789abcdefull;
}

void arch_build_digest(u8 digest[32])
{
    memset(digest, 0xbd, 32);
}

u8 host_audit[HOST_AUDIT_BYTES];

bool arch_tpm_extend(const u8 seal[32])
{
    u8 both[64];
    if (!host.has_tpm) {
        return true;
    }
    host.tpm_steps++;
    if (host.tpm_steps % 5 != 0) {
        return false;
    }
    memcpy(both, host.pcr, 32);
    memcpy(both + 32, seal, 32);
    struct sha256 s;
    sha256_init(&s);
    sha256_update(&s, both, sizeof(both));
    sha256_final(&s, host.pcr);
    return true;
}

u32 arch_tpm_pcr(void)
{
    return host.has_tpm ? 15 : 0;
}

u32 arch_audit_send(const u8 *bytes, u32 count)
{
    u32 taken = count;
    if (host.audit_stuck) {
        return 0;
    }
    if (host.audit_at_most != 0 && taken > host.audit_at_most) {
        taken = host.audit_at_most;
    }
    for (u32 i = 0; i < taken; i++, host.audit_bytes++) {
        if (host.audit_bytes < HOST_AUDIT_BYTES) {
            host_audit[host.audit_bytes] = bytes[i];
        }
    }
    return taken;
}
