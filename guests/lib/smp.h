/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other vCPUs of a small guest. Each calls a function again and again, as
 * long as it is told to.
 */
#ifndef GUESTS_LIB_SMP_H
#define GUESTS_LIB_SMP_H

#include "core/base.h"

/* How many there are, with the first; 1 until vcpus_start. */
extern u32 vcpu_count;

/* Bring up vCPUs 1 to count - 1, once; the hypercalls' answer. count is at
 * most VCPUS and what the domain has. */
s64 vcpus_start(u32 count);
/* Let all others call f until others_stop; returns when all have begun. They
 * see their own pages, and an exception that nobody waits for is an error. */
void others_run(void (*f)(void));
void others_stop(void);

/* The same to help the vCPU that asks: the others see its pages, and whatever
 * exception they meet, they begin anew. */
s64 second_start(void); /* vcpus_start with two, if none runs yet */
void second_run(void (*f)(void));
void second_stop(void);

#endif
