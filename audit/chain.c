/* SPDX-License-Identifier: Apache-2.0 */
/* The chain; see chain.h. */
#include "audit/chain.h"

#define FNV_START 0x811c9dc5u
#define FNV_PRIME 0x01000193u

static u32 fnv(u32 h, const u8 *bytes, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        h = (h ^ bytes[i]) * FNV_PRIME;
    }
    return h;
}

u32 audit_check_value(const struct audit_record *r)
{
    static const u8 none[4];
    const u8 *const bytes = (const u8 *)r;
    const u64 at = offsetof(struct audit_record, check);
    u32 h = fnv(FNV_START, bytes, at);

    h = fnv(h, none, sizeof(none));
    return fnv(h, bytes + at + 4, r->bytes - at - 4);
}

void audit_hash(const void *a, u32 a_bytes, const void *b, u32 b_bytes,
                const void *c, u32 c_bytes, u8 out[SHA256_BYTES])
{
    struct sha256 s;

    sha256_init(&s);
    sha256_update(&s, a, a_bytes);
    sha256_update(&s, b, b_bytes);
    sha256_update(&s, c, c_bytes);
    sha256_final(&s, out);
}

void audit_chain(const struct audit_record *r, const u8 prev[SHA256_BYTES],
                 u8 out[SHA256_BYTES])
{
    audit_hash("RFA1-rec", 8, prev, SHA256_BYTES, r, r->bytes, out);
}

#define EVENT(number, name, family, arg0, arg1, arg2, doc)                     \
    [number] = AUDIT_##family,
static const u8 families[AUDIT_EVENT_COUNT] = {
#include "audit/events.def"
};
#undef EVENT

enum audit_family audit_event_family(u32 event)
{
    return event < AUDIT_EVENT_COUNT ? (enum audit_family)families[event]
                                     : AUDIT_GUEST;
}
