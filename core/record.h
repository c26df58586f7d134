/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core/ tells the log. A thin layer over audit/: it adds time, CPU and
 * actor, and holds the log's lock.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "audit/log.h"
#include "core/domain.h"
#include "policy/policy.h"

/* A tenant's call was refused: counted exactly, sampled into the log. What the
 * tenant is told. */
enum rc record_refusal(struct vcpu *v, u32 nr, u64 sub,
                       enum policy_verdict why);
/* When counts that no record shows are due; NS_NEVER: there are none. */
ns_t record_summaries_at(void);
/* Show them, when that is so; those of a domain at most once a second. Any CPU;
 * takes the log's lock. */
void record_summaries(ns_t now);

/* A step of a domain's life, AUDIT_DOMAIN_*, written before it takes effect.
 * detail: its first argument. */
void record_life(const struct domain *d, enum audit_event what, u64 detail);
/* The same of an end that the hypervisor makes: why (as much as fits), the
 * address of the guest's instruction, the vCPU and its last calls. */
void record_crash(const struct domain *d, u64 rip, const char *why);

/* A privileged act: who does what, to whom. All zero but what is known. */
struct record_act {
    enum audit_event event; /* AUDIT_NONE: it leaves no record */
    enum right right;
    struct vcpu *v;
    const struct domain *target; /* NULL: the host */
    const void *args;            /* what the caller gave; then what it gets */
    u32 bytes;
    struct audit_ticket ticket;
};

/* The act is about to happen: its intent, or its one record. RC_PREEMPT: there
 * is no room for it; its vCPU rests for a moment, and the call is to be made
 * again. RC_EAGAIN: it has waited long enough. Either way the act must not
 * happen. Takes the log's lock. */
enum rc record_act_begin(struct record_act *act) MUST_CHECK;
/* It has happened, or failed. */
void record_act_end(struct record_act *act, s64 result);

/* The frame auditor's find, before d is frozen: see recount.h. */
void record_fault(const struct domain *d, u32 fault, u64 where, u64 expected,
                  u64 found);

/* The host itself. record_boot comes first, at boot: the log's memory, its
 * first record. key: root key of the seals, or zeroes: then one is drawn that
 * nobody knows. has_port: there is a serial port for records. */
void record_boot(const u8 policy_digest[32], const u8 key[32], u32 domains,
                 bool has_port);
/* The last record. */
void record_host_end(u32 code);

/* The chain's value after the last record: 64-bit words 0..3 of it, most
 * significant byte first. */
u64 record_head_word(u32 word);

/* Something is to be sent: one load. */
bool record_waiting(void);
/* Send, as far as the port has room, at most max records. True when nothing is
 * left. Any CPU; takes the log's lock. */
bool record_drain(u32 max);

/* The last record of a host that stops because of itself, where it did, and all
 * before it, by polling: for the one CPU that is left. False: the log was in
 * use by a CPU that has stopped, or the port does not take it in half a minute.
 */
bool record_panic(u64 rip) MUST_CHECK;

/* Send all that is left, before the host ends; a port that does not take it in
 * half a minute is given up. */
void record_flush(void);

#endif
