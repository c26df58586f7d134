/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed page-table machine.
 *
 * A guest's page tables are its own frames, read-only to it. A frame becomes a
 * table of level n when every entry in it has been checked and counted, and
 * ceases to be one when the last reference to it as a table is dropped and all
 * its entries have been released. Rules for an entry that is present:
 *
 *   level 1   names a frame of the domain's memory: counted, writable only if
 *             no page table is in that frame; or a frame that the hypervisor
 *             shares with the domain (shared_info, grant table): not counted.
 *             Cache bits must select write-back.
 *   level n   names a frame that is, or can become, a table of level n-1:
 *             levels strictly descend, so there is no recursion. No large
 * pages. level 4   slots 256..271 are the hypervisor's: whatever the guest has
 * there is replaced and never counted.
 *
 * The hypervisor adds U (guests run in ring 3) and drops G. An entry that names
 * another domain's frame is only ever made by grant mapping, is not counted
 * here, and may be overwritten: see gnttab.h.
 *
 * Long walks are cut: they leave their state in domain.work (pgwork.h), and the
 * caller gets RC_PREEMPT. Each vCPU has a budget of entries a hypercall.
 *
 * Lock: all functions need the domain's mm lock, unless they say otherwise.
 */
#ifndef CORE_PGTABLE_H
#define CORE_PGTABLE_H

#include "core/domain.h"
#include "core/rc.h"

/* What a hypercall may spend before it is cut, in units of about 32
 * instructions: with what comes before and after, and the piece that exceeds
 * it, less than the 20,000 of docs/bounds.md. */
#define PGTABLE_BUDGET 320

/* Finish what is pending, dropping an unclaimed result; RC_PREEMPT when the
 * budget of v ran out first. To be called before anything that may put. */
enum rc pgtable_ready(struct vcpu *v) MUST_CHECK;

/* Continue what is pending but keep a finished result: the tail of a call that
 * may have left work. RC_PREEMPT as above. Takes the mm lock itself. */
enum rc pgtable_continue(struct vcpu *v) MUST_CHECK;

/* Take one reference on m as a LIVE table of level, validating it when it is
 * not yet a table. RC_EINVAL: not a frame of the domain, or a bad entry.
 * RC_EBUSY: in other use. RC_PREEMPT: ask again. */
enum rc pgtable_get(struct vcpu *v, mfn_t m, u32 level) MUST_CHECK;

/* Drop one. Work must be idle (pgtable_ready); may leave work. */
void pgtable_put(struct vcpu *v, mfn_t m);

/* Take one that stays until it is unpinned. RC_EINVAL: it is pinned; else as
 * pgtable_get. Takes the mm lock itself. */
enum rc pgtable_pin(struct vcpu *v, mfn_t m, u32 level) MUST_CHECK;

/* Checked write of entry index of a LIVE table. keep_ad: carry over accessed
 * and dirty bits. RC_EINVAL, RC_EBUSY, RC_EPERM: refused, nothing changed. */
enum rc pgtable_write(struct vcpu *v, mfn_t table, u32 index, u64 pte,
                      bool keep_ad) MUST_CHECK;

/* As pgtable_write on an L1 table, on behalf of an instruction of the guest
 * that read old: RC_EAGAIN when the entry is no longer old (apart from the
 * bits we add). Takes the mm lock itself. */
enum rc pgtable_trapped_write(struct vcpu *v, mfn_t l1, u32 index, u64 old,
                              u64 pte) MUST_CHECK;

/* Make root the vCPU's kernel or user root (MFN_NONE: none), moving the type
 * references. Loads it if v is current. Takes the mm lock itself.
 * RC_PREEMPT as above. */
enum rc pgtable_set_root(struct vcpu *v, mfn_t root, bool user) MUST_CHECK;

/* The L1 entry that a grant mapping may put in place, or clear: uncounted.
 * RC_EINVAL when the table is not a LIVE L1, RC_EBUSY when *expected does not
 * match (apart from accessed and dirty). */
enum rc pgtable_write_foreign(struct domain *d, mfn_t table, u32 index,
                              u64 expected, u64 pte) MUST_CHECK;

#endif
