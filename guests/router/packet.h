/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame's headers, read once from a private copy into a struct. What is
 * malformed, or never passes between tenants whatever the rules say, is
 * answered with a reason (drops.def); a packet without one is well-formed as
 * far as the filter looks at it.
 *
 * Nobody reads the bytes of the frame again: the same copy must be what is
 * delivered.
 */
#ifndef GUESTS_ROUTER_PACKET_H
#define GUESTS_ROUTER_PACKET_H

#include "core/base.h"

enum drop {
#define DROP(name, word) DROP_##name,
#include "guests/router/drops.def"
    DROP_COUNT
};

/* The word of a reason, never NULL. */
const char *drop_word(enum drop drop);

/* As many bytes of a frame as the parser may want to see: the caller copies
 * the smaller of this and the frame. */
#define PACKET_HEADER_MAX 512u
/* The largest frame: 64 KiB of IP packet (segments to be cut later), Ethernet
 * header. */
#define PACKET_FRAME_MAX (65535u + 14u)

#define ETH_ARP 0x0806u
#define ETH_IP4 0x0800u
#define ETH_IP6 0x86ddu

#define IP_ICMP 1u
#define IP_IGMP 2u
#define IP_TCP 6u
#define IP_UDP 17u
#define IP_ICMP6 58u

enum tcp_flags {
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_PUSH = 8,
    TCP_ACK = 16,
    TCP_URG = 32,
    TCP_ECE = 64,
    TCP_CWR = 128
};

/* IPv4 addresses are high 0 and the number in low. */
struct addr {
    u64 high;
    u64 low;
};

/*@ assigns \nothing;
   ensures \result <==> (a.high == b.high && a.low == b.low); */
static inline bool addr_equal(struct addr a, struct addr b)
{
    return a.high == b.high && a.low == b.low;
}

/* Two ends of a flow. Of ICMP queries both ports are the identifier, of other
 * protocols they are 0. */
struct flow {
    struct addr from;
    struct addr to;
    u16 from_port;
    u16 to_port;
    u8 proto;
    bool is_ip6;
};

struct packet {
    u8 to_mac[6];
    u8 from_mac[6];
    u16 type;      /* ETH_ARP, ETH_IP4, ETH_IP6 */
    bool is_group; /* to_mac is multicast or broadcast */
    bool is_broadcast;
    u32 frame_bytes;
    struct flow flow; /* IP; zero for ARP */
    /* fragments: offset in bytes, of the part that can be cut */
    bool is_fragment;
    bool is_last_fragment;
    u32 fragment_id;
    u32 fragment_offset;
    u32 fragment_bytes;
    /* TCP */
    u8 tcp_flags;
    u8 tcp_scale; /* window scale option of a SYN, or TCP_NO_SCALE */
    u16 tcp_window;
    u32 tcp_seq;
    u32 tcp_ack;
    u32 tcp_bytes; /* of payload */
    /* ICMP and ICMPv6 */
    u8 icmp_type;
    u8 icmp_code;
    bool is_icmp_query; /* echo and kin: has an identifier */
    bool is_icmp_error; /* inner is what it complains about */
    struct flow inner;
    u32 inner_seq; /* of TCP */
    /* ARP */
    u16 arp_operation;
    u8 arp_from_mac[6];
    u8 arp_to_mac[6];
    u32 arp_from;
    u32 arp_to;
    /* neighbour discovery: its address and link-layer address option */
    bool is_nd;
    bool has_nd_mac;
    struct addr nd_target; /* zero for a router solicitation */
    u8 nd_mac[6];
};

#define TCP_NO_SCALE 0xffu

/*
 * Read the headers of a frame. `bytes` holds the first `have` bytes of
 * `frame_bytes`; have is the smaller of frame_bytes and PACKET_HEADER_MAX.
 * Answers DROP_NONE, or why the frame is to be dropped; *out is then filled as
 * far as reading went, for the log.
 */
/*@ requires \valid(out) && \valid_read(bytes + (0 .. have - 1));
   requires \separated(out, bytes + (0 .. have - 1));
   assigns *out; */
enum drop packet_parse(struct packet *out, const u8 *bytes, u32 have,
                       u32 frame_bytes) MUST_CHECK;

/* "tcp 10.0.0.2:40112 -> 10.0.0.3:22" into text, with a NUL; returns the
 * length, at most room - 1. */
u32 packet_text(const struct packet *packet, char *text, u32 room);

#endif
