/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a processor may be made to reveal between tenants; see speculation.c.
 * arch_l1tf_affected of core/arch.h is here, too.
 */
#ifndef X86_SPECULATION_H
#define X86_SPECULATION_H

#include "core/base.h"

/* First CPU: what it has and what it is affected by. Does not return where a
 * flaw has no cure (model.h). */
void speculation_detect(void);
/* Each CPU, when exceptions are handled: switch off what the model is known
 * for. Does not return where the CPU does not take it. */
void speculation_setup(void);
/* This CPU goes from one domain to another: nothing that the first has left in
 * predictors and buffers shall serve the second. */
void speculation_domain_switch(void);
/* What is in use, for the line about the CPUs: a text that begins with a blank,
 * or is empty. */
const char *speculation_text(void);

#endif
