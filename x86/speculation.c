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
#include "x86/image.h"
#include "x86/layout.h"
#include "x86/model.h"
#include "x86/print.h"

#define MSR_PREDICTOR_COMMAND 0x49u
#define IBPB 1ull

#define LEAF7_D_IBRS_IBPB (1u << 26)
#define EXT8_B_IBPB (1u << 12)
#define CAPS_RDCL_NO 1u

static struct cpu_model model SEALED;
static bool has_ibpb SEALED;
static bool has_verw SEALED;

void speculation_detect(void)
{
    model_read(&model);
    has_ibpb = (model.l7.d & LEAF7_D_IBRS_IBPB) != 0 ||
               (hw_cpuid_leaf(0x80000008).b & EXT8_B_IBPB) != 0;
    has_verw = model_has_verw(&model);
    const char *const flaw = model_flaw(&model);
    if (flaw != NULL) {
        cannot_start("the CPU has no cure for %s", flaw);
    }
}

void speculation_setup(void)
{
    for (u32 i = 0; i < MODEL_MSRS; i++) {
        u32 msr;
        const u64 bits = model_msr_bits(&model, i, &msr);
        if (bits != 0) {
            hw_wrmsr(msr, hw_rdmsr(msr) | bits);
            if ((hw_rdmsr(msr) & bits) != bits) {
                cannot_start("the CPU does not take bits %lx of MSR %x", bits,
                             msr);
            }
        }
    }
}

void speculation_domain_switch(void)
{
    hw_forget_results();
    if (has_ibpb) {
        hw_wrmsr(MSR_PREDICTOR_COMMAND, IBPB);
    }
    if (has_verw) {
        hw_verw(SEL_HV_DS);
    }
}

const char *speculation_text(void)
{
    if (has_ibpb) {
        return has_verw ? " IBPB VERW" : " IBPB";
    }
    return has_verw ? " VERW" : "";
}

bool arch_l1tf_affected(void)
{
    return model.vendor == VENDOR_INTEL && model.family == 6 &&
           (model.caps & CAPS_RDCL_NO) == 0;
}
