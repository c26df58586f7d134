/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything core/ asks of the machine. The kernel implements it in x86/; the
 * unit tests and fuzzers in tests/host_arch.c. No function here blocks.
 */
#ifndef CORE_ARCH_H
#define CORE_ARCH_H

#include "core/ids.h"
#include "core/rc.h"

struct domain;
struct vcpu;

/* ---- this CPU ---------------------------------------------------------- */

/* Number of this CPU, 0..CPU_MAX-1. */
u32 arch_cpu(void);
/* The vCPU whose registers this CPU holds, or NULL. */
struct vcpu *arch_current(void);
/* One turn of a waiting loop: serve requests from other CPUs, pause. */
void arch_relax(void);
/* Take the interrupts that wait, between two long parts of a call: nobody's
 * interrupt waits longer for ring 0 than docs/bounds.md says. No lock held. */
void arch_interrupts(void);
/* Where the current vCPU's guest code was when it came in. */
u64 arch_guest_rip(void);
/* Nanoseconds since boot, monotonic over all CPUs. */
ns_t arch_now(void);
/* Make CPU cpu look at its work before it returns to a guest or sleeps. */
void arch_kick(u32 cpu);
/* This CPU shall pick a vCPU again before it returns to a guest. */
void arch_resched(void);
/* Interrupt this CPU at that time (NS_NEVER: not at all). */
void arch_timer_arm(ns_t deadline);
/* The impossible has happened: stop the host, say where. */
/*@ assigns \nothing; ensures \false; */
void arch_panic(const char *what) NO_RETURN;

/* ---- guest memory, current vCPU's kernel address space ------------------ */

/* Copy between hypervisor memory and the current guest; false when any byte is
 * not accessible to the guest, and then the destination may be part-written.
 * No lock may be held. bytes <= 64 KiB. */
bool arch_fetch(void *to, gva_t from, u64 bytes) MUST_CHECK;
bool arch_store(gva_t to, const void *from, u64 bytes) MUST_CHECK;

/* ---- page tables -------------------------------------------------------- */

/* Entry index of the live (or validating) table, read and written through the
 * window. table is mapped there: see arch_window_map. */
u64 arch_pte_read(mfn_t table, u32 index);
void arch_pte_write(mfn_t table, u32 index, u64 value);
/* Replace *expected by value; false and *expected updated if it had changed
 * (the processor sets accessed and dirty bits concurrently). */
bool arch_pte_swap(mfn_t table, u32 index, u64 *expected, u64 value);
/* The same table as an array, for walks; entries change under us only in
 * their accessed and dirty bits. */
u64 *arch_table(mfn_t table);
/* The processor may read the cache at the address of an entry that is not
 * present (L1TF): such an entry must not name memory. */
bool arch_l1tf_affected(void);
/* Map a frame that becomes a table in the window; unmap one that ceased. */
void arch_window_map(mfn_t table);
void arch_window_unmap(mfn_t table);
/* Fill the hypervisor's slots of d's new L4 table (in the window). */
void arch_install_slots(const struct domain *d, mfn_t l4);
/* Walk the current kernel root for va: machine frame of the L1 table and
 * index. RC_EFAULT when there is no L1 table. Reads live tables only. */
enum rc arch_walk(const struct vcpu *v, u64 va, mfn_t *table,
                  u32 *index) MUST_CHECK;

/* ---- other frames, through temporary slots ------------------------------ */

void arch_frame_zero(mfn_t m);
void arch_frame_write64(mfn_t m, u32 offset, u64 value);
/* The words of a frame, until the same CPU closes it. */
u64 *arch_frame_open(mfn_t m);
void arch_frame_close(void);
/* Copy within or between frames; offset + bytes <= PAGE_BYTES each. */
void arch_frame_copy(mfn_t to, u32 to_offset, mfn_t from, u32 from_offset,
                     u32 bytes);
/* Copy between a frame and hypervisor memory. */
void arch_frame_read(void *to, mfn_t from, u32 offset, u32 bytes);
void arch_frame_write(mfn_t to, u32 offset, const void *from, u32 bytes);

/* ---- translations ------------------------------------------------------- */

/* The TLB clock now; a frame stamped with s needs no flush on a CPU that has
 * flushed everything at a later clock value. */
/*@ assigns \nothing; */
u64 arch_tlb_stamp(void);
/* Flush, on each CPU of cpus that has not flushed since the stamp; waits. */
void arch_tlb_flush_since(u64 cpus, u64 stamp);
/* Flush everything, or one page, on each CPU of cpus; waits. */
void arch_tlb_flush(u64 cpus);
void arch_tlb_flush_page(u64 cpus, u64 va);

/* ---- vCPU and domain ----------------------------------------------------- */

/* Load the root that v's mode asks for, if v is current. */
void arch_load_root(struct vcpu *v);
/* Show the frames at page of v's private area to the hypervisor (MFN_NONE:
 * nothing). page is one of the PRIVATE_*_PAGE places of x86/layout.h. */
void *arch_private_map(struct vcpu *v, u32 page, mfn_t m);
/* Write v's time record into its vcpu_info and its time area. v is current. */
void arch_time_publish(struct vcpu *v);
/* Write v's runstate to its registered area. In v's own address space. */
void arch_runstate_publish(struct vcpu *v);

/* Write the time records and wall clock of a domain that is about to start. */
void arch_domain_times(struct domain *d);

/* ---- at boot --------------------------------------------------------------
 */

/* Hypervisor memory: count frames, zeroed, contiguous, mapped for good.
 * NULL when there is none left. */
void *arch_boot_frames(u64 count, mfn_t *first);
/* Reserve count contiguous chunks for a domain; false when there are none. */
bool arch_boot_chunks(u32 count, u64 *first) MUST_CHECK;
/* Tables behind slots 256 and 257 of d, the window of its chunks. */
enum rc arch_domain_tables(struct domain *d) MUST_CHECK;
/* The registers that a vCPU starts with, in its private page; its segment
 * registers, FPU state and descriptor copies as at reset. v is not running. */
void arch_vcpu_reset(struct vcpu *v, u64 rip, u64 rsp, u64 rsi);
/* The page of hypercall stubs for a guest that asks for one. */
void arch_hypercall_page(mfn_t m);

/* ---- host ---------------------------------------------------------------- */

/* Wall clock, nanoseconds since 1970, as well as the host knows. */
u64 arch_wall_ns(void);
/* 64 random bits, as good as the CPU has them. At boot only. */
u64 arch_random(void);
/* Bytes to the audit port: how many it took now, 0 when it is busy. */
u32 arch_audit_send(const u8 *bytes, u32 count);
/* Put a digest into the TPM's register, a step a call; the same digest until it
 * is true: it is there, or there is no TPM any more. */
bool arch_tpm_extend(const u8 digest[32]) MUST_CHECK;
/* That register's number; 0: there is no TPM. */
u32 arch_tpm_pcr(void);
/* Switch the machine off, with a code for the test bench. */
void arch_machine_off(u32 code) NO_RETURN;
/* One line on the host's console (boot, life cycle, crash). */
void arch_log(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* SHA-256 of the kernel's text and constants, as they run. */
void arch_build_digest(u8 digest[32]);
/* Bytes to a channel of the console line, that of the domain with its number:
 * how many the line took. Emergency output waits for the line; of domain 0 it
 * goes to the host's log, since channel 0 is for control. Else, after fewer
 * than count, VIRQ_CONSOLE comes when the line takes more. */
u32 arch_console_write(u32 channel, const u8 *bytes, u32 count, bool waits);
/* Bytes typed, framed as they came: how many. VIRQ_CONSOLE comes with more. */
u32 arch_console_read(u8 *bytes, u32 room);

#endif
