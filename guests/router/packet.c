/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ethernet, ARP and IP headers; transport.c has what is above IP. See
 * packet.h. Sources: [IEEE 802.3 3], [RFC 826], [RFC 791], [RFC 8200],
 * [RFC 1112 6.4], [RFC 2464 7], [RFC 7112].
 *
 * Every part is given what is left of the copy and how long the packet claims
 * to be; the claim is held against the frame before anything is read by it.
 */
#include "guests/router/packet.h"

#include "guests/router/bytes.h"
#include "guests/router/transport.h"

#define ETH_BYTES 14u
#define ARP_BYTES 28u
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define EXTENSIONS_MAX 4u

#define HDR_HOP 0u
#define HDR_ROUTE 43u
#define HDR_FRAGMENT 44u
#define HDR_OPTIONS 60u

static const char *const words[DROP_COUNT] = {
#define DROP(name, word) word,
#include "guests/router/drops.def"
};

const char *drop_word(enum drop drop)
{
    return (u32)drop < DROP_COUNT ? words[drop] : "unknown";
}

/* ---- Ethernet and ARP ---- */

/*@ requires \valid(p) && \valid_read(bytes + (0 .. ETH_BYTES - 1));
   requires \separated(p, bytes + (0 .. ETH_BYTES - 1));
   assigns *p; */
static enum drop read_ethernet(struct packet *p, const u8 *bytes)
{
    static const u8 reserved[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };
    bool is_reserved = (bytes[5] & 0xf0u) == 0;
    bool is_all = true;

    /*@ loop invariant i <= 6;
       loop assigns i, is_reserved, is_all;
       loop variant 6 - i; */
    for (u32 i = 0; i < 6; i++) {
        is_reserved = is_reserved && (i == 5 || bytes[i] == reserved[i]);
        is_all = is_all && bytes[i] == 0xff;
    }
    mac_copy(p->to_mac, bytes);
    mac_copy(p->from_mac, bytes + 6);
    p->type = be16(bytes + 12);
    p->is_group = (bytes[0] & 1) != 0;
    p->is_broadcast = is_all;
    if ((bytes[6] & 1) != 0) {
        return DROP_ETH_SOURCE;
    }
    if (mac_equal(p->to_mac, p->from_mac)) {
        return DROP_ETH_SAME;
    }
    switch (p->type) {
    case 0x8808:
        return DROP_ETH_PAUSE;
    case 0x88cc:
        return DROP_ETH_LLDP;
    case 0x8100:
    case 0x88a8:
    case 0x9100:
        return DROP_ETH_VLAN;
    default:
        break;
    }
    if (is_reserved) {
        return DROP_ETH_RESERVED;
    }
    return p->type < 0x600 ? DROP_ETH_802_3 : DROP_NONE;
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_arp(struct packet *p, const u8 *at, u32 have)
{
    if (have < ARP_BYTES) {
        return DROP_ARP_SHORT;
    }
    if (be16(at) != 1 || be16(at + 2) != ETH_IP4 || at[4] != 6 || at[5] != 4) {
        return DROP_ARP_FORM;
    }
    p->arp_operation = be16(at + 6);
    mac_copy(p->arp_from_mac, at + 8);
    p->arp_from = be32(at + 14);
    mac_copy(p->arp_to_mac, at + 18);
    p->arp_to = be32(at + 24);
    return p->arp_operation == 1 || p->arp_operation == 2 ? DROP_NONE
                                                          : DROP_ARP_OPERATION;
}

/* ---- IPv4 ---- */

/*@ requires bytes <= 60 && bytes % 2 == 0;
   requires \valid_read(at + (0 .. bytes - 1));
   assigns \nothing; */
static bool ip4_sum_ok(const u8 *at, u32 bytes)
{
    u32 sum = 0;

    /*@ loop invariant i <= bytes && i % 2 == 0;
       loop assigns i, sum;
       loop variant bytes - i; */
    for (u32 i = 0; i < bytes; i += 2) {
        sum += be16(at + i);
    }
    sum = (sum & 0xffffu) + (sum >> 16);
    sum = (sum & 0xffffu) + (sum >> 16);
    return sum == 0xffffu;
}

/* Options of `bytes` bytes: well-formed, and no source route. */
/*@ requires \valid_read(at + (0 .. bytes - 1));
   assigns \nothing; */
static enum drop read_options(const u8 *at, u32 bytes)
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
        if (at[i] == 131 || at[i] == 137) {
            return DROP_IP4_ROUTE;
        }
        if (bytes - i < 2 || at[i + 1] < 2 || at[i + 1] > bytes - i) {
            return DROP_IP4_OPTION;
        }
        i += at[i + 1];
    }
    return DROP_NONE;
}

//@ assigns \nothing;
static bool ip4_is_group(u64 ip)
{
    return ip >> 28 == 0xe;
}

/* No address that a host can have: 0/8, 127/8, multicast and beyond. */
//@ assigns \nothing;
static bool ip4_is_no_host(u64 ip)
{
    return ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 >= 0xe;
}

/* A frame to a group carries a packet to that group, and the reverse; a frame
 * to all may carry any, since who all are depends on a netmask. */
/*@ requires \valid_read(p);
   assigns \nothing; */
static bool ip4_group_ok(const struct packet *p)
{
    const u64 to = p->flow.to.low;

    if (!ip4_is_group(to)) {
        return !p->is_group || p->is_broadcast;
    }
    return be32(p->to_mac) == (0x01005e00u | (u32)(to >> 16 & 0x7f)) &&
           be16(p->to_mac + 4) == (u16)to;
}

/* `data` bytes follow the header, at `offset` of the whole packet. */
/*@ requires \valid(p);
   assigns *p;
   ensures \result == DROP_NONE ==> p->fragment_offset == offset; */
static enum drop fragment_ok(struct packet *p, u32 data, u32 offset,
                             bool is_more)
{
    p->is_fragment = is_more || offset != 0;
    p->is_last_fragment = !is_more;
    p->fragment_offset = offset;
    p->fragment_bytes = data;
    if (!p->is_fragment) {
        return DROP_NONE;
    }
    if (data == 0 || (is_more && data % 8 != 0)) {
        return DROP_FRAG_LENGTH;
    }
    if (offset + data > 65535u - IP4_BYTES) {
        return DROP_FRAG_BEYOND;
    }
    return p->flow.proto == IP_TCP ? DROP_FRAG_TCP : DROP_NONE;
}

/* Fields and options of a header of `header` bytes, all of them there. */
/*@ requires \valid(p) && \valid_read(at + (0 .. header - 1));
   requires \separated(p, at + (0 .. header - 1));
   requires IP4_BYTES <= header <= 60 && header % 2 == 0;
   assigns \nothing; */
static enum drop ip4_fields(struct packet *p, const u8 *at, u32 header)
{
    if (!ip4_sum_ok(at, header)) {
        return DROP_IP4_CHECKSUM;
    }
    if (at[8] == 0) {
        return DROP_IP4_TTL;
    }
    if ((at[6] & 0x80u) != 0) {
        return DROP_IP4_FLAGS;
    }
    if (ip4_is_no_host(p->flow.from.low)) {
        return DROP_IP4_SOURCE;
    }
    if (!ip4_group_ok(p)) {
        return DROP_IP4_GROUP_MAC;
    }
    return read_options(at + IP4_BYTES, header - IP4_BYTES);
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_ip4(struct packet *p, const u8 *at, u32 have, u32 room)
{
    if (have < IP4_BYTES) {
        return DROP_IP4_SHORT;
    }
    const u32 header = at[0] % 16u * 4;
    const u32 total = be16(at + 2);
    if (at[0] >> 4 != 4) {
        return DROP_IP4_VERSION;
    }
    if (header < IP4_BYTES || header > have) {
        return DROP_IP4_IHL;
    }
    if (total < header || total > room) {
        return DROP_IP4_LENGTH;
    }
    p->flow.proto = at[9];
    p->flow.from.low = be32(at + 12);
    p->flow.to.low = be32(at + 16);
    p->fragment_id = be16(at + 4);
    enum drop drop = ip4_fields(p, at, header);
    if (drop == DROP_NONE) {
        drop = fragment_ok(p, total - header, (be16(at + 6) & 0x1fffu) * 8,
                           (at[6] & 0x20u) != 0);
    }
    if (drop != DROP_NONE || p->fragment_offset != 0) {
        return drop;
    }
    const u32 data = total - header;
    const u32 seen = have - header;
    return transport_read(p, at + header, seen < data ? seen : data, data, 255);
}

/* ---- IPv6 ---- */

/*@ requires \valid_read(at + (0 .. 15));
   assigns \nothing; */
static struct addr ip6_at(const u8 *at)
{
    const struct addr a = { be64(at), be64(at + 8) };

    return a;
}

/* Multicast, ::1, IPv4 in IPv6. :: is decided on by what it says. */
//@ assigns \nothing;
static bool ip6_is_no_host(struct addr a)
{
    if (a.high >> 56 == 0xff) {
        return true;
    }
    return a.high == 0 && (a.low == 1 || a.low >> 32 == 0xffff ||
                           (a.low >> 32 == 0 && a.low > 1));
}

/*@ requires \valid_read(p);
   assigns \nothing; */
static bool ip6_group_ok(const struct packet *p)
{
    if (p->flow.to.high >> 56 != 0xff) {
        return !p->is_group;
    }
    return be16(p->to_mac) == 0x3333u &&
           be32(p->to_mac + 2) == (u32)p->flow.to.low;
}

/* What is read of extension headers. */
struct chain {
    u32 at;   /* of the next header, from the IPv6 header */
    u32 next; /* its number */
    bool has_fragment;
};

/*@ requires \valid(p) && \valid(chain) && \valid_read(at + (0 .. 7));
   requires \separated(p, chain, at + (0 .. 7));
   requires chain->at <= 0x7fffffff;
   assigns *p, *chain;
   ensures \result == DROP_NONE ==> chain->at == \old(chain->at) + 8; */
static enum drop read_fragment(struct packet *p, const u8 *at, u32 data,
                               struct chain *chain)
{
    const u32 field = be16(at + 2);

    if (chain->has_fragment) {
        return DROP_IP6_EXTENSION;
    }
    chain->has_fragment = true;
    chain->next = at[0];
    chain->at += 8;
    p->flow.proto = at[0];
    p->fragment_id = be32(at + 4);
    return fragment_ok(p, data - 8, field & 0xfff8u, (field & 1) != 0);
}

/* Past the extension headers, up to the transport; a later fragment ends
 * behind its own. `end` is where the packet ends. */
/*@ requires \valid(p) && \valid(chain) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, chain, at + (0 .. have - 1));
   requires chain->at <= have && chain->at <= end <= 0x7fffffff;
   assigns *p, *chain;
   ensures \result == DROP_NONE ==> chain->at <= have && chain->at <= end; */
static enum drop read_chain(struct packet *p, const u8 *at, u32 have, u32 end,
                            struct chain *chain)
{
    /*@ loop invariant i <= EXTENSIONS_MAX;
       loop invariant chain->at <= have && chain->at <= end;
       loop assigns i, *p, *chain;
       loop variant EXTENSIONS_MAX - i; */
    for (u32 i = 0; i <= EXTENSIONS_MAX; i++) {
        const bool is_hop = chain->next == HDR_HOP;

        if (chain->next == HDR_ROUTE) {
            return DROP_IP6_ROUTE;
        }
        if (chain->next != HDR_OPTIONS && chain->next != HDR_FRAGMENT &&
            !is_hop) {
            return DROP_NONE;
        }
        const u32 limit = have < end ? have : end;
        if (i == EXTENSIONS_MAX || (is_hop && i != 0) || chain->at > limit ||
            limit - chain->at < 8) {
            return DROP_IP6_EXTENSION;
        }
        const u8 *const header = at + chain->at;
        if (chain->next == HDR_FRAGMENT) {
            const enum drop drop =
                read_fragment(p, header, end - chain->at, chain);
            if (drop != DROP_NONE || p->fragment_offset != 0) {
                return drop;
            }
            continue;
        }
        const u32 bytes = ((u32)header[1] + 1) * 8;
        if (bytes > limit - chain->at) {
            return DROP_IP6_EXTENSION;
        }
        chain->next = header[0];
        chain->at += bytes;
    }
    return DROP_IP6_EXTENSION;
}

/*@ requires \valid_read(p) && \valid_read(at + (0 .. 7));
   assigns \nothing; */
static enum drop ip6_fields(const struct packet *p, const u8 *at)
{
    if (at[7] == 0) {
        return DROP_IP6_HOPS;
    }
    if (ip6_is_no_host(p->flow.from)) {
        return DROP_IP6_SOURCE;
    }
    return ip6_group_ok(p) ? DROP_NONE : DROP_IP6_GROUP_MAC;
}

/*@ requires \valid(p) && \valid_read(at + (0 .. have - 1));
   requires \separated(p, at + (0 .. have - 1));
   assigns *p; */
static enum drop read_ip6(struct packet *p, const u8 *at, u32 have, u32 room)
{
    struct chain chain = { IP6_BYTES, 0, false };

    if (have < IP6_BYTES) {
        return DROP_IP6_SHORT;
    }
    const u32 end = IP6_BYTES + be16(at + 4);
    if (at[0] >> 4 != 6) {
        return DROP_IP6_VERSION;
    }
    if (end > room || end == IP6_BYTES) {
        return DROP_IP6_LENGTH;
    }
    p->flow.is_ip6 = true;
    p->flow.from = ip6_at(at + 8);
    p->flow.to = ip6_at(at + 24);
    p->flow.proto = at[6];
    enum drop drop = ip6_fields(p, at);
    chain.next = at[6];
    if (drop == DROP_NONE) {
        drop = read_chain(p, at, have, end, &chain);
    }
    p->flow.proto = (u8)chain.next;
    if (drop != DROP_NONE || p->fragment_offset != 0) {
        return drop;
    }
    if (p->is_fragment && p->flow.proto == IP_TCP) {
        return DROP_FRAG_TCP;
    }
    const u32 limit = have < end ? have : end;
    return transport_read(p, at + chain.at, limit - chain.at, end - chain.at,
                          at[7]);
}

/* :: is the source of one that has no address yet: of nothing but its first
 * questions and the groups it joins. */
/*@ requires \valid_read(p);
   assigns \nothing; */
static bool is_unspecified_ok(const struct packet *p)
{
    const u8 type = p->icmp_type;

    return p->flow.proto == IP_ICMP6 && p->fragment_offset == 0 &&
           (type == 131 || type == 133 || type == 135 || type == 143);
}

/*@ requires \valid(p);
    assigns *p; */
static void packet_clear(struct packet *p, u32 frame_bytes)
{
    *p = (struct packet){ .frame_bytes = frame_bytes };
}

enum drop packet_parse(struct packet *out, const u8 *bytes, u32 have,
                       u32 frame_bytes)
{
    packet_clear(out, frame_bytes);
    if (have < ETH_BYTES || (have != frame_bytes && have < PACKET_HEADER_MAX) ||
        have > frame_bytes) {
        return DROP_FRAME_SHORT;
    }
    if (frame_bytes > PACKET_FRAME_MAX) {
        return DROP_FRAME_LONG;
    }
    enum drop drop = read_ethernet(out, bytes);
    if (drop != DROP_NONE) {
        return drop;
    }
    const u8 *const at = bytes + ETH_BYTES;
    const u32 room = frame_bytes - ETH_BYTES;
    have -= ETH_BYTES;
    if (out->type == ETH_ARP) {
        return read_arp(out, at, have);
    }
    if (out->type == ETH_IP4) {
        drop = read_ip4(out, at, have, room);
    } else if (out->type == ETH_IP6) {
        drop = read_ip6(out, at, have, room);
    } else {
        return DROP_ETH_TYPE;
    }
    if (drop != DROP_NONE) {
        return drop;
    }
    if (out->flow.is_ip6 && out->flow.from.high == 0 &&
        out->flow.from.low == 0 && !is_unspecified_ok(out)) {
        return DROP_IP6_SOURCE;
    }
    return addr_equal(out->flow.from, out->flow.to) ? DROP_LAND : DROP_NONE;
}
