/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for what is merged later: trap handling, launch, the CPU's loop.
 */
#include "core/atomic.h"
#include "x86/boot.h"
#include "x86/clock.h"
#include "x86/entry.h"
#include "x86/hw.h"
#include "x86/panic.h"
#include "x86/print.h"
#include "x86/regs.h"
#include "x86/serial.h"
#include "x86/smp.h"

void stub_trap(struct regs *r);
void stub_trap(struct regs *r)
{
    switch (r->vector) {
    case VEC_TIMER:
        irq_timer();
        return;
    case VEC_KICK:
        irq_kick();
        return;
    case VEC_FLUSH:
        irq_flush();
        return;
    case VEC_SERIAL:
        irq_serial();
        return;
    case VEC_HALT:
        irq_halt();
    case VEC_SPURIOUS:
        return;
    default:
        panic_regs(r, "exception");
    }
}

void serial_input_arrived(void)
{
}

void launch_all(const u8 *module, u64 bytes)
{
    host_print("module: %lu bytes%s\n", bytes,
               module != NULL && module[0] == '0' ? ", cpio" : "");
}

void cpu_loop(void)
{
    struct cpu *const c = this_cpu();
    host_print("CPU %u idle\n", c->id);
    for (u32 i = 0;; i++) {
        timer_arm(clock_now() + 500000000);
        while (c->resched == 0) {
            hw_sleep();
        }
        c->resched = 0;
        tlb_flush_cpus(smp_all_cpus());
        u8 b[16];
        const u32 n = c->id == 0 ? serial_read(0, b, 15) : 0;
        b[n] = 0;
        if (i < 4 || n > 0) {
            host_print("CPU %u at %lu ns irqs %lu input '%s'\n", c->id,
                       clock_now(), c->irq_count, (const char *)b);
        }
    }
}
