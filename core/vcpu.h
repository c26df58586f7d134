/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual CPU: control state. Registers, FPU state, trap table and
 * descriptor copies live in the vCPU's private pages (x86/private.h), mapped
 * only in its own domain's tables; nothing here is another tenant's secret.
 *
 *            vcpu_op.initialise, launch      vcpu_op.up
 *   EMPTY ---------------------------> DOWN ------------> UP
 *                                        <------------
 *                                         vcpu_op.down
 * FILLING: EMPTY, and one caller of initialise is at work on it.
 * A vCPU that is UP runs, waits to run or sleeps; that is the scheduler's
 * business (core/sched.h). Fields without a letter belong to the CPU that runs
 * the vCPU ([c]); another CPU touches them only while the vCPU is DOWN or
 * EMPTY, under domain.mm.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include "core/ids.h"
#include "core/sched.h"
#include "core/xen.h"

struct domain;

enum vcpu_state { VCPU_EMPTY, VCPU_DOWN, VCPU_UP, VCPU_FILLING };

enum callback_kind {
    CALLBACK_EVENT,
    CALLBACK_FAILSAFE,
    CALLBACK_SYSCALL,
    CALLBACK_SYSENTER,
    CALLBACK_SYSCALL32,
    CALLBACK_COUNT
};

struct callback {
    u64 address;      /* 0: none */
    bool mask_events; /* set upcall_mask on entry */
};

struct vcpu {
    struct domain *domain; /* [I] */
    vcpuid_t id;           /* [I] */
    u32 state;             /* [a] enum vcpu_state */

    /* Entry points and modes. x86/entry.S knows the places down to callback. */
    struct vcpu_info
        *info;         /* in shared_info, or in the private area once
                          registered; use only in the own domain's tables */
    u64 kernel_sp;     /* stack on entry from user mode */
    mfn_t kernel_root; /* L4 of kernel mode; MFN_NONE before launch */
    /* Segment bases; the live one is in the register while running. */
    u64 gs_base_kernel;
    u64 gs_base_user;
    u64 cr4;        /* what the guest set of what it may set */
    bool in_kernel; /* guest kernel or guest user mode */
    struct callback callback[CALLBACK_COUNT];
    bool nmi_masked;    /* inside the NMI handler, until iret */
    bool task_switched; /* virtual CR0.TS */
    u32 nmi_pending;    /* [a] */
    u32 iopl;           /* virtual, 0..3 */
    mfn_t user_root;    /* L4 of user mode, MFN_NONE for none */
    u64 fs_base;
    u64 debugreg[8];
    struct sched_unit sched; /* [s] run queue state, CPU, times */

    /* Descriptor tables, by copy (private pages). */
    mfn_t gdt_frame; /* frame the copy was made of, MFN_NONE for none */
    u32 gdt_entries; /* 0..512 */
    mfn_t ldt_frame; /* MFN_NONE for none */
    u32 ldt_entries; /* 0..512 */

    /* Events and time. */
    mfn_t info_frame; /* registered frame, MFN_NONE for none */
    u64 pend_sel;     /* [a] selector bits not yet shown to the guest */
    u32 poll_count;   /* [a] ports being polled, 0 not polling */
    port_t poll_port; /* [a] the port when poll_count is 1 */
    port_t virq_port[VIRQ_COUNT]; /* [e] 0: not bound */
    mfn_t runstate_frame[2];      /* MFN_NONE: not registered */
    u32 runstate_offset;
    mfn_t time_frame[2];
    u32 time_offset;
    struct vcpu_runstate_info runstate;

    u64 recent_nr;  /* last eight calls, a byte each: AUDIT_FIELD_CALLS */
    u64 recent_sub; /* their sub-operations */
    ns_t patience;  /* it waits for room in the log until then; 0: not */
    s32 budget;     /* what this call may still spend: pgtable.h */
};

/* The vCPU of d with that number, or NULL. */
struct vcpu *vcpu_of(struct domain *d, u64 id);

#endif
