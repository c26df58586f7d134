/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firewall's rule set: bytes that the hypervisor holds and does not read.
 *
 * There are two halves. One is in force; the other is written, part after part
 * in order, and hashed as it grows. A commit finishes the digest, puts it into
 * force as the next generation, and raises VIRQ_RULES: all of a set or nothing
 * of it. Who enforces it reads it from here, so who loads it cannot show it one
 * set and have another recorded.
 *
 * Locks: none. A writer or committer owns the staging half by `busy`, and who
 * finds it taken is turned away. A reader may be overtaken by a commit and then
 * a writer: the generation tells it.
 */
#include "audit/sha256.h"
#include "core/abi.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/domain.h"

#define RULES_BYTES 65536u /* most that a rule set may have */
#define HASH_BYTES 512u    /* between two looks at interrupts */

static u8 half[2][RULES_BYTES]; /* generation g is in half[g % 2] */
static u64 generation;          /* [a] of the rules in force; 0: none */
static u32 total[2];            /* [a] bytes in each */
static u32 busy;                /* [a] 1: somebody has the staging half */
static struct sha256 hash;      /* of what is in it: its owner's */

/* The staging half is the caller's. */
static enum rc write_part(const struct arg_rules_write *a)
{
    u8 *const staging = half[(generation + 1) % 2];
    u32 *const written = &total[(generation + 1) % 2];

    if (a->offset == 0) {
        atomic_store32(written, 0);
        sha256_init(&hash);
    }
    if (a->offset != *written || a->bytes > RULES_BYTES - a->offset) {
        return RC_EINVAL;
    }
    if (!arch_fetch(staging + a->offset, gva(a->buffer), a->bytes)) {
        return RC_EFAULT;
    }
    while (*written < a->offset + a->bytes) {
        const u32 left = a->offset + a->bytes - *written;
        const u32 now = left < HASH_BYTES ? left : HASH_BYTES;

        sha256_update(&hash, staging + *written, now);
        atomic_store32(written, *written + now);
        arch_interrupts();
    }
    return RC_OK;
}

s64 hc_rules_write(struct hc_call *c, struct arg_rules_write *a)
{
    if (atomic_swap32(&busy, 1) != 0) {
        return RC_EBUSY;
    }
    const enum rc rc = write_part(a);

    c->v->budget = 0; /* a part's digest is most of what a call may take */
    atomic_store32(&busy, 0);
    return rc;
}

s64 hc_rules_commit(struct hc_call *c, struct arg_rules_commit *a)
{
    (void)c;
    if (atomic_swap32(&busy, 1) != 0) {
        return RC_EBUSY;
    }
    const u32 staging = (generation + 1) % 2;
    const bool whole = a->bytes != 0 && a->bytes == total[staging];

    if (whole) {
        sha256_final(&hash, a->digest);
        a->generation = generation + 1;
        atomic_store64(&generation, a->generation);
        atomic_store32(&total[1 - staging], 0); /* nothing is staged */
    }
    atomic_store32(&busy, 0);
    if (!whole) {
        return RC_EINVAL;
    }
    domain_tell(VIRQ_RULES);
    return RC_OK;
}

s64 hc_rules_read(struct hc_call *c, struct arg_rules_read *a)
{
    enum rc rc = RC_OK;

    (void)c;
    a->generation = atomic_load64(&generation);
    a->total = atomic_load32(&total[a->generation % 2]);
    if (a->offset > a->total || a->bytes > a->total - a->offset) {
        rc = RC_EINVAL;
    } else if (!arch_store(gva(a->buffer), half[a->generation % 2] + a->offset,
                           a->bytes)) {
        rc = RC_EFAULT;
    }
    return atomic_load64(&generation) == a->generation ? rc : RC_EAGAIN;
}

/* All of it is the record, which is written by now. */
s64 hc_net_report(struct hc_call *c, struct arg_net_report *a)
{
    (void)c;
    (void)a;
    return RC_OK;
}
