/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the store, over the ring of the own store page. One request at a
 * time: it is written as a whole, then its answer is waited for, while packets
 * go on (machine_wait).
 *
 * Who serves the store may die and come back at any moment, in the middle of
 * an answer, too. A request without an answer is given up after XS_WAIT_NS;
 * what is left of the answer is thrown away, and the ring made anew if the
 * server knows how to. Indices and lengths that cannot be are treated in the
 * same way: the store's server is not trusted with more than the store.
 *
 * [XEN io/xs_wire.h]
 */
#ifndef GUESTS_ROUTER_XSCLIENT_H
#define GUESTS_ROUTER_XSCLIENT_H

#include "core/base.h"
#include "guests/lib/rings.h"

#define XS_WAIT_NS 500000000ull
#define XS_VALUE_BYTES 256u /* longest value that is read, with its NUL */

enum xs_result {
    XS_OK,
    XS_MISSING, /* ENOENT */
    XS_REFUSED, /* any other error */
    XS_SILENT,  /* no answer in time */
};

struct xs {
    struct store_ring *ring;
    u32 port;     /* own port to the server */
    u32 id;       /* of the last request */
    bool changed; /* a watch fired since it was last cleared */
    u32 have;     /* bytes of in */
    u8 in[16 + 4096];
};

void xs_open(struct xs *xs, struct store_ring *ring, u32 port);
/* Take what the server has sent: watch events set xs->changed. */
void xs_look(struct xs *xs);

/* The value, as text. */
enum xs_result xs_read(struct xs *xs, const char *path,
                       char value[XS_VALUE_BYTES]);
enum xs_result xs_write(struct xs *xs, const char *path, const char *value);
/* XS_OK also when it is watched already. */
enum xs_result xs_watch(struct xs *xs, const char *path, const char *token);

#endif
