/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The colluding helper: the same image in another domain, with `role=helper`
 * in its command line and `privileges = ["connect"]` in its file, while the
 * attacker has `helper=yes` and no privilege.
 *
 * They find each other without being told who they are. The attacker grants one
 * page, the mail, to every domain number under a reference of its own; the
 * helper tries all pairs of domain and reference until one can be mapped. Then
 * the mail says who is who, and the helper does what it finds there: a call of
 * a function, which is at the same address in both, with three numbers.
 *
 * What the helper runs is marked `over_there`: it may use its own statics, and
 * the window, pages that are there for mapping things.
 */
#ifndef GUESTS_ATTACK_PEER_H
#define GUESTS_ATTACK_PEER_H

#include "guests/attack/attack.h"

#define GTF_PERMIT 1u
#define GTF_READONLY 4u
#define GTF_READING 8u
#define GTF_WRITING 16u
#define MAP_RW 2u
#define MAP_RO 6u
#define REF_FIRST 64u /* of those that an action may use */
#define REF_END 512u
#define WINDOW_PAGES 8u

typedef s64 over_there(u64 a, u64 b, u64 c);

/* Run an action that needs the helper, one at a time; NO_HELPER without one. */
s64 with_peer(s64 (*action)(void));
/* In it: let the helper call f, and its answer; or let it begin, and go on. */
s64 peer_call(over_there *f, u64 a, u64 b, u64 c);
void peer_begin(over_there *f, u64 a, u64 b, u64 c);
s64 peer_end(void);
/* Set by the attacker while the helper runs something that asks. */
bool peer_told_to_stop(void);
/* Let the helper finish, before the attacker ends. */
void peer_quit(void);
/* The helper's life. */
void peer_serve(void) NO_RETURN;

/* Domain numbers of the two, once they have met. */
u32 peer_attacker(void);
u32 peer_helper(void);
/* The attacker's port to the helper. */
u32 peer_port(void);

/* How often the helper has seen an attacker end. */
u32 peer_served(void);

/* The attacker's grant table: offer a frame to the helper; take it back. */
void grant_to_peer(u32 ref, u64 frame, u32 flags);
void grant_raw(u32 ref, u64 word);
u64 grant_word(u32 ref);

/* Of the helper: map a grant of the attacker's to a page of the window. The
 * handle, or the status, which is negative. */
s64 peer_map(u64 ref, u64 flags, u64 slot);
/* Give it back; the status. */
s64 peer_unmap(u64 handle, u64 slot, u64 unused);
u8 *peer_window(u64 slot);
/* The attacker's domain does not run any more. */
bool peer_attacker_gone(void);

#endif
