/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models and flaws. Where a bit says that the flaw or its cure is there, the
 * bit decides; the lists are of models that cannot say so themselves.
 *
 * The lists and the bits of XSA-82, TSA, GDS and RFDS are to be held against
 * the vendors' documents before the first run on such hardware: none has been
 * at hand. [Zenbleed's public write-up; SDM 3A 9.9.3; APM 3 E.4.16]
 */
#include "x86/model.h"

/* Bits of caps. */
#define MDS_NO (1u << 5)
#define TSX_CTRL (1u << 7)
#define TAA_NO (1u << 8)

/* Flaws of Intel's family 6 that microcode cures, and what says so, for MDS on
 * any model: a bit of caps, or 32 and one of leaf 7, EDX. */
static const struct {
    const char *flaw;
    u64 cures;
    u8 models[13];
} microcode[] = {
    { "MDS", 1ull << 42 | MDS_NO, { 0 } },
    { "SRBDS",
      1ull << 41 | MDS_NO,
      { 0x3a, 0x3c, 0x3d, 0x45, 0x46, 0x47, 0x4e, 0x5e, 0x8e, 0x9e } },
    { "GDS",
      3ull << 25,
      { 0x4e, 0x55, 0x5e, 0x6a, 0x6c, 0x7e, 0x8c, 0x8d, 0x8e, 0x9e, 0xa5, 0xa6,
        0xa7 } },
    { "RFDS",
      3ull << 27,
      { 0x5c, 0x5f, 0x7a, 0x86, 0x96, 0x97, 0x9a, 0x9c, 0xb7, 0xba, 0xbe,
        0xbf } },
};

/* Flaws that bits switch off. The first row is for who says TSX_CTRL: it makes
 * transactions abort at once. */
static const struct {
    u32 vendor;
    u8 family, first, last; /* of models */
    u32 msr;
    u64 bits;
} switches[MODEL_MSRS] = {
    { VENDOR_INTEL, 0x06, 0x00, 0xff, 0x122, 3 }, /* TAA (XSA-305) */
    { VENDOR_AMD, 0x16, 0x00, 0x0f, 0xc0011020,
      1 << 15 }, /* erratum 793 (82) */
    { VENDOR_AMD, 0x17, 0x00, 0x2f, 0xc0011028,
      1 << 9 }, /* Zen: divider (488) */
    { VENDOR_AMD, 0x17, 0x30, 0xff, 0xc0011029, 1 << 9 }, /* Zenbleed (433) */
    { VENDOR_AMD, 0x17, 0x30, 0xff, 0xc001102e,
      1ull << 33 }, /* op cache (490) */
};

void model_read(struct cpu_model *m)
{
    const struct hw_cpuid l1 = hw_cpuid(1, 0);
    const u32 family = l1.a >> 8 & 0xf;
    m->vendor = hw_cpuid(0, 0).b;
    m->family = family == 0xf ? family + (l1.a >> 20 & 0xff) : family;
    m->model = (l1.a >> 4 & 0xf) | (l1.a >> 12 & 0xf0);
    m->is_guest = l1.c >> 31 != 0;
    m->l7 = hw_cpuid_leaf(7);
    m->amd21 = hw_cpuid_leaf(m->vendor == VENDOR_AMD ? 0x80000021 : U32_MAX);
    m->caps = (m->l7.d >> 29 & 1) != 0 ? (u32)hw_rdmsr(0x10a) : 0;
}

const char *model_flaw(const struct cpu_model *m)
{
    if (m->vendor == VENDOR_AMD && m->family == 0xf && m->model < 0x40) {
        return "erratum 121";
    }
    if (m->vendor == VENDOR_AMD && m->family == 0x19 && !m->is_guest &&
        !model_has_verw(m) && (m->amd21.c >> 1 & 3) != 3) {
        return "TSA";
    }
    if (m->vendor != VENDOR_INTEL || m->family != 6 || m->is_guest) {
        return NULL;
    }
    const u64 says = (u64)m->l7.d << 32 | m->caps;
    for (u32 i = 0; i < ARRAY_COUNT(microcode); i++) {
        const u8 *const models = microcode[i].models;
        bool affected = models[0] == 0;
        for (u32 k = 0; k < sizeof(microcode[i].models); k++) {
            affected = affected || models[k] == m->model;
        }
        if (affected && (says & microcode[i].cures) == 0) {
            return microcode[i].flaw;
        }
    }
    const bool has_rtm = (m->l7.b >> 11 & 1) != 0;
    return has_rtm && (says & (MDS_NO | TSX_CTRL | TAA_NO)) == MDS_NO ? "TAA"
                                                                      : NULL;
}

u64 model_msr_bits(const struct cpu_model *m, u32 i, u32 *msr)
{
    *msr = switches[i].msr;
    const bool is_this =
        m->vendor == switches[i].vendor && m->family == switches[i].family &&
        m->model >= switches[i].first && m->model <= switches[i].last;
    return is_this && !m->is_guest && (i > 0 || (m->caps & TSX_CTRL) != 0)
               ? switches[i].bits
               : 0;
}

bool model_has_verw(const struct cpu_model *m)
{
    /* MD_CLEAR; FB_CLEAR, RFDS_CLEAR; AMD's VERW_CLEAR. */
    return (m->l7.d >> 10 & 1) != 0 || (m->caps & 0x10020000) != 0 ||
           (m->amd21.a >> 5 & 1) != 0;
}

u32 model_thread_bits(struct hw_cpuid lb, struct hw_cpuid e1e)
{
    if (lb.b != 0) {
        return lb.a & 0x1f;
    }
    u32 bits = 0; /* of the number of threads of a core, less one */
    while ((e1e.b >> 8 & 0xff) >> bits != 0) {
        bits++;
    }
    return bits;
}
