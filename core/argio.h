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

#define CHECK_RANGE(a, name, low, high)                                        \
    if (!in_range((u64)(a)->name, low, high)) {                                \
        return RC_EINVAL;                                                      \
    }
#define CHECK_VAL CHECK_RANGE
#define CHECK_DOM CHECK_RANGE
#define CHECK_PORT CHECK_RANGE
#define CHECK_VCPU CHECK_RANGE
#define CHECK_GREF CHECK_RANGE
#define CHECK_MFN CHECK_RANGE
#define CHECK_MADDR CHECK_RANGE
#define CHECK_PTE CHECK_RANGE
#define CHECK_GVA CHECK_RANGE
#define CHECK_FLAGS CHECK_RANGE
#define CHECK_COUNT CHECK_RANGE
#define CHECK_ENUM CHECK_RANGE
#define CHECK_IO CHECK_RANGE
#define CHECK_ZERO CHECK_RANGE
#define CHECK_OUT(a, name, low, high)
#define CHECK_PAD(a, name, low, high)

#define CHECK_FIELD(type, name, kind, low, high)                               \
    CHECK_##kind(a, name, low, high)
#define STORE_FIELD(type, name, kind, low, high)                               \
    STORE_##kind(at.v + offsetof(__typeof__(*a), name), &a->name, sizeof(type))

#define STORE_BYTES(to, from, bytes)                                           \
    if (!arch_store(gva(to), from, bytes)) {                                   \
        return RC_EFAULT;                                                      \
    }
#define STORE_NOT(to, from, bytes)
#define STORE_VAL STORE_NOT
#define STORE_DOM STORE_NOT
#define STORE_PORT STORE_NOT
#define STORE_VCPU STORE_NOT
#define STORE_GREF STORE_NOT
#define STORE_MFN STORE_NOT
#define STORE_MADDR STORE_NOT
#define STORE_PTE STORE_NOT
#define STORE_GVA STORE_NOT
#define STORE_FLAGS STORE_NOT
#define STORE_COUNT STORE_NOT
#define STORE_ENUM STORE_NOT
#define STORE_ZERO STORE_NOT
#define STORE_PAD STORE_NOT
#define STORE_IO STORE_BYTES
#define STORE_OUT STORE_BYTES

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
        (void)at;                                                              \
        (void)a;                                                               \
        ARGS_##s(STORE_FIELD) return result;                                   \
    }
ARG_STRUCTS(ARG_ACCESS)
#undef ARG_ACCESS

#endif
