/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of what the log must say of the lives of domains: each operation
 * that ends, starts or destroys one is foretold from the operation, and at the
 * end the records that the port took are read back and compared.
 */
#ifndef FUZZ_LIVES_H
#define FUZZ_LIVES_H

#include "core/domain.h"

/* Forget; domains are as they are now. */
void lives_begin(void);
/* d, RUNNING, is about to end with the reason; crashed: by its own doing. */
void lives_will_end(const struct domain *d, u32 reason, bool crashed);
/* d makes a call that may end it, for one of the reasons a guest may give. */
void lives_may_end(const struct domain *d);
/* After each operation: what has become of the domains. */
void lives_look(void);
/* Send what is left, and compare. ended: the host has ended, too. */
void lives_compare(bool ended);

#endif
