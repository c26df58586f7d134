/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of the boot module; see manifest_check.h.
 *
 * The order matters: first the sizes that bound every later read, then the
 * digest over the whole manifest, then what each field may say. The digest
 * finds damage; the field checks find a packer that errs or lies, so they do
 * not rely on it. Sums of numbers from the module are formed only after both
 * have a bound, or are compared by subtraction.
 */
#include "audit/sha256.h"
#include "core/mem.h"
#include "policy/manifest_check.h"
#include "policy/policy.h"

/* Where a guest's addresses end and begin again: the hole between is not
 * canonical, or the hypervisor's. */
#define GUEST_LOW_END 0x0000800000000000ull
#define GUEST_HIGH_START 0xffff880000000000ull

#define CAP_PERCENT_MAX 3200u
#define CONSOLE_RATE_MAX 10000000u
#define MIB_FRAMES 256u
#define BASE_UNIT 0x400000ull
/* What the first memory layout adds to its parts at most: information pages,
 * the upper tables, the stack, and rounding up to 4 MiB [core/build.c]. */
#define LAYOUT_EXTRA_FRAMES 2048u

struct manifest manifest_records(const u8 *module)
{
    const struct mf_header *const h = (const void *)(module + MF_OFFSET);
    const struct mf_domain *const domains = (const void *)(h + 1);
    const void *const images = domains + h->domain_count;

    return (struct manifest){ h->module_bytes, h, domains, images };
}

static bool all_zero(const u8 *bytes, u64 count)
{
    u32 any = 0;

    for (u64 i = 0; i < count; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/* Bytes of a manifest with so many records. */
static u64 records_bytes(const struct mf_header *h)
{
    const u64 table = (u64)h->image_count * MF_IMAGE_BYTES;

    return sizeof(*h) + (u64)h->domain_count * sizeof(struct mf_domain) +
           pages_of(table) * PAGE_BYTES;
}

static bool digest_ok(const struct mf_header *h)
{
    static const u8 none[SHA256_BYTES];
    const u8 *const bytes = (const u8 *)h;
    const u64 at = offsetof(struct mf_header, digest);
    struct sha256 s;
    u8 digest[SHA256_BYTES];

    sha256_init(&s);
    sha256_update(&s, bytes, at);
    sha256_update(&s, none, SHA256_BYTES);
    sha256_update(&s, bytes + at + SHA256_BYTES,
                  h->manifest_bytes - at - SHA256_BYTES);
    sha256_final(&s, digest);
    return sha256_equal(digest, h->digest);
}

static bool tail_is_zero(const struct manifest *m)
{
    const u8 *const tail = (const u8 *)(m->image + m->header->image_count);
    const u8 *const end = (const u8 *)m->header + m->header->manifest_bytes;

    return all_zero(tail, (u64)(end - tail));
}

static bool image_used(const struct manifest *m, u32 image)
{
    for (u32 i = 0; i < m->header->domain_count; i++) {
        if (m->domain[i].kernel == image || m->domain[i].ramdisk == image) {
            return true;
        }
    }
    return false;
}

/* Characters before the first NUL, at most max. */
static u32 length_of(const char *text, u32 max)
{
    u32 length = 0;

    while (length < max && text[length] != '\0') {
        length++;
    }
    return length;
}

static bool padding_is_zero(const char *text, u32 max)
{
    u32 any = 0;

    for (u32 i = length_of(text, max); i < max; i++) {
        any |= (u8)text[i];
    }
    return any == 0;
}

/* In a name a-z, 0-9 and -, in other text no control character. */
static bool characters_ok(const char *text, u32 max, bool is_name)
{
    const u32 length = length_of(text, max);
    bool ok = true;

    for (u32 i = 0; i < length; i++) {
        const u8 c = (u8)text[i];

        ok = ok && (is_name ? (c >= 'a' && c <= 'z') ||
                                  (c >= '0' && c <= '9') || c == '-'
                            : c >= 0x20 && c != 0x7f);
    }
    return ok;
}

static bool name_taken(const struct manifest *m, u32 domain)
{
    for (u32 i = 0; i < domain; i++) {
        if (memcmp(m->domain[i].name, m->domain[domain].name, MF_NAME_BYTES) ==
            0) {
            return true;
        }
    }
    return false;
}

/* Bytes of guest addresses from a canonical base that is a guest's; 0 for one
 * that is not. */
static u64 room_above(u64 base)
{
    if (base < GUEST_LOW_END) {
        return GUEST_LOW_END - base;
    }
    return base >= GUEST_HIGH_START ? U64_MAX - base : 0;
}

/* Frames that the first memory layout takes at most. All terms are bounded:
 * the kernel by the tenant's memory, the ramdisk by the module. */
static u64 layout_frames(const struct manifest *m, const struct mf_domain *d)
{
    u64 frames = pages_of(d->load_va - d->virt_base + d->memory_bytes);

    if (d->ramdisk != MF_NONE) {
        frames += pages_of(m->image[d->ramdisk].bytes);
    }
    frames += pages_of(d->frames * 8);
    return frames + frames / TABLE_ENTRIES + LAYOUT_EXTRA_FRAMES;
}

/* All that the kernel occupies lies in its tenant's memory. */
static bool kernel_fits(const struct mf_domain *d)
{
    const u64 memory = d->frames * PAGE_BYTES;
    const u64 skipped = d->load_va - d->virt_base;

    return skipped <= memory && d->memory_bytes <= memory - skipped;
}

/* What the kernel occupies has so many bytes at va. */
static bool occupies(const struct mf_domain *d, u64 va, u64 bytes)
{
    return va >= d->load_va && d->memory_bytes >= bytes &&
           va - d->load_va <= d->memory_bytes - bytes;
}

/* The first fault of the group; i is its index. */
static enum mf_error check(enum mf_where group, const struct manifest *m, u32 i)
{
    const struct mf_header *const h = m->header;
    const bool has_tables = group != MF_IN_SIZES;
    const struct mf_image *const image = has_tables ? &m->image[i] : NULL;
    const struct mf_domain *const d = has_tables ? &m->domain[i] : NULL;

    /*@ split i; */
    /*@ split d->ramdisk == MF_NONE; */
#define MF_ERROR(name, where, wrong, text)                                     \
    if (group == MF_IN_##where && (wrong)) {                                   \
        return MF_ERROR_##name;                                                \
    }
#include "policy/manifest_errors.def"
#undef MF_ERROR
    return MF_GOOD;
}

bool manifest_check(const u8 *module, u64 module_bytes,
                    struct manifest_fault *fault)
{
    const void *const first = module + MF_OFFSET;
    struct manifest m = { module_bytes, first, first, first };

    fault->index = 0;
    fault->error = check(MF_IN_SIZES, &m, 0);
    if (fault->error != MF_GOOD) {
        return false;
    }
    m = manifest_records(module);
    fault->error = check(MF_IN_HEADER, &m, 0);
    for (u32 i = 0; i < m.header->image_count && fault->error == MF_GOOD; i++) {
        fault->index = i;
        fault->error = check(MF_IN_IMAGE, &m, i);
    }
    for (u32 i = 0; i < m.header->domain_count && fault->error == MF_GOOD;
         i++) {
        fault->index = i;
        fault->error = check(MF_IN_DOMAIN, &m, i);
    }
    return fault->error == MF_GOOD;
}

bool manifest_check_image(const u8 *module, const struct mf_image *image)
{
    u8 digest[SHA256_BYTES];

    sha256(module + image->offset, image->bytes, digest);
    return sha256_equal(digest, image->digest);
}

const char *manifest_error_text(enum mf_error error)
{
#define MF_ERROR(name, where, wrong, text) text,
    static const char *const texts[] = {
        "nothing is wrong",
#include "policy/manifest_errors.def"
        "it is wrong in a way that has no name"
    };
#undef MF_ERROR

    return texts[error < MF_ERROR_COUNT ? error : MF_ERROR_COUNT];
}
