/* SPDX-License-Identifier: Apache-2.0 */
/* What gauge's mode=share does; described in share.c. */
#ifndef GUESTS_GAUGE_SHARE_H
#define GUESTS_GAUGE_SHARE_H

void share(void);

#endif
