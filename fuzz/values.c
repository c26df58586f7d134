/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments: bytes of a record to values of a kind, and values to guest memory.
 * Small bytes give what a guest would say, large ones what an attacker would.
 */
#include <string.h>

#include "core/arch.h"
#include "core/gnttab.h"
#include "fuzz/seq.h"
#include "tests/host_arch.h"
#include "x86/pte.h"

struct vcpu *actor(u32 who)
{
    return &world_domain(1 + who / 2)->vcpu[who % 2];
}

static u64 odd_number(u8 c, u64 low, u64 high)
{
    const u64 odd[16] = {
        0,      1,          high,    high + 1,        low - 1, 0xfff,
        0x1000, 0x7fffffff, U32_MAX, U32_MAX + 1ull,  U64_MAX, 1ull << 63,
        0x8000, 0x1ff,      0x200,   (high - low) / 2
    };

    return odd[c % 16];
}

static u64 any_frame(const struct domain *d, u8 c)
{
    const u64 own = d->first_chunk << CHUNK_FRAME_BITS;

    if (c < 0xe0) {
        return own + c % WORLD_FRAMES;
    }
    const struct domain *peer = world_domain(3u - d->id % 3u);
    const u64 odd[16] = { d->shared_mfn.v,
                          d->grants.shared_mfn[0].v,
                          d->grants.shared_mfn[1].v,
                          0,
                          1,
                          host_mfn(peer, c % 32).v,
                          host_mfn(peer, 7).v,
                          host_mfn(world_domain(WORLD_VICTIM), 7).v,
                          own + WORLD_FRAMES,
                          own + CHUNK_FRAMES - 1,
                          own + CHUNK_FRAMES,
                          frame_table_count - 1,
                          frame_table_count,
                          MFN_NONE,
                          0xffffffffull,
                          U64_MAX };

    return odd[c % 16];
}

u64 value_pte(struct seq *q, struct input *rec, u32 who)
{
    static const u64 flags[] = {
        PTE_PRESENT | PTE_USER,
        PTE_PRESENT | PTE_USER | PTE_WRITE,
        PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX,
        0, /* the entry as a whole */
        PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY,
        PTE_PRESENT | PTE_GLOBAL,
        PTE_PRESENT | PTE_USER | PTE_LARGE,
        PTE_PRESENT | PTE_USER | PTE_PCD,
        PTE_PRESENT | PTE_USER | 1ull << 3, /* PWT */
        PTE_USER | PTE_WRITE,               /* not present, but names a frame */
        PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_AVAIL_LOW,
        PTE_PRESENT | 1ull << 52 | 1ull << 58,
    };
    const u64 m = any_frame(actor(who)->domain, take8(rec));
    const u8 c = take8(rec);

    (void)q;
    if (c >= 0xf8) {
        return m << (c % 8); /* anything */
    }
    const u64 f = flags[c < 0x80 ? c % 4 : c % ARRAY_COUNT(flags)];

    return f == 0 ? 0 : pte_make(mfn(m & 0xffffffffff), f);
}

static u64 address(u32 who, u8 c, u8 more)
{
    const u64 data = HOST_GUEST_BASE + ACTOR_AT(who) + DATA_AT;
    /* The buffer's end is domain 1's: they share no memory. */
    const u64 end =
        HOST_GUEST_BASE + HOST_GUEST_BYTES - (who < 2 ? more % 64u : 0);
    const u64 page =
        WORLD_VA + (MAPPED_FIRST + more % (MAPPED_COUNT + 4ull)) * PAGE_BYTES;

    if (c < 0x80) {
        return data;
    }
    const u64 odd[16] = { page,
                          page + 8ull * c,
                          page + PAGE_BYTES - 8,
                          page + PAGE_BYTES - 12,
                          data + more,
                          end,
                          HOST_GUEST_BASE + ACTOR_AT(who) + ELEMENTS_AT,
                          0,
                          WORLD_VA + (u64)more * PAGE_BYTES,
                          (u64)more << 21 | (u64)c << 39,
                          0xffff800000000000ull + (u64)more * 8,
                          0xffff808000000000ull,
                          0x0000800000000000ull,
                          0xffff880000000000ull,
                          U64_MAX - more,
                          page + more };

    return odd[c % 16];
}

static u64 any_domain(const struct domain *d, u8 c)
{
    const u64 odd[8] = { 3u - d->id,   3u - d->id, DOMID_SELF, d->id,
                         WORLD_VICTIM, 0,          DOMID_NONE, 0x7ff1 };

    return c < 0xc0 ? odd[c % 3] : odd[c % 8];
}

static u64 any_time(u8 c, u8 more)
{
    const u64 near = host.now + (u64)more * 100000ull;

    if (c < 0xc0) {
        return near;
    }
    const u64 odd[4] = { 0, host.now - more, U64_MAX, 1ull << 63 };

    return odd[c % 4];
}

/* Code, data, long code; what is not allowed; what is not present. */
static u64 any_descriptor(u8 c, u8 more)
{
    const u64 flags = (u64)(c & 0xf) << 52 | (u64)more << 40;

    return flags | 0x000f00000000ffffull;
}

/* Kinds of one byte: a small number that is mostly right, or an odd one. */
static u64 small_value(const struct seq *q, const struct domain *d, u8 c,
                       enum kind kind, u64 low, u64 high)
{
    switch (kind) {
    case KIND_DOM:
        return any_domain(d, c);
    case KIND_PORT:
        if (c < 0x80 && q->port_count != 0) {
            return q->ports[c % HANDLES];
        }
        return c < 0xe0 ? c % 12u : odd_number(c, 0, d->port_count);
    case KIND_VCPU:
        return c < 0xe0 ? c % WORLD_VCPUS : odd_number(c, 0, 31);
    case KIND_GREF:
        return c < 0xe0 ? c % 8u : odd_number(c, 512, 1024);
    case KIND_COUNT:
        return c < 0xe0 ? c % 8u : odd_number(c, low, high);
    default:
        return c < 0xc0 ? low + c % 32u : odd_number(c, low, high);
    }
}

u64 value_of(struct seq *q, struct input *rec, u32 who, enum kind kind, u64 low,
             u64 high)
{
    const struct domain *d = actor(who)->domain;

    if (kind == KIND_NONE || kind == KIND_OUT || kind == KIND_PAD ||
        kind == KIND_SUB) {
        return 0;
    }
    if (kind == KIND_PTE) {
        return value_pte(q, rec, who);
    }
    const u8 c = take8(rec);

    switch (kind) {
    case KIND_MFN:
        return any_frame(d, c);
    case KIND_MADDR:
        return any_frame(d, c) << PAGE_BITS | (u64)take8(rec) << 3;
    case KIND_GVA:
        return address(who, c, c < 0x80 ? 0 : take8(rec));
    case KIND_TIME:
        return any_time(c, take8(rec));
    case KIND_DESC:
        return any_descriptor(c, take8(rec));
    default:
        return small_value(q, d, c, kind, low, high);
    }
}

/* ---- fields that mean more than their kind ---------------------------------
 */

static u64 handle_value(const struct seq *q, u8 c)
{
    if (c >= 0xe0 || q->handle_count == 0) {
        return (u64)(c % 8u) | (u64)(c & 0x10) << 12;
    }
    return q->handles[c % HANDLES].handle;
}

static u64 mapped_at(const struct seq *q, u32 handle)
{
    for (u32 i = 0; i < HANDLES; i++) {
        if (q->handles[i].handle == handle && q->handles[i].va != 0) {
            return q->handles[i].va;
        }
    }
    return WORLD_VA;
}

/* An address whose entry an L1 table has: where grants are mapped. */
static u64 page_for_map(u8 c)
{
    const u64 page = WORLD_VA + (u64)(c % 16u) * PAGE_BYTES;

    return c < 0xe0 ? page : page + (c == 0xff ? 1ull << 47 : c & 8u);
}

static bool named(const struct field *f, const char *name)
{
    return strcmp(f->name, name) == 0;
}

/* True: *v is the value of a field that the kind alone does not tell. */
static bool special(struct seq *q, struct input *rec, u32 who, u32 row,
                    const struct field *f, u64 *v)
{
    const struct row *r = &grammar[row];

    if (named(f, "cmd") || (r->kind == 'F' && named(f, "type"))) {
        *v = r->sub;
    } else if (named(f, "handle")) {
        *v = handle_value(q, take8(rec));
    } else if (row == HCROW_grant_map && named(f, "host_addr")) {
        *v = page_for_map(take8(rec));
    } else if (row == HCROW_grant_map && named(f, "flags")) {
        const u8 c = take8(rec);

        *v = c < 0xe0 ? 2u | (c & 4u) : odd_number(c, 2, 6) | (u64)c << 16;
    } else if (row == HCROW_grant_copy && f->bytes == 2 &&
               (named(f, "len") || f->kind == KIND_VAL)) {
        *v = take16(rec) & 0x1fff;
    } else if (row == HCROW_grant_copy && named(f, "flags")) {
        const u8 c = take8(rec);

        *v = c < 0xf0 ? c % 4u : c;
    } else if (row == HCROW_grant_copy && f->bytes == 8) {
        const u8 c = take8(rec); /* a reference or a frame */

        *v = c < 0x80 ? c % 8u : any_frame(actor(who)->domain, (u8)(c * 2));
    } else if (named(f, "dev_bus_addr") || named(f, "extent_order")) {
        const u8 c = take8(rec);

        *v = c < 0xf0 ? 0 : c;
    } else if (named(f, "version")) {
        const u8 c = take8(rec);

        *v = c < 0xc0 ? 1 : c % 4u;
    } else if (row == HCROW_vcpu_info && named(f, "offset")) {
        const u8 c = take8(rec);

        *v = c < 0xc0 ? c * 64u % 4096u : c * 37u;
    } else if (named(f, "addr")) {
        const u8 c = take8(rec); /* of an area: mapped pages */

        *v = address(who, (u8)(0x80 | c), take8(rec)) & ~(c < 0xf0 ? 3ull : 0);
    } else if (named(f, "timeout")) {
        *v = value_of(q, rec, who, KIND_TIME, 0, U64_MAX);
    } else if (named(f, "domid")) {
        const u8 c = take8(rec);

        *v = c < 0xe0 ? DOMID_SELF : any_domain(actor(who)->domain, c);
    } else {
        return false;
    }
    return true;
}

/* Arguments of mmuext_op mean another thing in each of its rows. */
static enum kind kind_in(u32 row, const struct field *f)
{
    if (row == HCROW_set_ldt || row == HCROW_invlpg_local) {
        return named(f, "arg2") ? KIND_COUNT : KIND_GVA;
    }
    if (row == HCROW_flush_multi || row == HCROW_invlpg_multi) {
        return KIND_GVA;
    }
    return (enum kind)f->kind;
}

static void element_make(struct seq *q, struct input *rec, u32 who, u32 row,
                         struct element *e)
{
    const struct shape *s = grammar[row].shape;

    e->row = row;
    for (u32 i = 0; i < s->count; i++) {
        const struct field *f = &s->field[i];
        u64 v = 0;

        if (!special(q, rec, who, row, f, &v)) {
            v = value_of(q, rec, who, kind_in(row, f), f->low, f->high);
        }
        if (f->kind == KIND_MADDR && grammar[row].where == WHERE_ELEM) {
            v = (v & ~3ull) | grammar[row].sub;
        }
        e->value[i] = v;
    }
    if (row == HCROW_grant_unmap) { /* mostly where it was mapped */
        if (take8(rec) < 0xe0) {
            e->value[0] = mapped_at(q, (u32)e->value[2]);
        }
    }
}

/* ---- calls -----------------------------------------------------------------
 */

/* What the guest has in its data words: frames, numbers of frames, ports. */
static void data_make(struct seq *q, struct input *rec, u32 who, u32 row,
                      struct call *c)
{
    c->data_va = HOST_GUEST_BASE + ACTOR_AT(who) + DATA_AT;
    for (u32 i = 0; i < DATA_WORDS; i++) {
        const u8 b = left(rec) > 0 ? take8(rec) : (u8)(i * 3);

        switch (row) {
        case HCROW_populate_physmap:
            c->data[i] = b < 0xf0 ? b % WORLD_FRAMES : odd_number(b, 0, 40);
            break;
        case HCROW_sched_poll:
            c->data[i] = (u64)(b % 16u) << 32 | b / 16u;
            break;
        case HCROW_flush_multi:
        case HCROW_invlpg_multi:
        case HCROW_console_write:
            c->data[i] = b * 0x0101010101010101ull;
            break;
        default:
            c->data[i] = any_frame(actor(who)->domain, b);
            break;
        }
    }
    (void)q;
}

bool call_takes(const struct call *c, u32 row)
{
    const struct row *first = &grammar[c->row];

    if (first->kind != 'B' || c->count >= ELEMENTS_MAX) {
        return false;
    }
    return grammar[row].nr == first->nr &&
           (first->where == WHERE_ELEM || row == c->row);
}

void call_append(struct seq *q, struct input *rec, u32 who, u32 row, u32 at,
                 struct call *c)
{
    element_make(q, rec, who, row, &c->element[c->count]);
    c->count++;
    c->arg[grammar[row].where == WHERE_ELEM ? 1 : 2] = c->count;
    (void)at;
}

static void make_batch(struct seq *q, struct input *rec, u32 who, u32 row,
                       u32 at, struct call *c)
{
    const u64 list = HOST_GUEST_BASE + at + ELEMENTS_AT;

    if (grammar[row].where == WHERE_ELEM) {
        c->arg[0] = list;
        c->arg[2] = HOST_GUEST_BASE + ACTOR_AT(who) + DONE_AT;
        c->arg[3] = DOMID_SELF;
    } else {
        c->arg[0] = grammar[row].sub;
        c->arg[1] = list;
    }
    call_append(q, rec, who, row, at, c);
    const u8 odd = take8(rec); /* what a careless kernel gets wrong */

    c->odd = odd >= 0xfb;
    if (odd == 0xff) {
        c->arg[3] = any_domain(actor(who)->domain, take8(rec));
    } else if (odd == 0xfe) {
        c->arg[2] = address(who, 0xff, take8(rec));
    } else if (odd == 0xfd) {
        c->arg[grammar[row].where == WHERE_ELEM ? 1 : 2] =
            odd_number(take8(rec), 1, 8);
    } else if (odd == 0xfb) {
        c->element[0].value[0] = odd_number(take8(rec), 0, 15);
    } else if (odd == 0xfc) {
        c->arg[0] = odd_number(take8(rec), 1, 8);
    }
}

static void make_registers(struct seq *q, struct input *rec, u32 who, u32 row,
                           struct call *c)
{
    const struct row *r = &grammar[row];

    for (u32 i = 0; i < 4; i++) {
        c->arg[i] = value_of(q, rec, who, (enum kind)r->registers[i], 0,
                             r->where == WHERE_NONE ? 8 : 64);
        if (r->registers[i] == KIND_SUB) {
            c->arg[i] = r->sub;
        }
    }
    if (row == HCROW_update_va_mapping) {
        c->arg[0] = WORLD_VA + (c->arg[0] & 0x1f) * PAGE_BYTES +
                    (c->arg[0] == 0 ? 1ull << 40 : 0);
        c->arg[2] &= 0xff;
    }
}

void call_make(struct seq *q, struct input *rec, u32 who, u32 row, u32 at,
               struct call *c)
{
    const struct row *r = &grammar[row];

    memset(c, 0, sizeof(*c));
    c->nr = r->nr;
    c->row = row;
    if (r->kind == 'B') {
        make_batch(q, rec, who, row, at, c);
    } else if (r->kind == 'R') {
        make_registers(q, rec, who, row, c);
    } else {
        c->arg[0] = r->kind == 'F' ? 0 : r->sub;
        if (r->nr == 12 && who == 1) { /* it says that some are done */
            c->arg[0] |= (u64)(take8(rec) % 8u) << 6;
        }
        element_make(q, rec, who, row, &c->element[0]);
        c->count = 1;
        c->arg[r->pointer] = HOST_GUEST_BASE + at + ELEMENTS_AT;
        if (r->pointer == 2) {
            c->arg[1] = value_of(q, rec, who, KIND_VCPU, 0, 31);
        }
        const u8 odd = take8(rec);

        c->odd = odd >= 0xfe;
        if (odd == 0xff) {
            c->arg[r->pointer] = address(who, 0xff, take8(rec));
        } else if (odd == 0xfe) {
            c->element[0].value[0] = odd_number(take8(rec), 3, 7);
        }
    }
    data_make(q, rec, who, row, c);
}

static void put(u64 va, const void *from, u64 bytes)
{
    memcpy(host_guest((u32)(va - HOST_GUEST_BASE)), from, bytes);
}

void call_write(const struct call *c, u32 at)
{
    u64 va = HOST_GUEST_BASE + at + ELEMENTS_AT;

    for (u32 i = 0; i < c->count; i++) {
        const struct shape *s = grammar[c->element[i].row].shape;

        for (u32 f = 0; f < s->count; f++) {
            const u32 bytes = s->field[f].bytes;

            /* Of text, the first word. */
            put(va + s->field[f].offset, &c->element[i].value[f],
                bytes < sizeof(u64) ? bytes : (u32)sizeof(u64));
        }
        va += s->bytes;
    }
    if (c->data_va != 0) {
        put(c->data_va, c->data, sizeof(c->data));
    }
}

u64 call_read(const struct call *c, u32 at, u32 i, const char *field)
{
    const struct shape *s = grammar[c->element[i].row].shape;
    const struct field *f = grammar_field(s, field);
    u64 v = 0;

    if (f == NULL) {
        return 0;
    }
    memcpy(&v, host_guest(at + ELEMENTS_AT + i * s->bytes + f->offset),
           f->bytes < sizeof(v) ? f->bytes : sizeof(v));
    return v;
}
