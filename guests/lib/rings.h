/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two pages that a guest shares with whoever serves its console and its
 * store: in the guest's memory, and the hypervisor does not look at them.
 * Compared with the public headers by tests/abi_test.c. [XEN io/console.h,
 * io/xs_wire.h]
 */
#ifndef GUESTS_LIB_RINGS_H
#define GUESTS_LIB_RINGS_H

#include "core/base.h"

/* Console ring page: bytes, indices run freely. */
struct console_ring {
    u8 in[1024], out[2048];
    u32 in_cons, in_prod, out_cons, out_prod;
};

/* Xenstore ring page. */
struct store_ring {
    u8 req[1024], rsp[1024];
    u32 req_cons, req_prod, rsp_cons, rsp_prod, server_features, connection;
    u32 error;
};

#endif
