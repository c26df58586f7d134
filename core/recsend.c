/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How records leave; see recsend.h.
 *
 * They go to a serial port of their own, by whichever CPU looks (record_drain),
 * one CPU at a time. It is here that they are chained and sealed, a few steps
 * a turn, and that a seal's tree head goes to the console. On a host whose
 * manifest asks for no audit port they are taken off the ring as if sent, and
 * only the heads are shown.
 */
#include "core/recsend.h"

#include "audit/collect.h"
#include "audit/seal.h"
#include "core/arch.h"
#include "core/atomic.h"
#include "core/record.h"

#define PANIC_PATIENCE_NS 100000000ull
#define FLUSH_PATIENCE_NS 30000000000ull /* all slots take 23 s */
#define SEAL_STEPS 4u

struct lock record_lock;
struct audit_log record_log = { .seal_at = NS_NEVER, .look_at = NS_NEVER };

static u32 waiting;  /* [a] 1: something is to be sent */
static u32 sending;  /* [a] a CPU is at it */
static u32 exported; /* [a] 1: there is a port for records */

/* By the sending CPU alone: the record that is going out. */
static struct audit_record out;
static u32 out_at, out_bytes;
static enum { TO_HASH, TO_SHOW, TO_SEND } out_next;
static bool in_panic; /* no interrupts, no lock of the console */
static struct audit_seal seal;

void record_send_begin(const u8 key[32], const u8 boot_id[16], bool has_port)
{
    audit_seal_init(&seal, key, boot_id);
    atomic_store32(&exported, has_port ? 1 : 0);
}

struct audit_now record_now(void)
{
    const struct audit_now now = { arch_now(), arch_wall_ns(),
                                   (u16)arch_cpu() };
    return now;
}

void record_let_go(void)
{
    lock_drop(&record_lock);
    atomic_store32(&waiting, 1);
}

void record_port_wait(ns_t until)
{
    if (arch_now() > until && atomic_swap32(&exported, 0) != 0) {
        arch_log("audit: the port takes no records: given up\n");
    }
    arch_relax();
}

static u64 word_of(const u8 *bytes)
{
    u64 value = 0;

    for (u32 i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

u64 record_head_word(u32 word)
{
    return word_of(seal.head + (word % 4) * 8);
}

bool record_waiting(void)
{
    return atomic_load32(&waiting) != 0;
}

/* The next record to send is in out; false: there is none. */
static bool load_next(void)
{
    if (out_at < out_bytes) {
        return true;
    }
    lock_take(&record_lock);
    if (out_bytes != 0) {
        audit_ready(&record_log, &out);
    }
    const u32 count = audit_drain(&record_log, &out, 1);

    lock_drop(&record_lock);
    out_at = 0;
    out_bytes = count == 0 ? 0 : out.bytes;
    out_next = TO_HASH;
    return count != 0;
}

/* True: the record has its place in the chain, and a seal is in the TPM, if
 * there is one, and on the console. A few steps with interrupts between them;
 * in a panic all, without, and nothing is shown. */
static bool seal_some(void)
{
    for (u32 i = 0; out_next == TO_HASH && (i < SEAL_STEPS || in_panic); i++) {
        if (audit_seal_step(&seal, &out)) {
            out_next = out.event == AUDIT_SEAL && !in_panic ? TO_SHOW : TO_SEND;
        }
        if (!in_panic) {
            arch_interrupts();
        }
    }
    if (out_next == TO_SHOW && arch_tpm_extend(seal.root)) {
        arch_log("audit: seal %lu, %lu records, tree head %016lx%016lx\n",
                 out.arg[0], out.seq, word_of(seal.root),
                 word_of(seal.root + 8));
        out_next = TO_SEND;
    }
    return out_next == TO_SEND;
}

/* Send while the port takes bytes; max: records, or a few steps of what one of
 * them needs to be sealed. True: nothing is left. */
static bool send_some(u32 max)
{
    for (u32 turns = 0; turns < max; turns++) {
        if (!load_next()) {
            return true;
        }
        if (!seal_some()) {
            continue;
        }
        while (out_at < out_bytes && atomic_load32(&exported) != 0) {
            const u8 *bytes = (const u8 *)&out;
            const u32 sent =
                arch_audit_send(bytes + out_at, out_bytes - out_at);

            if (sent == 0) {
                return false;
            }
            out_at += sent;
        }
        out_at = out_bytes;
    }
    return false;
}

bool record_drain(u32 max)
{
    if (atomic_swap32(&sending, 1) != 0) {
        return false;
    }
    atomic_store32(&waiting, 0);
    const bool empty = send_some(max);

    if (!empty) {
        atomic_store32(&waiting, 1);
    }
    atomic_store32(&sending, 0);
    return empty;
}

/* One turn of waiting for what another CPU may have stopped with. */
static bool has_patience(ns_t until)
{
    arch_relax();
    return arch_now() <= until;
}

bool record_seize(void)
{
    const ns_t until = arch_now() + PANIC_PATIENCE_NS;

    while (atomic_swap32(&sending, 1) != 0) {
        if (!has_patience(until)) {
            return false;
        }
    }
    while (!lock_try(&record_lock)) {
        if (!has_patience(until)) {
            return false;
        }
    }
    in_panic = true;
    out_next = out_next == TO_SHOW ? TO_SEND : out_next;
    return true;
}

bool record_send_rest(void)
{
    const ns_t until = arch_now() + FLUSH_PATIENCE_NS;

    while (!send_some(1)) {
        if (!has_patience(until)) {
            return false;
        }
    }
    return true;
}

void record_flush(void)
{
    const ns_t until = arch_now() + FLUSH_PATIENCE_NS;

    while (!record_drain(64)) {
        record_port_wait(until);
    }
    arch_log("audit: %lu records, chain head %016lx%016lx%016lx%016lx\n",
             record_log.next, record_head_word(0), record_head_word(1),
             record_head_word(2), record_head_word(3));
}
