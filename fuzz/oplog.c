/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of operations, a line each: what fuzz/README.md describes for the
 * model, and words for a person.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/arch.h"
#include "fuzz/seq.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

static const char *error_text(s64 rc)
{
    static const struct {
        s64 rc;
        const char *text;
    } texts[] = { { RC_EPERM, "EPERM" },   { RC_ENOENT, "ENOENT" },
                  { RC_ESRCH, "ESRCH" },   { RC_E2BIG, "E2BIG" },
                  { RC_EAGAIN, "EAGAIN" }, { RC_ENOMEM, "ENOMEM" },
                  { RC_EFAULT, "EFAULT" }, { RC_EBUSY, "EBUSY" },
                  { RC_EEXIST, "EEXIST" }, { RC_EINVAL, "EINVAL" },
                  { RC_ENOSPC, "ENOSPC" }, { RC_ENOSYS, "ENOSYS" },
                  { RC_PREEMPT, "cut" } };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (texts[i].rc == rc) {
            return texts[i].text;
        }
    }
    return "error";
}

/* Frames by domain and number, as a person thinks of them. */
static void say_frame(u64 m)
{
    for (u32 id = 1; id <= WORLD_DOMAINS; id++) {
        const struct domain *d = world_domain(id);

        if (frame_is_owned(d, mfn(m))) {
            fuzz_say("frame %" PRIu64 " of domain %u",
                     m - (d->first_chunk << CHUNK_FRAME_BITS), id);
            return;
        }
        if (m == d->shared_mfn.v) {
            fuzz_say("shared_info of domain %u", id);
            return;
        }
        if (m == d->grants.shared_mfn[0].v || m == d->grants.shared_mfn[1].v) {
            fuzz_say("a grant table page of domain %u", id);
            return;
        }
    }
    fuzz_say("frame 0x%" PRIx64, m);
}

static void say_value(const struct field *f, u64 v)
{
    switch ((enum kind)f->kind) {
    case KIND_MFN:
        say_frame(v);
        return;
    case KIND_MADDR:
        say_frame(v >> PAGE_BITS);
        fuzz_say(" entry %" PRIu64, (v & 0xff8) / 8);
        return;
    case KIND_PTE:
        if (pte_is_present(v)) {
            say_frame(pte_mfn(v).v);
            fuzz_say("%s%s", (v & PTE_WRITE) != 0 ? " writable" : "",
                     (v & PTE_LARGE) != 0 ? " large" : "");
        } else {
            fuzz_say("absent 0x%" PRIx64, v);
        }
        return;
    default:
        fuzz_say("0x%" PRIx64, v);
        return;
    }
}

static void say_element(const struct element *e)
{
    const struct row *r = &grammar[e->row];

    fuzz_say("\n       %s (%s):", r->name, r->doc);
    for (u32 i = 0; i < r->shape->count; i++) {
        const struct field *f = &r->shape->field[i];

        if (f->kind != KIND_OUT && f->kind != KIND_PAD) {
            fuzz_say(" %s=", f->name);
            say_value(f, e->value[i]);
        }
    }
}

/* ---- memory ---------------------------------------------------------------
 */

/* What the log has said of memory: the guests' buffer, and of domains 1 and 2
 * their frames, shared_info and the pages of their grant tables. */
#define EXTRA_FRAMES 3u
#define SAID_FRAMES (WORLD_FRAMES + EXTRA_FRAMES)
static struct {
    u8 guest[HOST_GUEST_BYTES];
    u8 frame[WORLD_VICTIM - 1][SAID_FRAMES][PAGE_BYTES];
} said;

static void say_page(u64 at, const u8 *now, u8 *then, const char **before)
{
    for (u32 i = 0; i < PAGE_BYTES; i += 8) {
        u64 word;

        if (memcmp(now + i, then + i, 8) != 0) {
            memcpy(&word, now + i, 8);
            fuzz_say("%s%" PRIx64 ":%" PRIx64, *before, at + i, word);
            *before = ",";
        }
    }
    memcpy(then, now, PAGE_BYTES);
}

static u64 said_frame(const struct domain *d, u32 i)
{
    return i < WORLD_FRAMES    ? host_mfn(d, i).v
           : i == WORLD_FRAMES ? d->shared_mfn.v
                               : d->grants.shared_mfn[i - WORLD_FRAMES - 1].v;
}

/* Words that are others than when this was called last. */
static void say_memory(const char *before)
{
    for (u32 id = 1; fuzz_log != FUZZ_WORDS && id < WORLD_VICTIM; id++) {
        for (u32 i = 0; i < SAID_FRAMES; i++) {
            const u64 m = said_frame(world_domain(id), i);
            const u8 *now = host_memory.arena + (m << PAGE_BITS);
            u8 *then = said.frame[id - 1][i];

            if (memcmp(now, then, PAGE_BYTES) != 0) {
                say_page(m << PAGE_BITS, now, then, &before);
            }
        }
    }
    for (u32 at = 0; fuzz_log != FUZZ_WORDS && at < HOST_GUEST_BYTES;
         at += PAGE_BYTES) {
        if (host_memory.guest_dirty[at / PAGE_BYTES]) {
            say_page(HOST_GUEST_BASE + at, host_memory.guest + at,
                     said.guest + at, &before);
        }
    }
}

static void say_head(const struct seq *q, u32 who)
{
    const struct vcpu *v = actor(who);

    fuzz_say(fuzz_log == FUZZ_WORDS ? "%4u  domain %u vCPU %u "
                                    : "op %u d%u v%u ",
             q->step, (unsigned)v->domain->id, v->id);
}

void oplog_world(const struct seq *q)
{
    if (fuzz_log == FUZZ_QUIET) {
        return;
    }
    fuzz_say("world 1 connected=%d scheduled=%d frames=%u pool=%u\n",
             q->family->world.connected, q->family->world.scheduled,
             WORLD_FRAMES, CHUNK_FRAMES);
    for (u32 id = 1; id <= WORLD_DOMAINS; id++) {
        struct domain *d = world_domain(id);

        fuzz_say("domain %u first=%" PRIx64 " count=%u roots=%" PRIx64
                 ",%" PRIx64 " rights=%" PRIx64 " shared=%" PRIx64
                 " grants=%" PRIx64 ",%" PRIx64
                 " ports=%u maps=%u state=%016" PRIx64,
                 id, (u64)(d->first_chunk << CHUNK_FRAME_BITS),
                 d->chunk_count * CHUNK_FRAMES, d->vcpu[0].kernel_root.v,
                 d->vcpu[1].kernel_root.v, d->rights, d->shared_mfn.v,
                 d->grants.shared_mfn[0].v, d->grants.shared_mfn[1].v,
                 d->port_count, d->map_count, world_digest(d));
        if (id == WORLD_VICTIM) {
            memset(&said, 0, sizeof(said));
            say_memory(" mem=");
        }
        fuzz_say("\n");
        if (fuzz_log == FUZZ_STATE) {
            world_print(d);
        }
    }
}

void oplog_call(const struct seq *q, u32 who, const struct call *c, s32 budget,
                u32 faults)
{
    const struct row *r = &grammar[c->row];

    if (fuzz_log == FUZZ_QUIET || (budget == 0 && fuzz_log != FUZZ_WORDS)) {
        return;
    }
    say_head(q, who);
    fuzz_say("%s nr=%u args=%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64,
             c->row < HCROW_COUNT && c->row != 0 ? r->name : "raw", c->nr,
             c->arg[0], c->arg[1], c->arg[2], c->arg[3]);
    if (fuzz_log == FUZZ_WORDS && c->count == 0) {
        fuzz_say(" (%s)", r->doc != NULL ? r->doc : "no such pair");
    }
    for (u32 i = 0; fuzz_log == FUZZ_WORDS && i < c->count; i++) {
        say_element(&c->element[i]);
    }
    if (c->data_va != 0 && fuzz_log == FUZZ_WORDS) {
        fuzz_say("\n       data");
        for (u32 i = 0; i < DATA_WORDS; i++) {
            fuzz_say(" %" PRIx64, c->data[i]);
        }
    }
    say_memory(" in=");
    if (budget == 0) {
        fuzz_say(" listed\n");
        return;
    }
    fuzz_say(" budget=%d faults=%x", budget, faults);
}

void oplog_again(const struct seq *q, u32 who, const struct hc_call *c,
                 s32 budget, u32 faults)
{
    if (fuzz_log == FUZZ_QUIET) {
        return;
    }
    say_head(q, who);
    fuzz_say("again nr=%u args=%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64
             " budget=%d faults=%x",
             c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], budget, faults);
}

/* Of each vCPU: is it to be told of events, how many ports it polls. */
static void say_events(const struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        const struct vcpu *v = &d->vcpu[i];

        if (i == 0) {
            fuzz_say(" e%u=", (unsigned)d->id);
        }
        fuzz_say("%s%" PRIu64 ":%u", i == 0 ? "" : ",", v->pend_sel & 1,
                 v->poll_count);
    }
}

static void say_states(void)
{
    say_memory(" out=");
    for (u32 id = 1; id < WORLD_VICTIM; id++) {
        const struct domain *d = world_domain(id);

        fuzz_say(" d%u=%016" PRIx64, id, world_digest(d));
        if (fuzz_log == FUZZ_WORDS) {
            continue;
        }
        say_events(d);
    }
    fuzz_say("\n");
    for (u32 id = 1; fuzz_log == FUZZ_STATE && id < WORLD_VICTIM; id++) {
        world_print(world_domain(id));
    }
}

void oplog_act(const struct seq *q, u32 who, const char *name,
               const char *format, ...)
{
    char text[256];
    va_list args;

    if (fuzz_log == FUZZ_QUIET) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (who < ACTORS) {
        say_head(q, who);
    } else {
        fuzz_say("op %u - - ", q->step);
    }
    fuzz_say("act %s %s", name, text);
    say_states();
}

void oplog_result(const struct seq *q, const struct call *c, u32 at, s64 result)
{
    (void)q;
    if (fuzz_log == FUZZ_QUIET) {
        return;
    }
    fuzz_say(fuzz_log == FUZZ_WORDS ? "\n       -> " : " = ");
    if (result < 0 && fuzz_log == FUZZ_WORDS) {
        fuzz_say("%s", error_text(result));
    } else {
        fuzz_say("%" PRId64, result);
    }
    for (u32 i = 0;
         fuzz_log == FUZZ_WORDS && c != NULL && c->nr != 13 && i < c->count;
         i++) {
        const struct shape *s = grammar[c->element[i].row].shape;

        for (u32 f = 0; f < s->count; f++) {
            if (s->field[f].kind == KIND_OUT || s->field[f].kind == KIND_IO) {
                fuzz_say(" %s=%" PRIx64, s->field[f].name,
                         call_read(c, at, i, s->field[f].name));
            }
        }
    }
    say_states();
}
