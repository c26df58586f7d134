/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two rings of a network interface, as their back-end sees them.
 *
 * A ring is one page of the other domain, which may write all of it at any
 * time. Four indices stand at its start and run freely; 256 slots follow:
 *
 *   word 0 req_prod   theirs   what they have written
 *        1 req_event  ours     from which request on they shall notify
 *        2 rsp_prod   ours     what we have answered
 *        3 rsp_event  theirs   from which answer on we shall notify
 *
 * Rules kept here:
 *   - every word of a slot is loaded once, into a private copy, and only the
 *     copy is looked at; what we published we never read back, but once, when
 *     a ring is attached that was served before (by this back-end's last life)
 *   - no index of theirs makes more than 256 requests, counting those that are
 *     taken and not answered
 *   - answers go out in the order of the requests, one for each slot, so they
 *     stand where the request stood, which front-ends rely on
 *
 *   OPEN -- a lie about the ring's structure --> CLOSED, for good
 *
 * A lie is what no sound front-end does: it would make the slots that follow
 * mean something else. What is only a bad packet is answered with an error,
 * and the ring goes on. Both have names (enum netring_error).
 *
 * No locks: a ring belongs to one vCPU. [XEN io/netif.h, io/ring.h]
 */
#ifndef GUESTS_ROUTER_NETRING_H
#define GUESTS_ROUTER_NETRING_H

#include "core/base.h"

#define NETRING_SLOTS 256u
#define NETRING_WORDS 1024u
/* What a front-end may use for one packet; beyond that, what closes the ring
 * (a packet of a few more is only dropped). */
#define NETRING_FRAGMENTS_MAX 18u
#define NETRING_FRAGMENTS_LIE 20u
#define NETRING_HEADER_BYTES 14u /* shortest packet: an Ethernet header */
#define NETRING_PACKET_BYTES 65535u

/* Flags of a packet, as the tx ring has them. */
#define NETTX_CSUM_BLANK 1u
#define NETTX_VALIDATED 2u
#define NETTX_MORE 4u
#define NETTX_EXTRA 8u
/* And as the rx ring has them. */
#define NETRX_VALIDATED 1u
#define NETRX_CSUM_BLANK 2u
#define NETRX_MORE 4u
#define NETRX_EXTRA 8u

#define NETRING_GSO_TCP4 1u
#define NETRING_GSO_TCP6 2u

/* Status of an answer. */
#define NET_DROPPED (-2)
#define NET_ERROR (-1)
#define NET_OKAY 0
#define NET_NULL 1 /* for the slot of an extra info */

/* NAME, text. The first part closes the ring, the second drops a packet. */
#define NETRING_LIES(X)                                                        \
    X(REQUESTS, "more requests than slots")                                    \
    X(EXTRA_MISSING, "an extra info that is not there")                        \
    X(EXTRA_TYPE, "an extra info of no type")                                  \
    X(EXTRA_TWICE, "two extra infos of a type")                                \
    X(MORE_MISSING, "a fragment that is not there")                            \
    X(FRAGMENTS_FAR, "a packet of far too many fragments")                     \
    X(PAGE, "a fragment that crosses its page")                                \
    X(GSO_TYPE, "a large packet of no type")                                   \
    X(GSO_SIZE, "a large packet of segments of no bytes")                      \
    X(GRANT, "a fragment that is not granted")
#define NETRING_DROPS(X)                                                       \
    X(FRAGMENTS, "a packet of too many fragments")                             \
    X(FRAGMENT_BYTES, "fragments of more bytes than the packet")               \
    X(SHORT, "a packet shorter than its header")                               \
    X(FLAGS, "a flag that is not defined")                                     \
    X(EXTRA_UNASKED, "an extra info that was not offered")                     \
    X(GSO_UNASKED, "a large packet that was not offered")                      \
    X(GSO_BLANK, "a large packet with a checksum")

#define NETRING_NAME(name, text) NETRING_##name,
enum netring_error {
    NETRING_OK,
    NETRING_LIES(NETRING_NAME) NETRING_DROPS(NETRING_NAME) NETRING_ERRORS
};
#undef NETRING_NAME
#define NETRING_FIRST_DROP NETRING_FRAGMENTS

struct netring {
    u32 *word;              /* the shared page */
    u32 req_cons;           /* requests taken */
    u32 rsp_pvt;            /* answers written; at most req_cons */
    u32 rsp_sent;           /* answers published */
    enum netring_error lie; /* not OK: closed */
};

struct netfrag {
    u32 ref; /* grant of the sender's frame */
    u16 offset;
    u16 bytes; /* offset + bytes is at most a page */
    u16 id;
    u16 extras; /* slots of extra infos behind this one: of the first only */
};

/* A packet of the tx ring: where its bytes are, and what is said of it. */
struct netpacket {
    enum netring_error error; /* not OK: to be answered NET_ERROR */
    u32 slots;                /* of the ring, with the extra infos */
    u32 frags;                /* of frag[], at least 1 */
    u32 bytes;                /* sum of frag[].bytes */
    u16 flags;                /* NETTX_CSUM_BLANK, NETTX_VALIDATED */
    u16 gso_bytes;            /* of a segment; 0: not a large packet */
    u8 gso_type;              /* NETRING_GSO_* */
    struct netfrag frag[NETRING_FRAGMENTS_LIE];
};

enum nettx_result { NETTX_NONE, NETTX_PACKET, NETTX_CLOSED };

/* A request of the rx ring. */
struct netrx_slot {
    u32 ref;
    u16 id;
};

/* What an error is, in words; never NULL. */
const char *netring_text(enum netring_error error);

/* Begin to serve the ring of that page where the last one who served it ended:
 * what was taken and not answered is taken again. False: it lies. */
bool netring_attach(struct netring *r, u32 *page);
/* It lied: nothing of it is looked at any more. */
void netring_close(struct netring *r, enum netring_error why);
/* Requests that wait, at most NETRING_SLOTS; 0 when it is closed, which it
 * will be if their number cannot be. */
u32 netring_waiting(struct netring *r);
/* Ask to be notified of the next request. True when one waits already: then
 * nobody may notify, and it is to be looked at now. */
bool netring_arm(struct netring *r);
/* Publish the answers. True when the other end is to be notified. */
bool netring_push(struct netring *r);

/* Take the next packet. *offered: NETRING_GSO_* bits (1 << type) that the
 * back-end has said it takes. PACKET: to be answered, in this order, also when
 * p->error says that it is a bad one. */
enum nettx_result nettx_take(struct netring *r, u32 offered,
                             struct netpacket *p);
/* Answer all slots of a packet. */
void nettx_answer(struct netring *r, const struct netpacket *p, s32 status);

/* Take a request; netring_waiting said that there is one. */
struct netrx_slot netrx_take(struct netring *r);
/* Answer a request with bytes at offset 0 of its page, or with a negative
 * status. Order as taken. */
void netrx_answer(struct netring *r, u16 id, u16 flags, s32 status);
/* Use a request's slot for the extra info of a large packet. */
void netrx_answer_gso(struct netring *r, u8 type, u16 bytes);

#endif
