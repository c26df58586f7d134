/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data races, found in whatever order the accesses came: two accesses to a
 * word, one of them a write and one of them plain, between which nothing makes
 * the one come before the other. What orders two CPUs is a store to a word by
 * one that the other has seen by an atomic load, or an interrupt.
 *
 * Each CPU has a clock for each CPU: what it knows of. Each word remembers the
 * clocks of the last accesses, by kind. [Flanagan, Freund: FastTrack, PLDI
 * 2009, without its savings]
 *
 * Races that are meant are in races.supp, each with its reason.
 */
#ifndef FUZZ_SCHEDULES_RACE_H
#define FUZZ_SCHEDULES_RACE_H

#include "fuzz/schedules/cpus.h"

/* Look at plain accesses of this run; not when stores are late. */
extern bool race_watched;

void race_reset(void);
void race_plain(const void *p, u32 bytes, bool write, const void *pc);
void race_atomic(const void *p, enum touch touch, const void *pc);
/* What this CPU did so far comes before what follows in the CPU. */
void race_before(u32 cpu);
/* Races that races.supp names, in all runs so far. */
extern u64 race_suppressed;

#endif
