/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the stand-ins in host_weak.c. */
#ifndef TESTS_HOST_WEAK_H
#define TESTS_HOST_WEAK_H

#include "tests/host_arch.h"

/* How often each vCPU was told of an event, when no scheduler is linked. */
extern u32 host_notified[HOST_DOMAINS][VCPU_MAX];

#endif
