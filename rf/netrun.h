/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a run and those of tenant files: who is who, and are they the
 * same.
 */
#ifndef RF_NETRUN_H
#define RF_NETRUN_H

#include "rf/control.h"

/* Who of the run, as it answers `ps`, is which tenant of the files, by index;
 * services have 0xffff. False: they are not the same tenants. */
bool netrun_match(const struct tenant_set *set, const struct answer *domains,
                  u16 *domid, struct fault *fault) MUST_CHECK;

/* The SHA-256 of the rule set that the run's answer to `rules` brings, as hex
 * digits; false: it is not whole. */
bool netrun_digest(const struct answer *answer, char text[65]) MUST_CHECK;

/* rf show -v: the rules of the files with what each has counted in the run.
 * The exit code. */
int netrun_show(const struct tenant_set *set, const struct control_options *o);

#endif
