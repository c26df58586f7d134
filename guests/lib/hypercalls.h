/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls as a guest makes them, expanded from the table that the
 * hypervisor itself is expanded from: call_<name> for each row.
 *
 *   registers   call_<name>(a, b, c, d): what follows the sub-operation
 *   structure   call_<name>(x, &arg): x is used only by rows whose structure
 *               is the third argument (vcpu_op)
 *   batch       call_<name>(list, count, done)
 *
 * hypercall() itself takes anything: a hostile guest is not held to the table.
 */
#ifndef GUESTS_LIB_HYPERCALLS_H
#define GUESTS_LIB_HYPERCALLS_H

#include "core/args.def"
#include "core/base.h"

#define ARG_FIELD(type, name, kind, low, high) type name;
#define ARG_STRUCT(s, bytes)                                                   \
    struct arg_##s {                                                           \
        ARGS_##s(ARG_FIELD)                                                    \
    };                                                                         \
    _Static_assert(sizeof(struct arg_##s) == (bytes), #s);
ARG_STRUCTS(ARG_STRUCT)
#undef ARG_STRUCT
#undef ARG_FIELD

/* Counts what was refused, of a call that answered so: see refusals.h. */
void refusal_seen(u64 nr, u64 a, u64 b, s64 answer);

static inline s64 hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    const u64 call = nr;
    const u64 first = a;
    const u64 second = b;
    register u64 r10 __asm__("r10") = d;
    register u64 r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "+a"(nr), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     :
                     : "rcx", "r11", "memory");
    if (call == 13 || (s64)nr == -1 || (s64)nr == -38) {
        refusal_seen(call, first, second, (s64)nr);
    }
    return (s64)nr;
}

#define STUB_NONE(n, s, a, b, c, d) hypercall(n, a, b, c, d, 0)
#define STUB_A0(n, s, a, b, c, d) hypercall(n, s, a, b, c, d)
#define STUB_A1(n, s, a, b, c, d) hypercall(n, 0, s, a, b, c)
#define STUB_FIELD(n, s, a, b, c, d) hypercall(n, 0, a, b, c, d)
#define BATCH_A0(n, s, list, count, done) hypercall(n, s, list, count, 0, 0)
#define BATCH_ELEM(n, s, list, count, done)                                    \
    hypercall(n, list, count, done, 0x7ff0, 0)

#define HC_R(n, s, where, name, r, o, g, doc)                                  \
    static inline s64 call_##name(u64 a, u64 b, u64 c, u64 d)                  \
    {                                                                          \
        (void)d;                                                               \
        return STUB_##where(n, s, a, b, c, d);                                 \
    }
#define HC_S(n, s, where, name, ptr, arg, r, o, g, doc)                        \
    static inline s64 call_##name(u64 x, struct arg_##arg *p)                  \
    {                                                                          \
        const u64 at = (u64)(uintptr_t)p;                                      \
        return (ptr) == 1 ? STUB_##where(n, s, at, 0, 0, 0)                    \
                          : STUB_##where(n, s, x, at, 0, 0);                   \
    }
#define HC_B(n, s, where, name, arg, r, o, g, doc)                             \
    static inline s64 call_##name(struct arg_##arg *list, u64 count,           \
                                  u32 *done)                                   \
    {                                                                          \
        (void)done;                                                            \
        return BATCH_##where(n, s, (u64)(uintptr_t)list, count,                \
                             (u64)(uintptr_t)done);                            \
    }
#include "core/hypercalls.def"
#undef HC_R
#undef HC_S
#undef HC_B

#endif
