/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine checks [SDM 3B 16.3]. What the processor has corrected harms nobody.
 * After an uncorrected error the host goes on only when what was interrupted
 * could have: the restart address is valid and no bank speaks of a corrupt
 * context. Whoever ran is then taken to have used what was lost, unless the
 * processor says that nobody has so far: an error whose handling is optional,
 * that is neither AR nor one of several [16.6.3].
 *
 * The banks are cleared, so that the next check shows its own errors; before a
 * panic they stay as they are, for the firmware.
 */
#include "x86/mce.h"

#include "x86/cpufeat.h"
#include "x86/hw.h"

#define MSR_MCG_CAP 0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MC0_STATUS 0x401u /* one bank each 4 numbers */
#define MCG_BANKS 0xffu
#define MCG_SER_P (1ull << 24) /* banks tell whether somebody must act */
#define MCG_RIPV 0x1ull
#define MC_VALID (1ull << 63)
#define MC_OVERFLOW (1ull << 62)
#define MC_UNCORRECTED (1ull << 61)
#define MC_CONTEXT_CORRUPT (1ull << 57)
#define MC_ACTION_REQUIRED (1ull << 55)

/* Has an error of that bank cost what ran something? */
static bool is_lost(u64 status, bool tells)
{
    return (status & MC_UNCORRECTED) != 0 &&
           (!tells || (status & (MC_ACTION_REQUIRED | MC_OVERFLOW)) != 0);
}

enum mce_damage mce_look(void)
{
    if (!cpu_features.mca || (hw_rdmsr(MSR_MCG_STATUS) & MCG_RIPV) == 0) {
        return MCE_FATAL;
    }
    const u64 cap = hw_rdmsr(MSR_MCG_CAP);
    const u32 banks = (u32)cap & MCG_BANKS;
    u64 seen = 0;
    bool lost = false;
    for (u32 i = 0; i < banks; i++) {
        const u64 status = hw_rdmsr(MSR_MC0_STATUS + 4 * i);
        if ((status & MC_VALID) != 0) {
            seen |= status;
            lost |= is_lost(status, (cap & MCG_SER_P) != 0);
        }
    }
    if ((seen & MC_CONTEXT_CORRUPT) != 0) {
        return MCE_FATAL;
    }
    for (u32 i = 0; i < banks; i++) {
        hw_wrmsr(MSR_MC0_STATUS + 4 * i, 0);
    }
    hw_wrmsr(MSR_MCG_STATUS, 0); /* the next one may come */
    return lost ? MCE_LOST : MCE_HARMLESS;
}
