/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TSC is measured against channel 2 of the PIT over some 30 ms: TSC and
 * counter are read as close pairs at both ends, and a pair that took too long
 * (an emulator lost the CPU between) is read again. The APIC timer is measured
 * in the same run, since software emulation has no TSC deadline.
 */
#include "x86/clock.h"

#include "core/arch.h"
#include "core/domain.h"
#include "core/record.h"
#include "x86/apic.h"
#include "x86/cpufeat.h"
#include "x86/hw.h"
#include "x86/image.h"
#include "x86/print.h"

#define PIT_HZ 1193182ull
#define PIT_CHANNEL2 0x42u
#define PIT_COMMAND 0x43u
#define PIT_GATE 0x61u
#define PIT_START 0xffffu
#define PIT_SPAN 36000u /* 30 ms */
#define NS_PER_S 1000000000ull
#define PAIR_TRIES 200u
#define MEASURE_TRIES 16u
#define SPAN_TRIES 10000000u

static u64 tsc_base SEALED;
static u64 tsc_hz SEALED;
static u32 tsc_mul SEALED;
static s8 tsc_shift SEALED;
static u64 apic_hz SEALED;
static u64 wall_base SEALED;
static bool rtc_is_bcd SEALED;

struct sample {
    u64 tsc;
    u64 apic; /* counts down */
    u32 pit;  /* counts down */
};

static u32 pit_read(void)
{
    hw_out8(PIT_COMMAND, 0x80); /* latch channel 2 */
    const u32 low = hw_in8(PIT_CHANNEL2);
    const u32 high = hw_in8(PIT_CHANNEL2);
    return low | high << 8;
}

static void pit_start(void)
{
    /* Gate on, speaker off; mode 0, both bytes. */
    hw_out8(PIT_GATE, (u8)((hw_in8(PIT_GATE) & 0xfc) | 1));
    hw_out8(PIT_COMMAND, 0xb0);
    hw_out8(PIT_CHANNEL2, PIT_START & 0xff);
    hw_out8(PIT_CHANNEL2, PIT_START >> 8);
}

/* The closest of a few readings. */
static struct sample sample_take(void)
{
    struct sample best = { 0, 0, 0 };
    u64 best_took = U64_MAX;
    for (u32 i = 0; i < PAIR_TRIES; i++) {
        const u64 before = hw_rdtsc();
        const u32 pit = pit_read();
        const u32 apic = apic_timer_read();
        const u64 took = hw_rdtsc() - before;
        if (took < best_took) {
            best_took = took;
            best.tsc = before + took / 2;
            best.pit = pit;
            best.apic = apic;
        }
    }
    return best;
}

/* False: something else had the CPU for so long that the counter ran over. */
static bool measure(void)
{
    apic_timer_set(U32_MAX);
    pit_start();
    const struct sample a = sample_take();
    u32 pit = a.pit;
    for (u32 i = 0; i < SPAN_TRIES && a.pit - pit < PIT_SPAN && pit <= a.pit;
         i++) {
        pit = pit_read();
    }
    const struct sample b = sample_take();
    apic_timer_set(0);
    if (b.pit >= a.pit || a.pit - b.pit < PIT_SPAN / 2 || b.tsc <= a.tsc ||
        b.apic >= a.apic) {
        return false;
    }
    const u64 span = a.pit - b.pit;
    tsc_hz = (b.tsc - a.tsc) * PIT_HZ / span;
    apic_hz = (a.apic - b.apic) * PIT_HZ / span;
    return true;
}

/* Shift so that the shifted frequency is in (1 GHz, 2 GHz]; then mul, which is
 * 2^32 * 1e9 / frequency, is in [2^31, 2^32). A right shift loses at most a few
 * low bits of the frequency: less than the error of the measurement. */
static void scale_choose(void)
{
    u64 hz = tsc_hz;
    s8 shift = 0;
    while (hz > 2 * NS_PER_S) {
        hz >>= 1;
        shift--;
    }
    while (hz <= NS_PER_S) {
        hz <<= 1;
        shift++;
    }
    tsc_mul = (u32)((NS_PER_S << 32) / hz);
    tsc_shift = shift;
}

static u64 scale(u64 delta)
{
    const u64 d =
        tsc_shift < 0 ? delta >> (u32)-tsc_shift : delta << (u32)tsc_shift;
    return (d >> 32) * tsc_mul + ((d & U32_MAX) * tsc_mul >> 32);
}

void arch_interrupts(void)
{
    hw_take_interrupts();
}

ns_t arch_now(void)
{
    const u64 t = hw_rdtsc();
    return t > tsc_base ? scale(t - tsc_base) : 0;
}

void clock_time_info(struct vcpu_time_info *t)
{
    t->tsc_to_system_mul = tsc_mul;
    t->tsc_shift = tsc_shift;
    t->tsc_timestamp = tsc_base;
    t->system_time = 0;
    t->flags = 1;
}

void arch_domain_times(struct domain *d)
{
    struct vcpu_time_info now = { .version = 2 };
    clock_time_info(&now);
    for (u32 i = 0; i < LEGACY_VCPU_MAX; i++) {
        d->shared->vcpu_info[i].time = now;
    }
    d->shared->wc_version = 2;
    d->shared->wc_sec = (u32)(wall_base / NS_PER_S);
    d->shared->wc_sec_hi = (u32)(wall_base / NS_PER_S >> 32);
    d->shared->wc_nsec = (u32)(wall_base % NS_PER_S);
}

u64 arch_wall_ns(void)
{
    return wall_base + arch_now();
}

u64 clock_tsc_khz(void)
{
    return tsc_hz / 1000;
}

/* ---- real-time clock --------------------------------------------------- */

static u8 rtc_raw(u8 reg)
{
    hw_out8(0x70, reg);
    return hw_in8(0x71);
}

/* A register of two decimal digits. */
static u64 rtc_read(u8 reg)
{
    const u8 v = rtc_raw(reg);
    return rtc_is_bcd ? (u64)(v >> 4) * 10 + (v & 15) : v;
}

/* Days from 1970-01-01 of a date of the Gregorian calendar: years begin in
 * March, so that the leap day is the last. */
static u64 days_from_date(u64 year, u64 month, u64 day)
{
    const u64 y = month <= 2 ? year - 1 : year;
    const u64 m = month <= 2 ? month + 9 : month - 3;
    const u64 day_of_year = (153 * m + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static u64 rtc_seconds(void)
{
    for (u32 i = 0; i < 100000 && (rtc_raw(0x0a) & 0x80) != 0; i++) {
        hw_pause(); /* an update is in progress */
    }
    const u64 days =
        days_from_date(2000 + rtc_read(9), rtc_read(8), rtc_read(7));
    return days * 86400 + rtc_read(4) * 3600 + rtc_read(2) * 60 + rtc_read(0);
}

/* Until two readings agree: the clock may count between two registers. A clock
 * of 24 hours and of this century. */
static u64 wall_read(void)
{
    rtc_is_bcd = (rtc_raw(0x0b) & 4) == 0;
    u64 seconds = rtc_seconds();
    for (u32 i = 0; i < 10 && rtc_seconds() != seconds; i++) {
        seconds = rtc_seconds();
    }
    return seconds * NS_PER_S;
}

/* ---- set-up, timer ----------------------------------------------------- */

void clock_init(void)
{
    apic_timer_mode(false);
    u32 tries = 0;
    while (!measure()) {
        if (++tries == MEASURE_TRIES) {
            cannot_start("the timer cannot be measured");
        }
    }
    scale_choose();
    tsc_base = hw_rdtsc();
    wall_base = wall_read() - arch_now();
    clock_setup();
}

void clock_setup(void)
{
    apic_timer_mode(cpu_features.tsc_deadline);
    this_cpu()->timer_armed = NS_NEVER;
}

/* a * b / c for b, c below 2^34 or so, without passing 64 bits when a is up to
 * a second. */
static u64 ns_to_ticks(u64 ns, u64 hz)
{
    return ns / NS_PER_S * hz + ns % NS_PER_S * (hz / 1000) / (NS_PER_S / 1000);
}

/* Never later than the log wants to be looked at. */
void arch_timer_arm(ns_t wanted)
{
    struct cpu *const c = this_cpu();
    const ns_t log = record_summaries_at();
    const ns_t deadline = wanted < log ? wanted : log;
    c->timer_armed = deadline;
    if (deadline == NS_NEVER) {
        if (cpu_features.tsc_deadline) {
            hw_wrmsr(MSR_TSC_DEADLINE, 0);
        } else {
            apic_timer_set(0);
        }
        return;
    }
    const ns_t now = arch_now();
    u64 left = deadline > now ? deadline - now : 0;
    /* Not further than a second: a far deadline interrupts early and is armed
     * again. */
    left = left > NS_PER_S ? NS_PER_S : left;
    if (cpu_features.tsc_deadline) {
        hw_wrmsr(MSR_TSC_DEADLINE, hw_rdtsc() + ns_to_ticks(left, tsc_hz) + 1);
        return;
    }
    const u64 ticks = ns_to_ticks(left, apic_hz) + 1;
    apic_timer_set(ticks > U32_MAX ? U32_MAX : (u32)ticks);
}
