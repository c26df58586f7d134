/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC [SDM 3A chapter 10].
 */
#include "x86/apic.h"

#include "x86/cpufeat.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/paging.h"
#include "x86/regs.h"

#define APIC_BASE_X2 0x400ull
#define APIC_BASE_ENABLE 0x800ull
#define APIC_BASE_FRAME 0xffffffffff000ull

#define REG_ID 0x20u
#define REG_TPR 0x80u
#define REG_EOI 0xb0u
#define REG_SPURIOUS 0xf0u
#define REG_ICR 0x300u
#define REG_ICR_HIGH 0x310u
#define REG_LVT_TIMER 0x320u
#define REG_LVT_LINT0 0x350u
#define REG_LVT_LINT1 0x360u
#define REG_LVT_ERROR 0x370u
#define REG_TIMER_INITIAL 0x380u
#define REG_TIMER_CURRENT 0x390u
#define REG_TIMER_DIVIDE 0x3e0u

#define LVT_MASKED 0x10000u
#define LVT_NMI 0x400u
#define LVT_EXTINT 0x700u
#define TIMER_TSC_DEADLINE 0x40000u
#define DIVIDE_BY_1 0xbu
#define SPURIOUS_ENABLE 0x100u
#define ICR_BUSY 0x1000u
#define ICR_ASSERT 0x4000u
#define BUSY_TRIES 1000000u

static bool x2apic SEALED;
static volatile u32 *apic_at SEALED;

static u32 apic_read(u32 reg)
{
    if (x2apic) {
        return (u32)hw_rdmsr(MSR_X2APIC + reg / 16);
    }
    return apic_at[reg / 4];
}

static void apic_write(u32 reg, u32 v)
{
    if (x2apic) {
        hw_wrmsr(MSR_X2APIC + reg / 16, v);
    } else {
        apic_at[reg / 4] = v;
    }
}

void apic_init(void)
{
    x2apic = cpu_features.x2apic;
    if (x2apic) {
        return; /* no registers in memory */
    }
    apic_at = paging_map_device(hw_rdmsr(MSR_APIC_BASE) & APIC_BASE_FRAME,
                                PAGE_BYTES);
}

void apic_setup(void)
{
    u64 base = hw_rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;
    if (x2apic) {
        base |= APIC_BASE_X2;
    }
    hw_wrmsr(MSR_APIC_BASE, base);
    apic_write(REG_SPURIOUS, SPURIOUS_ENABLE | VEC_SPURIOUS);
    apic_write(REG_TPR, 0);
    apic_write(REG_LVT_TIMER, LVT_MASKED | VEC_TIMER);
    apic_write(REG_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
    apic_write(REG_LVT_LINT1, LVT_NMI);
    apic_write(REG_LVT_ERROR, LVT_MASKED | VEC_SPURIOUS);
    apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(REG_TIMER_INITIAL, 0);
    apic_write(REG_EOI, 0);
}

u32 apic_self(void)
{
    const u32 v = apic_read(REG_ID);
    return x2apic ? v : v >> 24;
}

void apic_eoi(void)
{
    apic_write(REG_EOI, 0);
}

void apic_send(u32 apic_id, u32 command)
{
    const u32 low = ICR_ASSERT | command;
    if (x2apic) {
        /* Writes of an MSR of the APIC are not ordered after earlier stores
         * [SDM 3A 10.12.3]; MFENCE and LFENCE make them so. */
        hw_fence();
        hw_wrmsr(MSR_X2APIC + REG_ICR / 16, ((u64)apic_id << 32) | low);
        return;
    }
    for (u32 i = 0; i < BUSY_TRIES && (apic_at[REG_ICR / 4] & ICR_BUSY) != 0;
         i++) {
        hw_pause();
    }
    apic_at[REG_ICR_HIGH / 4] = apic_id << 24;
    apic_at[REG_ICR / 4] = low;
}

void apic_timer_set(u32 ticks)
{
    apic_write(REG_TIMER_INITIAL, ticks);
}

u32 apic_timer_read(void)
{
    return apic_read(REG_TIMER_CURRENT);
}

void apic_timer_mode(bool tsc_deadline)
{
    apic_write(REG_LVT_TIMER,
               VEC_TIMER | (tsc_deadline ? TIMER_TSC_DEADLINE : 0));
    /* The mode counts before the first deadline is written [SDM 3A
     * 10.5.4.1]. */
    hw_fence();
}
