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
    const bool words = fuzz_log == FUZZ_WORDS;

    fuzz_say(words ? "\n       %s (%s):" : " [%s", r->name, r->doc);
    for (u32 i = 0; i < r->shape->count; i++) {
        const struct field *f = &r->shape->field[i];

        if ((f->kind == KIND_OUT || f->kind == KIND_PAD) &&
            (words || e->value[i] == 0)) {
            continue; /* the guest has a zero there */
        }
        fuzz_say(" %s=", f->name);
        if (words) {
            say_value(f, e->value[i]);
        } else {
            fuzz_say("%" PRIx64, e->value[i]);
        }
    }
    fuzz_say(words ? "" : "]");
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

        fuzz_say("domain %u first=%" PRIx64 " count=%u vcpus=%u rights=%" PRIx64
                 " shared=%" PRIx64 " grants=%" PRIx64 ",%" PRIx64
                 " ports=%u maps=%u state=%016" PRIx64 "\n",
                 id, (u64)(d->first_chunk << CHUNK_FRAME_BITS),
                 d->chunk_count * CHUNK_FRAMES, d->vcpu_count, d->rights,
                 d->shared_mfn.v, d->grants.shared_mfn[0].v,
                 d->grants.shared_mfn[1].v, d->port_count, d->map_count,
                 world_digest(d));
        if (fuzz_log == FUZZ_STATE) {
            world_print(d);
        }
    }
}

void oplog_call(const struct seq *q, u32 who, const struct call *c, s32 budget,
                u32 faults)
{
    if (fuzz_log == FUZZ_QUIET) {
        return;
    }
    const struct row *r = &grammar[c->row];

    say_head(q, who);
    fuzz_say("%s nr=%u args=%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64,
             c->row < HCROW_COUNT && c->row != 0 ? r->name : "raw", c->nr,
             c->arg[0], c->arg[1], c->arg[2], c->arg[3]);
    if (fuzz_log == FUZZ_WORDS && c->count == 0) {
        fuzz_say(" (%s)", r->doc != NULL ? r->doc : "no such pair");
    }
    for (u32 i = 0; i < c->count; i++) {
        say_element(&c->element[i]);
    }
    if (c->data_va != 0) {
        fuzz_say(fuzz_log == FUZZ_WORDS ? "\n       data" : " data=");
        for (u32 i = 0; i < DATA_WORDS; i++) {
            fuzz_say("%s%" PRIx64, i == 0 ? "" : ",", c->data[i]);
        }
    }
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

/* Where page-table work stands. */
static void say_work(const struct domain *d)
{
    const struct pgwork *w = &d->work;

    fuzz_say(" w%u=%u,%d,%" PRIx64 ",%u", (unsigned)d->id, w->mode,
             w->mode == PGWORK_VALIDATE ? 0 : (int)w->result, w->top,
             w->top_level);
    for (u32 i = 0; i < w->depth; i++) {
        fuzz_say(",%" PRIx64 ":%u", w->step[i].table, w->step[i].taken);
    }
}

/* The first word of ports, and what each vCPU is shown of it. */
static void say_events(const struct domain *d)
{
    fuzz_say(" e%u=%" PRIx64 ",%" PRIx64, (unsigned)d->id,
             d->shared->evtchn_pending[0], d->shared->evtchn_mask[0]);
    for (u32 i = 0; i < d->vcpu_count; i++) {
        const struct vcpu *v = &d->vcpu[i];

        fuzz_say(",%" PRIx64 ":%u:%u:%u", v->pend_sel & 1,
                 v->info->upcall_pending, v->info->upcall_mask, v->poll_count);
    }
}

/* Adler-32 [RFC 1950], which a model's own library has. */
static u32 sum_of(const u8 *from, size_t bytes)
{
    u64 a = 1;
    u64 b = 0;

    for (size_t i = 0; i < bytes; i++) {
        a += from[i];
        b += a;
        if (i % 2048 == 2047 || i + 1 == bytes) {
            a %= 65521;
            b %= 65521;
        }
    }
    return (u32)(b << 16 | a);
}

static void say_states(void)
{
    for (u32 id = 1; id < WORLD_VICTIM; id++) {
        const struct domain *d = world_domain(id);

        fuzz_say(" d%u=%016" PRIx64, id, world_digest(d));
        if (fuzz_log == FUZZ_WORDS) {
            continue;
        }
        fuzz_say(" m%u=%x", id,
                 sum_of(host_memory.arena + (host_mfn(d, 0).v << PAGE_BITS),
                        WORLD_FRAMES * PAGE_BYTES));
        say_events(d);
        if (d->work.mode != PGWORK_IDLE) {
            say_work(d);
        }
    }
    if (fuzz_log != FUZZ_WORDS) {
        fuzz_say(" g=%x", sum_of(host_memory.guest + ACTOR_AT(0),
                                 ACTOR_AT(ACTORS) - ACTOR_AT(0)));
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

/* What a call that was cut left to itself, and the entry of its list. */
static void say_left(const struct hc_call *left)
{
    const u64 list = left->arg[0] - HOST_GUEST_BASE;
    struct multicall_entry e;

    fuzz_say(" left=%" PRIx64 ",%" PRIx64 ",%" PRIx64, left->arg[0],
             left->arg[1], left->arg[2]);
    if (left->nr == 13 && list < HOST_GUEST_BYTES - sizeof(e)) {
        memcpy(&e, host_memory.guest + list, sizeof(e));
        fuzz_say(" inner=%" PRIx64 ",%" PRIx64 ",%" PRIx64, e.args[0],
                 e.args[1], e.args[2]);
    }
}

void oplog_result(const struct seq *q, const struct call *c, u32 at, s64 result,
                  const struct hc_call *left)
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
    if (result == RC_PREEMPT && left != NULL && fuzz_log != FUZZ_WORDS) {
        say_left(left);
    }
    for (u32 i = 0; c != NULL && c->nr != 13 && i < c->count; i++) {
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
