/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers with a meaning. A machine frame, a pseudo-physical frame and a guest
 * address are different types, so that mixing them does not compile; the small
 * dense identifiers stay plain integers with a name.
 */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include "core/base.h"

/* Machine frame number: machine address >> 12. */
typedef struct {
    u64 v;
} mfn_t;

/* Address in the current guest's address space. Never cast to a pointer:
 * only x86/guestcopy.c reads or writes what it names. */
typedef struct {
    u64 v;
} gva_t;

typedef u16 domid_t; /* 0 Domain0, 1.. tenants in manifest order */
typedef u32 vcpuid_t;
typedef u32 port_t; /* event channel port, 1..4095 */
typedef u64 ns_t;   /* nanoseconds since boot, saturating */

#define DOMID_SELF 0x7ff0u /* [XEN xen.h] */
#define DOMID_NONE 0xffffu /* ours: no domain */
#define DOMID_MAX 1023u    /* highest domain number we assign */
#define MFN_NONE 0xffffffffffffull
#define PFN_INVALID U64_MAX /* what the machine-to-phys view shows for none */
#define NS_NEVER U64_MAX
#define VCPU_MAX 32u /* per domain; legacy vcpu_info array size */
#define CPU_MAX 64u  /* physical CPUs */

static inline mfn_t mfn(u64 v)
{
    mfn_t m = { v };
    return m;
}

static inline gva_t gva(u64 v)
{
    gva_t g = { v };
    return g;
}

#endif
