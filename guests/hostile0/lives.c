/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts by hypercall 55: the tenant's life, the console line, the rules; and
 * what is left when the rights are given up.
 */
#include "guests/hostile0/hostile0.h"
#include "guests/lib/refusals.h"
#include "policy/policy.h"

#define NR_OURS 55u
#define OURS 14u
#define INFO 0u
#define PAUSE 1u
#define START 4u
#define SERIAL_WRITE 6u
#define SERIAL_READ 7u
#define RULES_BYTES 65536u

static s64 ours(u64 sub, volatile void *structure)
{
    return hypercall(NR_OURS, sub, va_of(structure), 0, 0, 0);
}

/* ---- lives
 * ------------------------------------------------------------------ */

static s64 info(u64 dom)
{
    struct arg_domain_info a = { .domid = (u16)dom };
    return call_domain_info(0, &a);
}

s64 try_info_nobody(void)
{
    return both(each(info, NOBODY, NOBODY + 100), each(info, 0x7ff0, 0x7fff));
}

s64 try_info_to_hv(void)
{
    return both(hypercall(NR_OURS, INFO, HV_START, 0, 0, 0),
                hypercall(NR_OURS, INFO, HV_END - 8, 0, 0, 0));
}

#define LIFE(name, call, dom)                                                  \
    s64 try_##name(void)                                                       \
    {                                                                          \
        struct arg_domain_of a = { dom };                                      \
        return call(0, &a);                                                    \
    }

LIFE(pause, call_domain_pause, prey.domid)
LIFE(unpause, call_domain_unpause, prey.domid)
LIFE(destroy, call_domain_destroy, prey.domid)
LIFE(start, call_domain_start, prey.domid)
LIFE(pause_self, call_domain_pause, 0)
LIFE(destroy_self, call_domain_destroy, 0)
LIFE(start_self, call_domain_start, 0)

static s64 life_of_nobody(u64 sub)
{
    struct arg_domain_of a = { NOBODY };
    struct arg_domain_of b = { 0xffff };
    return both(ours(sub, &a), ours(sub, &b));
}

s64 try_life_nobody(void)
{
    return each(life_of_nobody, PAUSE, START + 1);
}

static s64 pointer(u64 sub)
{
    return both(hypercall(NR_OURS, sub, HV_START + PAGE_BYTES, 0, 0, 0),
                hypercall(NR_OURS, sub, 0x800000000000ull, 0, 0, 0));
}

s64 try_pointers(void)
{
    return each(pointer, 0, OURS);
}

static s64 beyond(u64 sub)
{
    return hypercall(NR_OURS, sub, va_of(bytes), 0, 0, 0);
}

s64 try_calls_beyond(void)
{
    return both(each(beyond, OURS, 128), beyond(U32_MAX));
}

static s64 other(u64 i)
{
    /* platform_op, domctl, sysctl and their kin, by their numbers. */
    static const u8 numbers[] = { 7, 19, 34, 35, 36, 38, 40, 41, 48, 49 };
    return i < ARRAY_COUNT(numbers)
               ? hypercall(numbers[i], va_of(bytes), 0, 0, 0, 0)
               : 0;
}

s64 try_calls_other(void)
{
    return each(other, 0, 10);
}

/* ---- the console line
 * ------------------------------------------------------- */

static s64 line(u64 sub, u16 channel, u32 count, u64 buffer)
{
    struct arg_serial a = { .channel = channel,
                            .bytes = count,
                            .buffer = buffer };
    return ours(sub, &a);
}

s64 try_line_none(void)
{
    return line(SERIAL_READ, 0, 0, va_of(bytes));
}

s64 try_line_many(void)
{
    return both(line(SERIAL_READ, 0, 257, va_of(bytes)),
                line(SERIAL_WRITE, prey.domid, U32_MAX, va_of(bytes)));
}

s64 try_line_channel(void)
{
    return both(line(SERIAL_WRITE, 0x4000, 1, va_of(bytes)),
                line(SERIAL_WRITE, 0xffff, 1, va_of(bytes)));
}

s64 try_line_from_hv(void)
{
    return both(line(SERIAL_WRITE, 0, 256, HV_START),
                line(SERIAL_WRITE, prey.domid, 256, HV_END - 128));
}

/* ---- rules
 * ------------------------------------------------------------------ */

static s64 rules(u32 offset, u32 count, u64 buffer)
{
    struct arg_rules_write a = { offset, count, buffer };
    return call_rules_write(0, &a);
}

static s64 commit(u32 count)
{
    struct arg_rules_commit a = { .bytes = count };
    return call_rules_commit(0, &a);
}

s64 try_rules_order(void)
{
    return both(
        both(rules(4096, 8, va_of(bytes)), rules(RULES_BYTES, 1, va_of(bytes))),
        both(rules(U32_MAX, 2048, va_of(bytes)), rules(0, 2049, va_of(bytes))));
}

s64 try_rules_from_hv(void)
{
    return both(rules(0, 2048, HV_START), rules(0, 2048, HV_END - 1024));
}

s64 try_rules_none(void)
{
    return commit(0);
}

s64 try_rules_nonsense(void)
{
    fill(bytes, 0xa5, 2048);
    return rules(0, 2048, va_of(bytes)) != 0 ? UNWANTED : commit(2048);
}

static s64 rules_past(u64 offset)
{
    struct arg_rules_read a = { (u32)offset, 2048, va_of(bytes), 0, 0, 0 };
    const s64 r = call_rules_read(0, &a);
    look(bytes);
    return r;
}

s64 try_rules_past(void)
{
    return both(each(rules_past, 1, 100), rules_past(U32_MAX));
}

/* ---- rights given up
 * -------------------------------------------------------- */

static s64 drop(u64 mask)
{
    struct arg_rights a = { mask };
    return call_rights_drop(0, &a);
}

s64 try_drop_none(void)
{
    return drop(~RIGHTS_ALL);
}

s64 try_drop(void)
{
    const s64 r = drop(~POLICY_TENANT_GIVEN);
    may_connect = false;
    return r;
}

static s64 late_life(u64 sub)
{
    struct arg_domain_info a = { .domid = prey.domid };
    return ours(sub, &a);
}

s64 try_late_life(void)
{
    return each(late_life, INFO, START + 1);
}

s64 try_late_line(void)
{
    return both(line(SERIAL_WRITE, prey.domid, 1, va_of(bytes)),
                line(SERIAL_READ, 0, 256, va_of(bytes)));
}

s64 try_late_rules(void)
{
    return both(both(rules(0, 8, va_of(bytes)), commit(8)), rules_past(0));
}

s64 try_late_drop(void)
{
    return drop(RIGHT_MASK(INFO));
}
