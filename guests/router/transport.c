/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport headers. Sources: [RFC 9293 3.1], [RFC 7323 2], [RFC 768],
 * [RFC 792], [RFC 4443], [RFC 4861 4], [RFC 1858] and [RFC 3128] on fragments.
 */
#include "guests/router/transport.h"

#include "guests/router/bytes.h"

#define TCP_BYTES 20u
#define UDP_BYTES 8u
#define ICMP_BYTES 8u
#define INNER4_BYTES 20u
#define INNER6_BYTES 40u
#define INNER_PORTS 8u /* bytes of transport that an error quotes at least */

/* ---- TCP ---- */

/* Window scale among the options of a SYN. A list that is cut off or makes no
 * sense has none; its receiver will see the same. */
/*@ requires \valid_read(at + (0 .. bytes - 1));
   assigns \nothing; */
static u8 read_scale(const u8 *at, u32 bytes)
{
    u32 i = 0;

    /*@ loop invariant i <= bytes;
       loop assigns i;
       loop variant bytes - i; */
    while (i < bytes && at[i] != 0) {
        if (at[i] == 1) {
            i++;
            continue;
        }
        if (bytes - i < 2 || at[i + 1] < 2 || at[i + 1] > bytes - i) {
            break;
        }
        if (at[i] == 3 && at[i + 1] == 3) {
            return at[i + 2] > 14 ? 14 : at[i + 2];
        }
        i += at[i + 1];
    }
    return TCP_NO_SCALE;
}

//@ assigns \nothing;
static enum drop tcp_flags_ok(u8 flags)
{
    if ((flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == 0) {
        return DROP_TCP_NULL;
    }
    if ((flags & TCP_SYN) != 0 && (flags & TCP_FIN) != 0) {
        return DROP_TCP_SYN_FIN;
    }
    if ((flags & TCP_SYN) != 0 && (flags & TCP_RST) != 0) {
        return DROP_TCP_SYN_RST;
    }
    if ((flags & TCP_FIN) != 0 && (flags & TCP_ACK) == 0) {
        return DROP_TCP_XMAS;
    }
    return DROP_NONE;
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_tcp(struct packet *p, const u8 *at, u32 have, u32 bytes)
{
    if (have < TCP_BYTES) {
        return DROP_TCP_SHORT;
    }
    const u32 header = (u32)(at[12] >> 4) * 4;
    if (header < TCP_BYTES || header > have) {
        return DROP_TCP_OFFSET;
    }
    p->flow.from_port = be16(at);
    p->flow.to_port = be16(at + 2);
    p->tcp_seq = be32(at + 4);
    p->tcp_ack = be32(at + 8);
    p->tcp_flags = at[13];
    p->tcp_window = be16(at + 14);
    p->tcp_bytes = bytes - header;
    p->tcp_scale = (p->tcp_flags & TCP_SYN) != 0
                       ? read_scale(at + TCP_BYTES, header - TCP_BYTES)
                       : TCP_NO_SCALE;
    if (p->flow.from_port == 0 || p->flow.to_port == 0) {
        return DROP_TCP_PORT;
    }
    return tcp_flags_ok(p->tcp_flags);
}

/* ---- UDP ---- */

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_udp(struct packet *p, const u8 *at, u32 have, u32 bytes)
{
    if (have < UDP_BYTES) {
        return p->is_fragment ? DROP_FRAG_TINY : DROP_UDP_SHORT;
    }
    const u32 length = be16(at + 4);
    p->flow.from_port = be16(at);
    p->flow.to_port = be16(at + 2);
    if (length < UDP_BYTES || (length > bytes && !p->is_fragment)) {
        return DROP_UDP_LENGTH;
    }
    if (p->flow.to_port == 0) {
        return DROP_UDP_PORT;
    }
    /* Tenants are nobody's servers of addresses: 67 and 547 answer. */
    return p->flow.from_port == (p->flow.is_ip6 ? 547 : 67) ? DROP_DHCP_SERVER
                                                            : DROP_NONE;
}

/* ---- ICMP ---- */

/* Ports of the packet that an error quotes, or the identifier of a query. */
/*@ requires \valid(p) && \valid_read(at + (0 .. INNER_PORTS - 1));
   requires \separated(p, at + (0 .. INNER_PORTS - 1));
   assigns *p; */
static void read_inner_ports(struct packet *p, const u8 *at)
{
    struct flow *const inner = &p->inner;

    if (inner->proto == IP_TCP || inner->proto == IP_UDP) {
        inner->from_port = be16(at);
        inner->to_port = be16(at + 2);
        p->inner_seq = be32(at + 4);
    } else if (inner->proto == IP_ICMP || inner->proto == IP_ICMP6) {
        inner->from_port = be16(at + 4);
        inner->to_port = inner->from_port;
    }
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_inner4(struct packet *p, const u8 *at, u32 have)
{
    if (have < INNER4_BYTES) {
        return DROP_ICMP_INNER;
    }
    const u32 header = at[0] % 16u * 4;
    if (at[0] >> 4 != 4 || header < INNER4_BYTES ||
        have < header + INNER_PORTS || (be16(at + 6) & 0x1fffu) != 0) {
        return DROP_ICMP_INNER;
    }
    p->inner.proto = at[9];
    p->inner.from.low = be32(at + 12);
    p->inner.to.low = be32(at + 16);
    read_inner_ports(p, at + header);
    return DROP_NONE;
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_inner6(struct packet *p, const u8 *at, u32 have)
{
    if (have < INNER6_BYTES + INNER_PORTS || at[0] >> 4 != 6) {
        return DROP_ICMP_INNER;
    }
    p->inner.is_ip6 = true;
    p->inner.proto = at[6];
    p->inner.from.high = be64(at + 8);
    p->inner.from.low = be64(at + 16);
    p->inner.to.high = be64(at + 24);
    p->inner.to.low = be64(at + 32);
    read_inner_ports(p, at + INNER6_BYTES);
    return DROP_NONE;
}

/*@ requires \valid(p) && \valid_read(at + (0 .. ICMP_BYTES - 1));
   requires \separated(p, at + (0 .. ICMP_BYTES - 1));
   assigns *p; */
static void read_query(struct packet *p, const u8 *at)
{
    p->is_icmp_query = true;
    p->flow.from_port = be16(at + 4);
    p->flow.to_port = p->flow.from_port;
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   requires have >= ICMP_BYTES;
   assigns *p; */
static enum drop read_icmp4(struct packet *p, const u8 *at, u32 have)
{
    switch (p->icmp_type) {
    case 5:
        return DROP_ICMP_REDIRECT;
    case 9:
        return DROP_ICMP_ROUTER;
    case 3:
    case 4:
    case 11:
    case 12:
        if (p->is_fragment) {
            return DROP_FRAG_ICMP;
        }
        p->is_icmp_error = true;
        return read_inner4(p, at + ICMP_BYTES, have - ICMP_BYTES);
    case 0:
    case 8:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
    case 18:
        read_query(p, at);
        return DROP_NONE;
    default:
        return DROP_NONE;
    }
}

/* Options of neighbour discovery, of which link-layer addresses are kept. */
/*@ requires \valid(p) && \valid_read(at + (0 .. bytes - 1));
   requires \separated(p, at + (0 .. bytes - 1));
   assigns *p; */
static enum drop read_nd_options(struct packet *p, const u8 *at, u32 bytes)
{
    u32 i = 0;

    /*@ loop invariant i <= bytes;
       loop assigns i, *p;
       loop variant bytes - i; */
    while (i < bytes) {
        if (bytes - i < 8 || at[i + 1] == 0 || at[i + 1] * 8u > bytes - i) {
            return DROP_ND_FORM;
        }
        if (at[i] == 1 || at[i] == 2) {
            /* A second one could say what the first does not. */
            if (p->has_nd_mac || at[i + 1] != 1) {
                return DROP_ND_FORM;
            }
            p->has_nd_mac = true;
            mac_copy(p->nd_mac, at + i + 2);
        }
        i += at[i + 1] * 8u;
    }
    return DROP_NONE;
}

/* Solicitations and advertisements: a target, then options. */
/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_nd(struct packet *p, const u8 *at, u32 have, u32 bytes,
                         u8 hops)
{
    const u32 fixed = p->icmp_type == 133 ? 8 : 24;

    p->is_nd = true;
    if (p->is_fragment) {
        return DROP_FRAG_ICMP;
    }
    if (hops != 255) {
        return DROP_ND_HOPS;
    }
    if (have < bytes || bytes < fixed || p->icmp_code != 0) {
        return DROP_ND_FORM;
    }
    if (fixed == 24) {
        p->nd_target.high = be64(at + 8);
        p->nd_target.low = be64(at + 16);
        if (p->nd_target.high >> 56 == 0xff) {
            return DROP_ND_FORM;
        }
    }
    return read_nd_options(p, at + fixed, bytes - fixed);
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   requires have >= ICMP_BYTES;
   assigns *p; */
static enum drop read_icmp6(struct packet *p, const u8 *at, u32 have, u32 bytes,
                            u8 hops)
{
    switch (p->icmp_type) {
    case 1:
    case 2:
    case 3:
    case 4:
        if (p->is_fragment) {
            return DROP_FRAG_ICMP;
        }
        p->is_icmp_error = true;
        return read_inner6(p, at + ICMP_BYTES, have - ICMP_BYTES);
    case 128:
    case 129:
        read_query(p, at);
        return DROP_NONE;
    case 134:
        return DROP_ICMP_ROUTER;
    case 137:
        return DROP_ICMP_REDIRECT;
    case 133:
    case 135:
    case 136:
        return read_nd(p, at, have, bytes, hops);
    default:
        return DROP_NONE;
    }
}

enum drop transport_read(struct packet *p, const u8 *at, u32 have, u32 bytes,
                         u8 hops)
{
    const u8 proto = p->flow.proto;

    if (proto == IP_TCP) {
        return read_tcp(p, at, have, bytes);
    }
    if (proto == IP_UDP) {
        return read_udp(p, at, have, bytes);
    }
    if (proto != IP_ICMP && proto != IP_ICMP6) {
        return DROP_NONE;
    }
    if ((proto == IP_ICMP6) != p->flow.is_ip6) {
        return DROP_ICMP_FAMILY;
    }
    if (have < ICMP_BYTES) {
        return p->is_fragment ? DROP_FRAG_TINY : DROP_ICMP_SHORT;
    }
    p->icmp_type = at[0];
    p->icmp_code = at[1];
    return proto == IP_ICMP ? read_icmp4(p, at, have)
                            : read_icmp6(p, at, have, bytes, hops);
}
