/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be done on account of the processor's model: flaws that have to be
 * switched off, flaws for which it lacks the microcode, threads of a core.
 *
 * Under another hypervisor the machine is that one's business: what it shows of
 * a model is no evidence of what it runs on, so nothing is refused or set.
 *
 * All but model_read is pure.
 */
#ifndef X86_MODEL_H
#define X86_MODEL_H

#include "x86/hw.h"

/* What CPUID says. */
struct cpu_model {
    u32 vendor;            /* leaf 0, EBX */
    u32 family, model;     /* leaf 1, with the extended fields */
    bool is_guest;         /* leaf 1: there is a hypervisor */
    struct hw_cpuid l7;    /* leaf 7 */
    struct hw_cpuid amd21; /* leaf 80000021h; zero but for AMD */
    u32 caps;              /* low half of IA32_ARCH_CAPABILITIES, or 0 */
};

/* The name's first letters: "Genu", "Auth". */
#define VENDOR_INTEL 0x756e6547u
#define VENDOR_AMD 0x68747541u

#define MODEL_MSRS 5u

void model_read(struct cpu_model *m);
/* Why tenants must not run on this processor: a flaw without its cure. NULL:
 * they may. */
const char *model_flaw(const struct cpu_model *m);
/* Row i (below MODEL_MSRS) of what is to be set on each CPU: the bits, and in
 * *msr of which register. 0: the row is not for this processor. */
u64 model_msr_bits(const struct cpu_model *m, u32 i, u32 *msr);
/* VERW overwrites the buffers that later loads might sample. */
bool model_has_verw(const struct cpu_model *m);
/* CPUs whose APIC ids are equal but for so many low bits are threads of one
 * core, by leaves 0bh or, of AMD, 8000001eh. Processors with threads and
 * neither leaf (before 2008) are taken for such without threads. */
u32 model_thread_bits(struct hw_cpuid lb, struct hw_cpuid e1e);

#endif
