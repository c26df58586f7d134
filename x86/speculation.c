/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between tenants on one CPU, what the processor offers is used and nothing is
 * required: the indirect branch predictors are cut off (IBPB) and the buffers
 * that a later load might sample are overwritten (VERW). [SDM 4, MSR 49h; 1
 * "CPUID" leaf 7; Intel "Microarchitectural Data Sampling"]
 *
 * Between a tenant and the hypervisor no such step is made: no tenant's secret
 * is mapped there (layout.h), and ring 0 has no indirect branch to train.
 *
 * L1TF: some processors read the first-level cache at the address in an entry
 * that is not present. A guest writes such entries freely, so on these the
 * address must not name memory: arch_l1tf_affected tells core/pgtable.c.
 */
#include "x86/speculation.h"

#include "core/arch.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/layout.h"

#define MSR_PREDICTOR_COMMAND 0x49u
#define MSR_ARCH_CAPABILITIES 0x10au
#define IBPB 1ull
#define RDCL_NO 1ull

/* CPUID leaf 7, EDX; 80000008h, EBX. */
#define LEAF7_D_MD_CLEAR (1u << 10)
#define LEAF7_D_IBRS_IBPB (1u << 26)
#define LEAF7_D_ARCH_CAPABILITIES (1u << 29)
#define EXT8_B_IBPB (1u << 12)

#define VENDOR_B_INTEL 0x756e6547u /* "Genu" */
#define FAMILY_6 6u

static bool has_ibpb SEALED;
static bool has_md_clear SEALED;
static bool l1tf_affected SEALED;

static bool is_l1tf_affected(u32 leaf7_d)
{
    const struct hw_cpuid vendor = hw_cpuid(0, 0);
    const u32 family = hw_cpuid(1, 0).a >> 8 & 0xf;
    if (vendor.b != VENDOR_B_INTEL || family != FAMILY_6) {
        return false;
    }
    return (leaf7_d & LEAF7_D_ARCH_CAPABILITIES) == 0 ||
           (hw_rdmsr(MSR_ARCH_CAPABILITIES) & RDCL_NO) == 0;
}

void speculation_detect(void)
{
    const u32 leaf7_d = hw_cpuid(0, 0).a >= 7 ? hw_cpuid(7, 0).d : 0;
    const u32 ext8_b =
        hw_cpuid(0x80000000, 0).a >= 0x80000008 ? hw_cpuid(0x80000008, 0).b : 0;
    has_ibpb =
        (leaf7_d & LEAF7_D_IBRS_IBPB) != 0 || (ext8_b & EXT8_B_IBPB) != 0;
    has_md_clear = (leaf7_d & LEAF7_D_MD_CLEAR) != 0;
    l1tf_affected = is_l1tf_affected(leaf7_d);
}

void speculation_domain_switch(void)
{
    if (has_ibpb) {
        hw_wrmsr(MSR_PREDICTOR_COMMAND, IBPB);
    }
    if (has_md_clear) {
        hw_verw(SEL_HV_DS);
    }
}

const char *speculation_text(void)
{
    if (has_ibpb) {
        return has_md_clear ? " IBPB MD_CLEAR" : " IBPB";
    }
    return has_md_clear ? " MD_CLEAR" : "";
}

bool arch_l1tf_affected(void)
{
    return l1tf_affected;
}
