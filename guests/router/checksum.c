/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet checksums [RFC 1071], for receivers that do not take frames with a
 * blank one.
 */
#include "guests/router/router.h"

#define ETH_BYTES 14u
#define IP6_BYTES 40u
#define TCP_SUM 16u
#define UDP_SUM 6u

static u32 get16(const u8 *p)
{
    return (u32)p[0] << 8 | p[1];
}

static void put16(u8 *p, u32 v)
{
    p[0] = (u8)(v >> 8);
    p[1] = (u8)v;
}

/* Sum of 16-bit words; an odd byte counts as the upper half of one. At most
 * 65,535 bytes, so 32 bits are enough. */
static u32 sum_words(const u8 *p, u32 bytes, u32 sum)
{
    for (u32 i = 0; i + 1 < bytes; i += 2) {
        sum += get16(p + i);
    }
    return bytes % 2 != 0 ? sum + ((u32)p[bytes - 1] << 8) : sum;
}

static u32 fold(u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

/* Of a segment of that protocol, whose addresses sum up to `sum`. */
static bool fill_segment(u8 *segment, u32 bytes, u32 proto, u32 sum)
{
    const u32 at = proto == IP_TCP ? TCP_SUM : UDP_SUM;
    if ((proto != IP_TCP && proto != IP_UDP) || bytes < at + 2) {
        return false;
    }
    put16(segment + at, 0);
    sum = fold(sum_words(segment, bytes, sum + proto + bytes));
    /* Zero would say that a UDP packet has no checksum [RFC 768]. */
    put16(segment + at, sum == 0 && proto == IP_UDP ? 0xffff : sum);
    return true;
}

void checksum_ip4(u8 *ip)
{
    put16(ip + 10, 0);
    put16(ip + 10, fold(sum_words(ip, (ip[0] & 15u) * 4u, 0)));
}

bool checksum_fill(u8 *frame, u32 bytes)
{
    if (bytes < ETH_BYTES + 20) {
        return false;
    }
    u8 *ip = frame + ETH_BYTES;
    const u32 room = bytes - ETH_BYTES;
    if (get16(frame + 12) == ETH_IP4) {
        const u32 header = (ip[0] & 15u) * 4u;
        const u32 total = get16(ip + 2);
        if (header < 20 || total < header || total > room) {
            return false;
        }
        return fill_segment(ip + header, total - header, ip[9],
                            sum_words(ip + 12, 8, 0));
    }
    if (get16(frame + 12) == ETH_IP6 && room >= IP6_BYTES) {
        const u32 payload = get16(ip + 4);
        if (payload > room - IP6_BYTES) {
            return false;
        }
        return fill_segment(ip + IP6_BYTES, payload, ip[6],
                            sum_words(ip + 8, 32, 0));
    }
    return false;
}
