/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID as a guest kernel sees it: the machine's answer cut by the table in
 * cpuid.def, then made to fit the vCPU. cpuid_filter is pure and tested on the
 * host; user programs of a guest execute the instruction itself and see the
 * machine's.
 *
 * Each vCPU looks like a package of its own with one core: leaves 1, 4 and
 * 0xb say so by absence. Leaves from 0x40000000 are the ABI's [XEN cpuid.h].
 */
#include "x86/cpuid.h"

#include "x86/hw.h"
#include "x86/private.h"

#define ANY 0xffffffffu
#define LEAF_MAX 0xdu
#define EXT_LEAF_MAX 0x80000008u
#define HV_LEAF 0x40000000u
#define HV_LEAF_MAX 0x40000005u
#define ABI_VERSION 0x00040011u       /* 4.17 */
#define FEATURE_HYPERVISOR (1u << 31) /* 1.ecx */
#define FEATURE_XSAVE (3u << 26)      /* and OSXSAVE */
#define FEATURE_AVX (1u << 28)
#define XCR0_AVX 4u
#define XCR0_AVX512 0xe0u
#define LEAF7_AVX512_B 0xd0230000u
#define LEAF7_AVX512_C 0x00005842u
#define XSAVEOPT_XSAVEC_XGETBV1 7u

struct cpuid_rule {
    u32 leaf, sub;
    struct cpuid_regs mask;
};

static const struct cpuid_rule rules[] = {
#define L(leaf, sub, a, b, c, d) { leaf, sub, { a, b, c, d } },
#include "x86/cpuid.def"
#undef L
};

static const struct cpuid_rule *rule_of(u32 leaf, u32 sub)
{
    for (u32 i = 0; i < ARRAY_COUNT(rules); i++) {
        if (rules[i].leaf == leaf &&
            (rules[i].sub == ANY || sub == 0 || leaf != 7)) {
            return &rules[i];
        }
    }
    return NULL;
}

static u32 at_most(u32 v, u32 limit)
{
    return v < limit ? v : limit;
}

/* [XEN arch-x86/cpuid.h] */
static struct cpuid_regs hypervisor_leaf(u32 leaf,
                                         const struct cpuid_view *view)
{
    struct cpuid_regs r = { 0, 0, 0, 0 };
    switch (leaf - HV_LEAF) {
    case 0:
        r.a = HV_LEAF_MAX;
        r.b = 0x566e6558; /* "XenVMMXenVMM" */
        r.c = 0x65584d4d;
        r.d = 0x4d4d566e;
        break;
    case 1:
        r.a = ABI_VERSION;
        break;
    case 2:
        r.a = 1; /* hypercall pages */
        r.b = HV_LEAF;
        r.c = 1; /* MMU_PT_UPDATE_PRESERVE_AD */
        break;
    case 5:
        r.b = view->address_bits;
        break;
    default:
        break;
    }
    return r;
}

/* Leaf 0xd: sizes and components of XSAVE. */
static struct cpuid_regs xsave_leaf(u32 sub, struct cpuid_regs r, u64 mask)
{
    const struct cpuid_regs none = { 0, 0, 0, 0 };
    if (mask == 0) {
        return none;
    }
    if (sub == 0) {
        r.a &= (u32)mask;
        r.d = 0;
        /* Largest area: the end of the last component guests may have. The
         * standard format is fixed [SDM 1 13.5]. */
        r.c = (mask & XCR0_AVX512) != 0 ? 2688
              : (mask & XCR0_AVX) != 0  ? 832
                                        : 576;
        r.b = at_most(r.b, r.c);
        return r;
    }
    if (sub == 1) {
        r.a &= XSAVEOPT_XSAVEC_XGETBV1;
        r.c = 0;
        r.d = 0;
        return r;
    }
    if (sub > 63 || (mask >> sub & 1) == 0) {
        return none;
    }
    r.c &= 2; /* alignment in the compact format; no supervisor ones */
    r.d = 0;
    return r;
}

static void fit_features(u32 leaf, struct cpuid_regs *r,
                         const struct cpuid_view *view)
{
    if (leaf == 1) {
        r->b |= view->vcpu << 24;
        r->c &= ~FEATURE_XSAVE;
        r->c |= view->xcr0_mask != 0 ? FEATURE_XSAVE : 0;
        /* AVX and what is made of it: FMA, F16C. */
        if ((view->xcr0_mask & XCR0_AVX) == 0) {
            r->c &= ~(FEATURE_AVX | 1u << 12 | 1u << 29);
        }
        r->c |= FEATURE_HYPERVISOR;
    }
    if (leaf == 7) {
        if ((view->xcr0_mask & XCR0_AVX) == 0) {
            r->b &= ~(1u << 5);
            r->c &= ~(3u << 9); /* VAES, VPCLMULQDQ */
        }
        if ((view->xcr0_mask & XCR0_AVX512) == 0) {
            r->b &= ~LEAF7_AVX512_B;
            r->c &= ~LEAF7_AVX512_C;
        }
    }
    if (leaf == 0x80000001 && (view->xcr0_mask & XCR0_AVX) == 0) {
        r->c &= ~(1u << 11 | 1u << 16); /* XOP, FMA4 */
    }
}

struct cpuid_regs cpuid_filter(u32 leaf, u32 sub, struct cpuid_regs native,
                               const struct cpuid_view *view)
{
    const struct cpuid_regs none = { 0, 0, 0, 0 };
    if (leaf >= HV_LEAF && leaf <= HV_LEAF_MAX) {
        return hypervisor_leaf(leaf, view);
    }
    const struct cpuid_rule *rule = rule_of(leaf, sub);
    if (rule == NULL) {
        return none;
    }
    struct cpuid_regs r = { native.a & rule->mask.a, native.b & rule->mask.b,
                            native.c & rule->mask.c, native.d & rule->mask.d };
    if (leaf == 0) {
        r.a = at_most(r.a, LEAF_MAX);
    } else if (leaf == 0x80000000) {
        r.a = at_most(r.a, EXT_LEAF_MAX);
    } else if (leaf == 0xd) {
        r = xsave_leaf(sub, r, view->xcr0_mask);
    }
    fit_features(leaf, &r, view);
    return r;
}

void cpuid_emulate(const struct vcpu *v, struct regs *r)
{
    const u32 leaf = (u32)r->rax;
    const u32 sub = (u32)r->rcx;
    const struct cpuid_view view = { .vcpu = v->id,
                                     .xcr0_mask = fpu_mask(),
                                     .address_bits = 44 };
    struct cpuid_regs native = { 0, 0, 0, 0 };
    /* Beyond the machine's largest leaf its answer means something else. */
    const u32 largest = hw_cpuid(leaf & 0x80000000, 0).a;
    if (rule_of(leaf, sub) != NULL && leaf <= largest) {
        const struct hw_cpuid h = hw_cpuid(leaf, sub);
        native = (struct cpuid_regs){ h.a, h.b, h.c, h.d };
    }
    const struct cpuid_regs out = cpuid_filter(leaf, sub, native, &view);
    r->rax = out.a;
    r->rbx = out.b;
    r->rcx = out.c;
    r->rdx = out.d;
}
