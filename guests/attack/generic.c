/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks that are made from the tables of all calls and all their arguments,
 * so that a new call has them too: A56, R60.
 */
#include "guests/attack/attack.h"
#include "guests/lib/smp.h"

#define NR_BLOCK 29u
#define NR_IRET 23u
#define FIELDS 16u
#define RACE_ROUNDS 3000u
#define RACE_NS 1000000000ull
#define ERRNO_MAX 133

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* ---- the tables ------------------------------------------------------------
 */

enum kind {
    KIND_VAL,
    KIND_DOM,
    KIND_PORT,
    KIND_VCPU,
    KIND_GREF,
    KIND_MFN,
    KIND_MADDR,
    KIND_PTE,
    KIND_GVA,
    KIND_FLAGS,
    KIND_COUNT,
    KIND_ENUM,
    KIND_OUT,
    KIND_PAD,
    KIND_ZERO,
    KIND_IO,
    KIND_TEXT
};

struct field {
    u8 bytes, kind;
};

struct arg {
    u32 bytes;
    struct field field[FIELDS];
};

enum arg_names {
#define ARG_NAME(s, bytes) ARG_##s,
    ARG_STRUCTS(ARG_NAME)
#undef ARG_NAME
};

#define FIELD(type, name, kind, low, high) { sizeof(type), KIND_##kind },
static const struct arg args[] = {
#define ARG_ROW(s, bytes) [ARG_##s] = { bytes, { ARGS_##s(FIELD) } },
    ARG_STRUCTS(ARG_ROW)
#undef ARG_ROW
};

enum where { WHERE_NONE, WHERE_A0, WHERE_A1, WHERE_ELEM, WHERE_FIELD };
struct row {
    u8 nr, sub, shape, where, pointer, right, arg;
};

static const struct row rows[] = {
#define HC_R(n, s, w, name, r, o, g, d)                                        \
    { n, s, 'R', WHERE_##w, 0, RIGHT_##r, 0 },
#define HC_S(n, s, w, name, p, a, r, o, g, d)                                  \
    { n, s, 'S', WHERE_##w, p, RIGHT_##r, ARG_##a },
#define HC_B(n, s, w, name, a, r, o, g, d)                                     \
    { n, s, 'B', WHERE_##w, 1, RIGHT_##r, ARG_##a },
#include "core/hypercalls.def"
#undef HC_R
#undef HC_S
#undef HC_B
};

static s64 call_at(const struct row *r, u64 at)
{
    if (r->shape == 'B') {
        return r->where == WHERE_A0 ? hypercall(r->nr, r->sub, at, 1, 0, 0)
                                    : hypercall(r->nr, at, 1, 0, SELF, 0);
    }
    const u64 first = r->where == WHERE_A0 ? r->sub : 0;
    return r->pointer == 1 ? hypercall(r->nr, first, at, 0, 0, 0)
                           : hypercall(r->nr, first, me(), at, 0, 0);
}

static bool is_row(const struct row *r, u32 nr, u32 sub)
{
    return r->nr == nr && r->sub == sub;
}

static s64 name_of(const struct row *r)
{
    return r->nr * 1000 + r->sub * 10;
}

static bool sane(s64 answer)
{
    return answer <= 0 && answer >= -ERRNO_MAX;
}

/* Write what tells which row is meant, where the structure does so. */
static void choose_row(const struct row *r, u8 *at)
{
    if (r->where == WHERE_ELEM && r->arg == ARG_mmuext_op) {
        *(volatile u32 *)(void *)at = r->sub;
    } else if (r->where == WHERE_ELEM) {
        *(volatile u64 *)(void *)at =
            (*(volatile u64 *)(void *)at & ~3ull) | r->sub;
    } else if (r->where == WHERE_FIELD) {
        *(volatile u16 *)(void *)at = r->sub;
    }
}

/* The structure of a row: domains are the caller's own, all else is byte. */
static void fill_arg(const struct row *r, u8 *at, u8 byte)
{
    const struct arg *a = &args[r->arg];
    u32 offset = 0;
    fill(at, byte, a->bytes);
    for (u32 i = 0; i < FIELDS && offset < a->bytes; i++) {
        if (a->field[i].kind == KIND_DOM) {
            *(volatile u16 *)(void *)(at + offset) = SELF;
        }
        offset += a->field[i].bytes;
    }
    choose_row(r, at);
}

/* ---- A56: where a structure lies -------------------------------------------
 */

/* Its first half in a page, its second in none. */
s64 attack_straddle(void)
{
    u8 *const end = scratch[2];
    s64 r = map_va(va_of(end), 0, 2);
    for (u32 i = 0; r == 0 && i < ARRAY_COUNT(rows); i++) {
        const u32 bytes = args[rows[i].arg].bytes;
        const s64 wanted = is_denied(rows[i].right) ? -EPERM : -EFAULT;
        u8 *const at = end - bytes / 2;
        if (rows[i].shape == 'R' || bytes == 0) {
            continue;
        }
        if (rows[i].arg == ARG_mmuext_op) {
            *(volatile u32 *)(void *)at = rows[i].sub;
        }
        if (call_at(&rows[i], va_of(at)) != wanted) {
            r = name_of(&rows[i]) + 1;
        }
        fill(at, 0, bytes / 2);
    }
    (void)page_protect(end, P_RW);
    return r;
}

static u32 ports_free(void)
{
    static u32 ports[4096];
    u32 count = 0;
    for (; count < 4096; count++) {
        struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = SELF };
        if (call_evtchn_alloc_unbound(0, &a) != 0) {
            break;
        }
        ports[count] = *(volatile u32 *)&a.port;
    }
    for (u32 i = 0; i < count; i++) {
        struct arg_evtchn_port p = { ports[i] };
        (void)call_evtchn_close(0, &p);
    }
    return count;
}

static bool answers(const struct row *r)
{
    for (u32 i = 0; i < FIELDS; i++) {
        const u32 kind = args[r->arg].field[i].kind;
        if (args[r->arg].field[i].bytes != 0 &&
            (kind == KIND_OUT || kind == KIND_IO)) {
            return true;
        }
    }
    return false;
}

/* An answer where nothing may be written: refused, and nothing has happened. */
s64 attack_reply_readonly(void)
{
    u8 *const at = scratch[1];
    const u32 before = ports_free();
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *r = &rows[i];
        if (r->shape == 'R' || !answers(r)) {
            continue;
        }
        (void)page_protect(at, P_RW);
        fill_arg(r, at, 0);
        (void)page_protect(at, P_RO);
        const s64 answer = call_at(r, va_of(at));
        if (answer == 0 || !sane(answer)) {
            return name_of(r) + 2;
        }
    }
    return ports_free() == before ? 0 : 3;
}

/* What is not an answer stays as it was, whatever came of the call. */
static bool kept(const struct row *r, const u8 *at, const u8 *was)
{
    const struct arg *a = &args[r->arg];
    u32 offset = 0;
    for (u32 i = 0; i < FIELDS && offset < a->bytes; i++) {
        const u32 kind = a->field[i].kind;
        for (u32 j = 0; j < a->field[i].bytes; j++) {
            if (kind != KIND_OUT && kind != KIND_IO &&
                *(const volatile u8 *)&at[offset + j] != was[offset + j]) {
                return false;
            }
        }
        offset += a->field[i].bytes;
    }
    for (u32 i = a->bytes; i < a->bytes + 64; i++) {
        if (*(const volatile u8 *)&at[i] != 0) {
            return false;
        }
    }
    return true;
}

s64 attack_reply_rest(void)
{
    static const u8 bytes[] = { 0xa5, 0xff, 0x7f };
    u8 *const at = scratch[1];
    u8 *const was = scratch[2];
    for (u32 i = 0; i < ARRAY_COUNT(rows) * ARRAY_COUNT(bytes); i++) {
        const struct row *r = &rows[i / ARRAY_COUNT(bytes)];
        if (r->shape == 'R') {
            continue;
        }
        fill_arg(r, at, bytes[i % ARRAY_COUNT(bytes)]);
        fill_arg(r, was, bytes[i % ARRAY_COUNT(bytes)]);
        const s64 answer = call_at(r, va_of(at));
        if (!sane(answer) || !kept(r, at, was)) {
            return name_of(r) + 1;
        }
        fill(at, 0, PAGE_BYTES);
    }
    return 0;
}

/* ---- A56: pointers in structures, numbers in registers ---------------------
 */

static const u64 bad_addresses[] = { 0x10000,
                                     0x00007ffffffff000ull,
                                     0x0000800000000000ull,
                                     0xffff7ffffffff000ull,
                                     0xffff800000000000ull - 4096,
                                     0xffff810000000000ull,
                                     0xffff820000200000ull,
                                     0xffff87fffffff000ull,
                                     0xfffffffffffff000ull };

static s64 nested(u64 bad)
{
    struct arg_memory_reservation m = { .extent_start = bad,
                                        .nr_extents = 4,
                                        .domid = SELF };
    const s64 gone = call_decrease_reservation(0, &m);
    const s64 come = call_populate_physmap(0, &m);
    if ((gone != 0 && gone != -EFAULT) || (come != 0 && come != -EFAULT)) {
        return 1;
    }
    struct arg_gnttab_setup g = { .dom = SELF,
                                  .nr_frames = 1,
                                  .frame_list = bad };
    if (call_grant_setup(&g, 1, NULL) != 0 ||
        *(volatile s16 *)&g.status != -5) {
        return 2;
    }
    struct arg_sched_poll p = { .ports = bad, .nr_ports = 3, .timeout = 1 };
    struct arg_time_area t = { .addr = bad };
    if (call_sched_poll(0, &p) != -EFAULT ||
        call_vcpu_time_area(me(), &t) != -EFAULT) {
        return 3;
    }
    if (call_extraversion(bad, 0, 0, 0) != -EFAULT ||
        call_get_features(bad, 0, 0, 0) != -EFAULT ||
        call_vcpu_initialise(VCPUS, bad, 0, 0) != -ENOENT ||
        call_vcpu_initialise(1, bad, 0, 0) != -EFAULT) {
        return 4;
    }
    return 0;
}

s64 attack_nested_pointers(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(bad_addresses); i++) {
        const s64 r = nested(bad_addresses[i]);
        if (r != 0) {
            return i * 10 + r;
        }
    }
    return 0;
}

/* The calls whose arguments are registers, with addresses and large numbers in
 * all of them; but those that do not come back, and vcpu_down, of which vCPUs
 * with small numbers would hear. */
s64 attack_registers_all(void)
{
    s64 r = 0;
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        if (row->shape != 'R' || row->nr == NR_IRET ||
            is_row(row, NR_BLOCK, 1)) {
            continue;
        }
        for (u32 j = 0; r == 0 && j < ARRAY_COUNT(bad_addresses); j++) {
            const u64 x = bad_addresses[j] | 0x800; /* as a vCPU: none */
            const s64 answer = row->where == WHERE_A0
                                   ? hypercall(row->nr, row->sub, x, x, x, x)
                                   : hypercall(row->nr, x, x, x, x, x);
            r = sane(answer) || is_row(row, 17, 0) ? 0 : name_of(row) + 3;
        }
    }
    (void)call_fpu_taskswitch(0, 0, 0, 0);
    (void)call_set_timer_op(0, 0, 0, 0);
    for (u64 which = 0; which < 3; which++) {
        (void)hypercall(25, which, 0, 0, 0, 0);
    }
    (void)call_segbase_gs_sel(0, 0, 0, 0);
    return r;
}

/* ---- R60: structures that change under the call ----------------------------
 */

/* Page 1: the structure; page 2: the row that is tried. */
static const struct row *volatile *row_place(void)
{
    return (const struct row *volatile *)(void *)scratch[2];
}

static void rewrite_arg(void)
{
    const u64 values[] = { frame_of_page(scratch[5]), 0x00ff00ff00ff00ffull,
                           U64_MAX, HV_START + 0x2800001000ull,
                           va_of(scratch[5]) };
    volatile u64 *const words = (volatile u64 *)(void *)scratch[1];
    for (u32 i = 0; i < 200; i++) {
        const struct row *r = *row_place();
        const u32 count = (args[r->arg].bytes + 7) / 8;
        words[i % count] = values[(i / count) % ARRAY_COUNT(values)];
        choose_row(r, scratch[1]);
    }
}

/* Harmless whatever its structure says, and not for good: an entry for 32-bit
 * programs, once registered, stays. */
static bool may_race(const struct row *r)
{
    return r->shape != 'R' && !is_row(r, NR_BLOCK, 2) && !is_row(r, 24, 10) &&
           !is_row(r, 30, 5) && !is_row(r, 30, 7);
}

static s64 race_all(void)
{
    const u64 end = time_ns() + RACE_NS;
    for (u32 round = 0; round < RACE_ROUNDS && time_ns() < end; round++) {
        for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
            if (!may_race(&rows[i])) {
                continue;
            }
            /* No small number that another row could take for its own. */
            fill(scratch[1], 0xff, 64);
            *row_place() = &rows[i];
            if (!sane(call_at(&rows[i], va_of(scratch[1])))) {
                return name_of(&rows[i]) + 4;
            }
        }
    }
    return 0;
}

s64 attack_race_all_args(void)
{
    const u32 before = ports_free();
    const struct row *const first = &rows[1];
    *row_place() = first;
    s64 r = second_start();
    if (r != 0) {
        return r;
    }
    second_run(rewrite_arg);
    r = race_all();
    second_stop();
    struct arg_runstate_area a = { 0 };
    struct arg_time_area t = { 0 };
    if (call_vcpu_runstate(me(), &a) != 0 ||
        call_vcpu_time_area(me(), &t) != 0) {
        return 5;
    }
    if (page_protect(scratch[5], P_RW) != 0) {
        return 6;
    }
    return r == 0 && ports_free() != before ? 7 : r;
}
