/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recount: every reference and type reference of a domain's frames derived
 * afresh from what holds them, and compared with the frame table. It is the
 * oracle of the unit tests and fuzzers, and of the frame auditor.
 */
#ifndef TESTS_HOST_RECOUNT_H
#define TESTS_HOST_RECOUNT_H

#include "core/domain.h"

struct recount {
    u32 refs;
    u32 types;
};

/* What is wrong with which frame. */
enum recount_fault {
    RECOUNT_OK,
    RECOUNT_REFS,    /* reference count differs */
    RECOUNT_TYPES,   /* type count differs */
    RECOUNT_STATE,   /* type and counts do not fit together (I1..I4) */
    RECOUNT_FOREIGN, /* a table names a frame it may not name */
    RECOUNT_WRITABLE /* a page table is mapped writable */
};

/* Recount d. scratch has one record for each frame of d's chunks and is
 * overwritten. *bad is set to the frame number of the first fault.
 * Lock: mm. Reads each table once: time is proportional to live tables. */
enum recount_fault recount_domain(struct domain *d, struct recount *scratch,
                                  mfn_t *bad);

#endif
