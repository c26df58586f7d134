/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request of the store's protocol in, one answer out. The rows are
 * requests.def; the message is a private copy, whose bytes nobody else can
 * change.
 */
#ifndef GUESTS_DOMAIN0_REQUESTS_H
#define GUESTS_DOMAIN0_REQUESTS_H

#include "core/base.h"

#define PAYLOAD_MAX 4096u
#define HEADER_BYTES 16u
#define TYPE_WATCH_EVENT 15u
#define TYPE_ERROR 16u

struct message {
    u32 type, req_id, tx_id, bytes;
    u8 payload[PAYLOAD_MAX];
};

_Static_assert(offsetof(struct message, payload) == HEADER_BYTES, "wire");

/* Answer the request of client domid; in->bytes is at most PAYLOAD_MAX. */
void request_answer(u32 domid, const struct message *in, struct message *out);

#endif
