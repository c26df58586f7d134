/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page-table work that may be interrupted: at most one item a domain.
 *
 * Validation and release of a tree of tables are the same walk: a stack of at
 * most four tables, one a level, each with the number of its entries that hold
 * references now (taken). Validation counts up and pushes a child that is not
 * yet a table; release counts down and pushes a child whose last reference it
 * dropped. When validation meets a bad entry the walk turns into release where
 * it stands. Nothing but this record remembers a half-done table.
 *
 * Whoever holds the domain's mm lock may continue the work, and must finish it
 * before beginning other work. The result stays here until the one who began
 * it asks again (or somebody else's work replaces it).
 */
#ifndef CORE_PGWORK_H
#define CORE_PGWORK_H

#include "core/ids.h"
#include "core/rc.h"

enum pgwork_mode {
    PGWORK_IDLE,
    PGWORK_VALIDATE,
    PGWORK_RELEASE, /* dropping a tree, or undoing a failed validation */
    PGWORK_DONE     /* result holds; a good result holds one type reference */
};

struct pgwork_step {
    u64 table; /* machine frame */
    u32 taken; /* entries 0..taken-1 hold their references */
};

struct pgwork {
    u32 mode;  /* enum pgwork_mode */
    u32 level; /* of step[depth - 1] */
    u32 depth; /* steps in use, 0..4; 0 but in VALIDATE and RELEASE */
    enum rc result;
    u64 top; /* the frame that the work is about */
    u32 top_level;
    struct pgwork_step step[4];
};

#endif
