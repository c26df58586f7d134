/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for the handlers that x86/ implements, for tests that link
 * core/dispatch.c: each counts its calls and remembers its row.
 */
#include "tests/host_arch.h"

#define WEAK __attribute__((weak))

static s64 count(u32 row)
{
    host.x86_calls++;
    host.x86_row = row;
    return RC_OK;
}

#define REGISTERS(name)                                                        \
    WEAK s64 hc_##name(struct hc_call *c)                                      \
    {                                                                          \
        (void)c;                                                               \
        return count(HCROW_##name);                                            \
    }
#define STRUCTURE(name, s)                                                     \
    WEAK s64 hc_##name(struct hc_call *c, struct arg_##s *a)                   \
    {                                                                          \
        (void)c;                                                               \
        (void)a;                                                               \
        return count(HCROW_##name);                                            \
    }

REGISTERS(set_trap_table)
REGISTERS(set_gdt)
REGISTERS(stack_switch)
REGISTERS(fpu_taskswitch)
REGISTERS(set_debugreg)
REGISTERS(get_debugreg)
REGISTERS(update_descriptor)
REGISTERS(iret)
REGISTERS(vcpu_initialise)
REGISTERS(vcpu_send_nmi)
REGISTERS(segbase_fs)
REGISTERS(segbase_gs_user)
REGISTERS(segbase_gs_kernel)
REGISTERS(segbase_gs_sel)
STRUCTURE(set_ldt, mmuext_op)
STRUCTURE(callback_event, callback)
STRUCTURE(callback_failsafe, callback)
STRUCTURE(callback_syscall, callback)
STRUCTURE(callback_sysenter, callback)
STRUCTURE(callback_syscall32, callback)
STRUCTURE(set_iopl, set_iopl)
