/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures of the public ABI that are not hypercall arguments, for 64-bit
 * PV guests. Field names follow the ABI; layouts are compared with the public
 * headers by tests/abi_test.c. [XEN xen.h, arch-x86/xen.h, vcpu.h]
 *
 * All of these live in memory that a guest can write at any time: read a
 * field once, with an atomic load, and never trust it.
 */
#ifndef CORE_XEN_H
#define CORE_XEN_H

#include "core/base.h"

struct vcpu_time_info {
    u32 version; /* odd while being changed */
    u32 pad0;
    u64 tsc_timestamp;
    u64 system_time; /* ns since boot at tsc_timestamp */
    u32 tsc_to_system_mul;
    s8 tsc_shift;
    u8 flags; /* bit 0: time is monotonic over vCPUs */
    u8 pad1[2];
};

struct vcpu_info {
    u8 upcall_pending, upcall_mask, pad[6];
    u64 pending_sel, cr2, pad_arch;
    struct vcpu_time_info time;
};

#define PORT_WORDS 64u
#define LEGACY_VCPU_MAX 32u

struct shared_info {
    struct vcpu_info vcpu_info[LEGACY_VCPU_MAX];
    u64 evtchn_pending[PORT_WORDS], evtchn_mask[PORT_WORDS];
    u32 wc_version, wc_sec, wc_nsec, wc_sec_hi;
    u64 max_pfn, pfn_to_mfn_frame_list_list, nmi_reason, p2m_cr3, p2m_vaddr;
    u64 p2m_generation;
};

_Static_assert(sizeof(struct shared_info) == 3136, "abi");

#define XEN_CMDLINE_BYTES 1024u
struct start_info {
    char magic[32];
    u64 nr_pages;
    u64 shared_info; /* machine address */
    u32 flags, pad0;
    u64 store_mfn;
    u32 store_evtchn, pad1;
    u64 console_mfn;
    u32 console_evtchn, pad2;
    u64 pt_base, nr_pt_frames, mfn_list, mod_start, mod_len;
    char cmd_line[XEN_CMDLINE_BYTES];
    u64 first_p2m_pfn, nr_p2m_frames;
};

#define SIF_MOD_START_PFN 8u

/* Runstate of a vCPU; state_entry_time bit 63 is the update flag. */
struct vcpu_runstate_info {
    u32 state; /* enum sched_state */
    u32 pad;
    u64 state_entry_time, time[4];
};

/* Trap table entry [XEN arch-x86/xen.h trap_info]. */
struct trap_info {
    u8 vector;
    u8 flags; /* bits 0-1: least privileged ring that may raise it; 2: mask
                 events on entry */
    u16 cs;
    u32 pad;
    u64 address;
};

struct multicall_entry {
    u64 op;
    s64 result;
    u64 args[6];
};

/* Shutdown reasons [XEN sched.h]. */
#define SHUTDOWN_POWEROFF 0u
#define SHUTDOWN_REBOOT 1u
#define SHUTDOWN_SUSPEND 2u
#define SHUTDOWN_CRASH 3u

#define VIRQ_TIMER 0u
#define VIRQ_DEBUG 1u
#define VIRQ_CONSOLE 2u /* bytes were typed, or the line takes some again */
#define VIRQ_DOM_EXC 3u /* a domain has changed its state */
#define VIRQ_RULES 16u  /* VIRQ_ARCH_0: new firewall rules are in force */
#define VIRQ_COUNT 24u

#endif
