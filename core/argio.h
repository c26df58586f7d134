/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed fetch and store of argument structures, expanded from args.def:
 *
 *   enum rc fetch_<s>(struct arg_<s> *, gva_t)
 *       one copy of the whole structure, then each field against its range.
 *       RC_EFAULT, RC_EINVAL.
 *   s64 store_<s>(gva_t, const struct arg_<s> *, s64 result)
 *       OUT and IO fields only; result, or RC_EFAULT.
 */
#ifndef CORE_ARGIO_H
#define CORE_ARGIO_H

#include "core/abi.h"
#include "core/arch.h"

static inline bool in_range(u64 value, u64 low, u64 high)
{
    return value >= low && value <= high;
}

/* What is done with a field of the kind. */
#define FETCHED 1u
#define STORED 2u
enum arg_kind {
    ARG_VAL = FETCHED,
    ARG_DOM = FETCHED,
    ARG_PORT = FETCHED,
    ARG_VCPU = FETCHED,
    ARG_GREF = FETCHED,
    ARG_MFN = FETCHED,
    ARG_MADDR = FETCHED,
    ARG_PTE = FETCHED,
    ARG_GVA = FETCHED,
    ARG_FLAGS = FETCHED,
    ARG_COUNT = FETCHED,
    ARG_ENUM = FETCHED,
    ARG_IO = FETCHED | STORED,
    ARG_OUT = STORED,
    ARG_TEXT = 0, /* with the structure, unchecked */
    ARG_PAD = 0
};

#define CHECK_FIELD(type, name, kind, low, high)                               \
    if ((ARG_##kind & FETCHED) != 0 && !in_range((u64)a->name, low, high)) {   \
        return RC_EINVAL;                                                      \
    }
#define STORE_FIELD(type, name, kind, low, high)                               \
    if ((ARG_##kind & STORED) != 0 &&                                          \
        !arch_store(gva(at.v + offsetof(__typeof__(*a), name)), &a->name,      \
                    sizeof(type))) {                                           \
        return RC_EFAULT;                                                      \
    }

#define ARG_ACCESS(s, bytes)                                                   \
    static inline enum rc fetch_##s(struct arg_##s *a, gva_t at)               \
    {                                                                          \
        if (!arch_fetch(a, at, bytes)) {                                       \
            return RC_EFAULT;                                                  \
        }                                                                      \
        ARGS_##s(CHECK_FIELD) return RC_OK;                                    \
    }                                                                          \
    static inline s64 store_##s(gva_t at, const struct arg_##s *a, s64 result) \
    {                                                                          \
        ARGS_##s(STORE_FIELD) return result;                                   \
    }
ARG_STRUCTS(ARG_ACCESS)
#undef ARG_ACCESS

#endif
