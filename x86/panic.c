/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's last words. One CPU prints, then writes the log's last record, the
 * others are told to stop; a CPU that panics while another does stops silently,
 * and one that panics in its last words does not begin again.
 */
#include "x86/panic.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "core/record.h"
#include "x86/hw.h"
#include "x86/machine.h"
#include "x86/print.h"
#include "x86/regs.h"
#include "x86/smp.h"

static u32 panicking; /* [a] 1 + the CPU that prints */

static void panic_enter(void)
{
    hw_cli();
    const u32 self = this_cpu()->id + 1;
    u32 nobody = 0;
    if (!atomic_cas32(&panicking, &nobody, self)) {
        if (nobody == self) {
            machine_stop(EXIT_PANIC);
        }
        hw_halt();
    }
    smp_stop_others();
}

static void NO_RETURN panic_leave(u64 rip)
{
    if (!record_panic(rip)) {
        panic_print("audit: the last records are not written\n");
    }
    panic_print("audit: chain head %016lx%016lx%016lx%016lx\n",
                record_head_word(0), record_head_word(1), record_head_word(2),
                record_head_word(3));
    machine_stop(EXIT_PANIC);
}

void panic(const char *fmt, ...)
{
    va_list args;
    panic_enter();
    panic_print("\nringfence: panic on CPU %u: ", this_cpu()->id);
    va_start(args, fmt);
    panic_vprint(fmt, args);
    va_end(args);
    panic_print("\n");
    panic_leave((u64)__builtin_return_address(0));
}

void panic_check(const char *what, const char *file, u32 line)
{
    panic("check failed: %s (%s:%u)", what, file, line);
}

void panic_regs(const char *what, const struct regs *r)
{
    panic_enter();
    panic_print("\nringfence: panic on CPU %u: %s\n", this_cpu()->id, what);
    panic_print("vector %x error %x cr2 %lx cr3 %lx\n", r->vector, r->error,
                hw_read_cr2(), hw_read_cr3());
    panic_print("rip %lx cs %lx rflags %lx rsp %lx ss %lx\n", r->rip, r->cs,
                r->rflags, r->rsp, r->ss);
    panic_print("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx,
                r->rcx, r->rdx);
    panic_print("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi,
                r->rbp, r->r8);
    panic_print("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10,
                r->r11, r->r12);
    panic_print("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
    panic_leave(r->rip);
}

void arch_panic(const char *what)
{
    panic("%s", what);
}

/* Called by the compiler's code when a canary was overwritten. */
void __stack_chk_fail(void) NO_RETURN;
void __stack_chk_fail(void)
{
    panic("stack overwritten");
}
