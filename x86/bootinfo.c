/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot information of multiboot2 [Multiboot2 3.6] and of PVH
 * [XEN hvm/start_info.h].
 */
#include "x86/bootinfo.h"

#define PVH_MAGIC 0x336ec578u
#define RANGE_USABLE 1u /* in both protocols */
#define TAGS_MAX 1000u

#define TAG_END 0u
#define TAG_MODULE 3u
#define TAG_MEMORY 6u
#define TAG_RSDP_V1 14u
#define TAG_RSDP_V2 15u

struct mb2_tag {
    u32 type;
    u32 bytes;
};

struct mb2_module {
    u32 type, bytes, start, end;
};

struct mb2_memory {
    u32 type, bytes, entry_bytes, entry_version;
};

/* In both protocols. */
struct range {
    u64 start, bytes;
    u32 type, zero;
};

struct pvh_info {
    u32 magic, version, flags, module_count;
    u64 modules, cmdline, rsdp, ranges;
    u32 range_count, zero;
};

struct pvh_module {
    u64 start, bytes, cmdline, zero;
};

static bool range_add(struct bootinfo *b, u64 start, u64 bytes, u32 type)
{
    if (bytes == 0) {
        return true;
    }
    if (b->range_count >= BOOT_RANGES_MAX - 1 || bytes > U64_MAX - start) {
        return false;
    }
    struct boot_range *const r = &b->range[b->range_count];
    r->start = start;
    r->bytes = bytes;
    r->usable = type == RANGE_USABLE;
    b->range_count++;
    return true;
}

static void module_add(struct bootinfo *b, u64 start, u64 bytes)
{
    if (b->module_count == 0) {
        b->module_start = start;
        b->module_bytes = bytes;
    }
    b->module_count++;
}

static const char *mb2_parse_memory(struct bootinfo *b, const struct phys *p,
                                    u64 at)
{
    struct mb2_memory m;
    if (!phys_read(p, at, &m, sizeof(m)) ||
        m.entry_bytes < sizeof(struct range) || m.bytes < sizeof(m)) {
        return "damaged memory map";
    }
    const u32 count = (m.bytes - (u32)sizeof(m)) / m.entry_bytes;
    for (u32 i = 0; i < count; i++) {
        struct range r;
        if (!phys_read(p, at + sizeof(m) + (u64)i * m.entry_bytes, &r,
                       sizeof(r)) ||
            !range_add(b, r.start, r.bytes, r.type)) {
            return "damaged memory map";
        }
    }
    return NULL;
}

static const char *mb2_parse_tag(struct bootinfo *b, const struct phys *p,
                                 u64 at, const struct mb2_tag *tag)
{
    struct mb2_module m;
    switch (tag->type) {
    case TAG_MODULE:
        if (!phys_read(p, at, &m, sizeof(m)) || m.end < m.start) {
            return "damaged module tag";
        }
        module_add(b, m.start, (u64)m.end - m.start);
        return NULL;
    case TAG_MEMORY:
        return mb2_parse_memory(b, p, at);
    case TAG_RSDP_V1:
    case TAG_RSDP_V2:
        /* Version 2 wins whatever the order. */
        if (tag->type == TAG_RSDP_V2 || b->rsdp_address == 0) {
            b->rsdp_address = at + sizeof(*tag);
        }
        return NULL;
    default:
        return NULL;
    }
}

static const char *mb2_parse(struct bootinfo *b, const struct phys *all,
                             u64 info)
{
    u32 total;
    if (!phys_read(all, info, &total, sizeof(total)) ||
        info + total > all->bytes) {
        return "damaged boot information";
    }
    /* No tag reaches beyond the information. */
    const struct phys p = { all->mem, info + total };
    u64 at = info + 8;
    for (u32 i = 0; i < TAGS_MAX; i++) {
        struct mb2_tag tag;
        if (!phys_read(&p, at, &tag, sizeof(tag)) || tag.bytes < sizeof(tag)) {
            return "damaged boot information";
        }
        if (tag.type == TAG_END) {
            return NULL;
        }
        const char *const wrong = mb2_parse_tag(b, &p, at, &tag);
        if (wrong != NULL) {
            return wrong;
        }
        at += ((u64)tag.bytes + 7) & ~7ull;
    }
    return "damaged boot information";
}

static const char *pvh_parse(struct bootinfo *b, const struct phys *p, u64 info)
{
    struct pvh_info s;
    if (!phys_read(p, info, &s, sizeof(s)) || s.magic != PVH_MAGIC) {
        return "not started by multiboot2 or PVH";
    }
    if (s.version < 1) {
        return "no memory map";
    }
    b->rsdp_address = s.rsdp;
    for (u32 i = 0; i < s.range_count; i++) {
        struct range r;
        if (!phys_read(p, s.ranges + (u64)i * sizeof(r), &r, sizeof(r)) ||
            !range_add(b, r.start, r.bytes, r.type)) {
            return "damaged memory map";
        }
    }
    if (s.module_count > 0) {
        struct pvh_module m;
        if (!phys_read(p, s.modules, &m, sizeof(m)) ||
            m.bytes > U64_MAX - m.start) {
            return "damaged module list";
        }
        module_add(b, m.start, m.bytes);
        b->module_count = s.module_count;
    }
    return NULL;
}

const char *bootinfo_parse(struct bootinfo *b, u32 magic, u32 info,
                           const u8 *mem, u64 mem_bytes)
{
    const struct phys p = { mem, mem_bytes };
    memset(b, 0, sizeof(*b));
    const char *const wrong = magic == MULTIBOOT2_BOOT_MAGIC
                                  ? mb2_parse(b, &p, info)
                                  : pvh_parse(b, &p, info);
    if (wrong != NULL) {
        return wrong;
    }
    if (b->range_count == 0) {
        return "no memory map";
    }
    if (b->module_count > 1) {
        return "more than one module";
    }
    if (b->module_start > mem_bytes ||
        b->module_bytes > mem_bytes - b->module_start) {
        return "the module is not below 4 GiB";
    }
    return NULL;
}

void bootinfo_leave_out(struct bootinfo *b, u64 start, u64 bytes)
{
    /* range_add keeps the last place free for it. */
    b->range[b->range_count] = (struct boot_range){ start, bytes, false };
    b->range_count++;
}
