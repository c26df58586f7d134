/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rf tells Domain0: see blob.h. It was hashed with the module, so what is
 * checked here is only that the lengths agree.
 */
#include "guests/domain0/blob.h"

#define HEADER_BYTES (u32)sizeof(struct services_header)

static const struct services_domain *records;
static u32 record_count, rules_bytes;
static const u8 *rules;

static u32 word(const u8 *at)
{
    return (u32)at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24;
}

bool blob_open(const u8 *at, u64 bytes)
{
    static const char magic[] = SERVICES_MAGIC;
    records = NULL;
    rules = NULL;
    record_count = 0;
    rules_bytes = 0;
    if (at == NULL || bytes < HEADER_BYTES ||
        word(at + 8) != SERVICES_VERSION) {
        return false;
    }
    for (u32 i = 0; i < 8; i++) {
        if (at[i] != (u8)magic[i]) {
            return false;
        }
    }
    const u32 count = word(at + 12);
    const u64 end = HEADER_BYTES + (u64)count * sizeof(struct services_domain);
    if (end > bytes) {
        return false;
    }
    records = (const void *)(at + HEADER_BYTES);
    record_count = count;
    if (end + 8 <= bytes && word(at + end) <= bytes - end - 8) {
        rules_bytes = word(at + end);
        rules = at + end + 8;
    }
    return true;
}

const struct services_domain *blob_domain(u32 domid)
{
    for (u32 i = 0; i < record_count; i++) {
        if (records[i].domid == domid && records[i].vifs <= SERVICES_VIFS) {
            return &records[i];
        }
    }
    return NULL;
}

const u8 *blob_rules(u32 *bytes)
{
    *bytes = rules_bytes;
    return rules;
}
