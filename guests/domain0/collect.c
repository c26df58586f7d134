/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector: see collect.h.
 */
#include "guests/domain0/collect.h"
#include "guests/domain0/jsonline.h"
#include "guests/lib/guest.h"

#define PART_BYTES 4096u

static struct audit_record kept[KEPT_RECORDS];
static u64 first, beyond;
static u64 shown, shown_end;

/* Whole records of one part; what is none ends it. */
static void keep(const u8 *part, u32 bytes)
{
    u32 at = 0;
    while (bytes - at >= AUDIT_HEADER_BYTES) {
        const struct audit_record *const r =
            (const struct audit_record *)(const void *)(part + at);
        if (r->bytes < AUDIT_HEADER_BYTES || r->bytes > sizeof(*r) ||
            r->bytes > bytes - at) {
            return;
        }
        if (r->seq != beyond) { /* the first of this life */
            first = r->seq;
        }
        beyond = r->seq + 1;
        first = beyond - first > KEPT_RECORDS ? beyond - KEPT_RECORDS : first;
        u8 *const to = (u8 *)&kept[r->seq % KEPT_RECORDS];
        for (u32 i = 0; i < r->bytes; i++) {
            to[i] = part[at + i];
        }
        at += r->bytes;
    }
}

void collect_work(void)
{
    static u8 part[PART_BYTES] __attribute__((aligned(16)));
    struct arg_audit_read a = { .bytes = 1 };
    while (a.bytes != 0) {
        a = (struct arg_audit_read){ .seq = beyond,
                                     .bytes = sizeof(part),
                                     .buffer = (u64)(uintptr_t)part };
        if (call_audit_read(0, &a) != 0 || a.bytes == 0) {
            return;
        }
        keep(part, a.bytes);
        struct arg_audit_ack ack = { .seq = beyond };
        (void)call_audit_ack(0, &ack);
    }
}

void collect_show(void)
{
    shown = first;
    shown_end = beyond;
}

bool collect_put(void)
{
    static const char *const keys[] = {
        "a", "b", "c", "d", "e", "f", "g", "h"
    };
    _Static_assert(sizeof(struct audit_record) == ARRAY_COUNT(keys) * 32, "");
    for (; shown < shown_end && json_has_room(); shown++) {
        const u8 *const r = (const u8 *)&kept[shown % KEPT_RECORDS];
        if (shown >= first) { /* it is still kept */
            json_begin();
            json_number("seq", shown);
            for (u32 i = 0; i < ARRAY_COUNT(keys); i++) {
                json_digest(keys[i], r + (u64)i * 32);
            }
            json_end();
        }
    }
    return shown >= shown_end && json_has_room();
}
