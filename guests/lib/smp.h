/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second vCPU for a small guest. It calls one function again and again, as
 * long as it is told to; whatever exception it meets, it begins anew.
 */
#ifndef GUESTS_LIB_SMP_H
#define GUESTS_LIB_SMP_H

#include "core/base.h"

/* Bring vCPU 1 up, once; the hypercalls' answer. */
s64 second_start(void);
/* Let it call f until second_stop; returns when it has begun. */
void second_run(void (*f)(void));
/* Returns when it no longer runs f. */
void second_stop(void);

#endif
