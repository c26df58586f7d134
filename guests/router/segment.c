/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A large TCP packet cut into frames, for receivers that take none. [RFC 9293,
 * RFC 791, RFC 8200; what is to be changed in each segment follows from their
 * headers]
 */
#include "guests/router/router.h"

#include "core/mem.h"

#define ETH_BYTES 14u
#define IP6_BYTES 40u
#define TCP_BYTES 20u

static u32 get16(const u8 *p)
{
    return (u32)p[0] << 8 | p[1];
}

static void put16(u8 *p, u32 v)
{
    p[0] = (u8)(v >> 8);
    p[1] = (u8)v;
}

static u32 get32(const u8 *p)
{
    return get16(p) << 16 | get16(p + 2);
}

bool segment_begin(struct segments *s, const u8 *frame, u32 bytes,
                   u32 segment_bytes)
{
    *s = (struct segments){ .frame = frame, .step = segment_bytes };
    if (bytes < ETH_BYTES + IP6_BYTES) {
        return false;
    }
    const u8 *ip = frame + ETH_BYTES;
    s->is_ip6 = get16(frame + 12) == ETH_IP6;
    const u32 ip_bytes = s->is_ip6 ? IP6_BYTES : (ip[0] & 15u) * 4u;
    const u32 total = s->is_ip6 ? IP6_BYTES + get16(ip + 4) : get16(ip + 2);
    const u32 proto = s->is_ip6 ? ip[6] : ip[9];
    if (proto != IP_TCP || total > bytes - ETH_BYTES ||
        total < ip_bytes + TCP_BYTES) {
        return false;
    }
    const u32 tcp_bytes = (ip[ip_bytes + 12] >> 4) * 4u;
    if (tcp_bytes < TCP_BYTES || total < ip_bytes + tcp_bytes) {
        return false;
    }
    s->tcp_at = ETH_BYTES + ip_bytes;
    s->headers = s->tcp_at + tcp_bytes;
    s->payload = total - ip_bytes - tcp_bytes;
    return s->step != 0 && s->payload != 0 &&
           s->headers + s->step <= SEGMENT_BYTES;
}

u32 segment_next(struct segments *s, u8 out[SEGMENT_BYTES])
{
    if (s->done == s->payload) {
        return 0;
    }
    const u32 left = s->payload - s->done;
    const u32 part = left < s->step ? left : s->step;
    const u32 total = s->headers - ETH_BYTES + part;
    u8 *ip = out + ETH_BYTES;
    u8 *tcp = out + s->tcp_at;
    memcpy(out, s->frame, s->headers);
    memcpy(out + s->headers, s->frame + s->headers + s->done, part);
    if (s->is_ip6) {
        put16(ip + 4, total - IP6_BYTES);
    } else {
        put16(ip + 2, total);
        put16(ip + 4, get16(ip + 4) + s->count);
        checksum_ip4(ip);
    }
    const u32 seq = get32(tcp + 4) + s->done;
    put16(tcp + 4, seq >> 16);
    put16(tcp + 6, seq);
    if (part != left) {
        tcp[13] &= (u8) ~(TCP_FIN | TCP_PUSH);
    }
    if (s->done != 0) {
        tcp[13] &= (u8)~TCP_CWR;
    }
    s->done += part;
    s->count++;
    (void)checksum_fill(out, s->headers + part);
    return s->headers + part;
}
