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

/* The module as its records, once their number is known to be good. */
struct manifest {
    const struct mf_header *header;
    const struct mf_domain *domain;
    const struct mf_image *image;
};

static struct manifest records(const u8 *module)
{
    struct manifest m;
    const void *const first = module + MF_OFFSET;

    m.header = first;
    m.domain = (const struct mf_domain *)(const void *)(m.header + 1);
    m.image = (const struct mf_image *)(const void *)(m.domain +
                                                      m.header->domain_count);
    return m;
}

static bool all_zero(const u8 *bytes, u64 count)
{
    u32 any = 0;

    for (u64 i = 0; i < count; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/* Bytes of the manifest that has so many records. */
static u64 manifest_bytes(u32 domains, u32 images)
{
    const u64 table = (u64)images * MF_IMAGE_BYTES;

    return sizeof(struct mf_header) + (u64)domains * sizeof(struct mf_domain) +
           (table + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
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

/* The sizes that bound every later read, in an order that reads nothing
 * before it is known to be there. */
static enum mf_error check_sizes(const u8 *module, u64 bytes)
{
    if (bytes < MF_OFFSET + sizeof(struct mf_header)) {
        return MF_ERROR_SHORT;
    }
    if ((uintptr_t)module % sizeof(u64) != 0) {
        return MF_ERROR_ALIGN;
    }
    const struct mf_header *const h = records(module).header;

    for (u32 i = 0; i < sizeof(h->magic); i++) {
        if (h->magic[i] != MF_MAGIC[i]) {
            return MF_ERROR_MAGIC;
        }
    }
    if (h->version != MF_VERSION) {
        return MF_ERROR_VERSION;
    }
    if (h->module_bytes != bytes) {
        return h->module_bytes > bytes ? MF_ERROR_TRUNCATED : MF_ERROR_LONGER;
    }
    if (h->domain_count == 0 || h->domain_count > MF_DOMAINS_MAX) {
        return h->domain_count == 0 ? MF_ERROR_NO_DOMAIN
                                    : MF_ERROR_DOMAIN_COUNT;
    }
    if (h->image_count == 0 || h->image_count > MF_IMAGES_MAX) {
        return h->image_count == 0 ? MF_ERROR_NO_IMAGE : MF_ERROR_IMAGE_COUNT;
    }
    if (h->manifest_bytes != manifest_bytes(h->domain_count, h->image_count)) {
        return MF_ERROR_MANIFEST_BYTES;
    }
    if (h->manifest_bytes > bytes - MF_OFFSET) {
        return MF_ERROR_MANIFEST_END;
    }
    return MF_GOOD;
}

static enum mf_error check_header(const struct manifest *m)
{
    const struct mf_header *const h = m->header;
    const u8 *const tail = (const u8 *)(m->image + h->image_count);
    const u8 *const end = (const u8 *)h + h->manifest_bytes;

    if (!digest_ok(h)) {
        return MF_ERROR_DIGEST;
    }
    if ((h->flags & ~(u32)MF_HEADER_FLAGS) != 0) {
        return MF_ERROR_HEADER_FLAGS;
    }
    if (!all_zero(h->zero, sizeof(h->zero))) {
        return MF_ERROR_HEADER_ZERO;
    }
    return all_zero(tail, (u64)(end - tail)) ? MF_GOOD : MF_ERROR_TABLE_ZERO;
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

/* Image i; *end is where the one before ended, and where this one does. */
static enum mf_error check_image(const struct manifest *m, u32 i, u64 *end)
{
    const struct mf_image *const image = &m->image[i];
    const u64 module_bytes = m->header->module_bytes;

    if (image->offset % PAGE_BYTES != 0) {
        return MF_ERROR_IMAGE_ALIGN;
    }
    if (image->bytes == 0) {
        return MF_ERROR_IMAGE_EMPTY;
    }
    if (image->offset < MF_OFFSET + m->header->manifest_bytes) {
        return MF_ERROR_IMAGE_START;
    }
    if (image->offset > module_bytes ||
        image->bytes > module_bytes - image->offset) {
        return MF_ERROR_IMAGE_END;
    }
    if (image->offset < *end) {
        return MF_ERROR_IMAGE_OVERLAP;
    }
    if (!all_zero(image->zero, sizeof(image->zero))) {
        return MF_ERROR_IMAGE_ZERO;
    }
    if (!image_used(m, i)) {
        return MF_ERROR_IMAGE_UNUSED;
    }
    *end = image->offset + image->bytes;
    return MF_GOOD;
}

static enum mf_error check_name(const char name[MF_NAME_BYTES])
{
    u32 length = 0;

    if (name[0] == '\0') {
        return MF_ERROR_NAME_EMPTY;
    }
    if (name[0] < 'a' || name[0] > 'z') {
        return MF_ERROR_NAME_START;
    }
    while (length < MF_NAME_BYTES && name[length] != '\0') {
        const char c = name[length];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return MF_ERROR_NAME_CHARACTER;
        }
        length++;
    }
    if (length == MF_NAME_BYTES) {
        return MF_ERROR_NAME_END;
    }
    return all_zero((const u8 *)name + length, MF_NAME_BYTES - length)
               ? MF_GOOD
               : MF_ERROR_NAME_PADDING;
}

static bool same_name(const struct mf_domain *a, const struct mf_domain *b)
{
    for (u32 i = 0; i < MF_NAME_BYTES; i++) {
        if (a->name[i] != b->name[i]) {
            return false;
        }
    }
    return true;
}

static bool name_taken(const struct manifest *m, u32 domain)
{
    for (u32 i = 0; i < domain; i++) {
        if (same_name(&m->domain[i], &m->domain[domain])) {
            return true;
        }
    }
    return false;
}

static enum mf_error check_identity(const struct mf_domain *d)
{
    if (d->role >= MF_ROLE_COUNT) {
        return MF_ERROR_ROLE;
    }
    if ((d->flags & ~(u32)MF_DOMAIN_FLAGS) != 0) {
        return MF_ERROR_DOMAIN_FLAGS;
    }
    if ((d->rights & ~RIGHTS_ALL) != 0) {
        return MF_ERROR_RIGHTS_UNKNOWN;
    }
    if ((d->rights & ~policy_role_allowed(d->role)) != 0) {
        return MF_ERROR_RIGHTS_ROLE;
    }
    return all_zero(d->zero, sizeof(d->zero)) ? MF_GOOD : MF_ERROR_DOMAIN_ZERO;
}

static enum mf_error check_memory(const struct mf_domain *d)
{
    if (d->frames == 0) {
        return MF_ERROR_FRAMES_NONE;
    }
    if (d->frames % MIB_FRAMES != 0) {
        return MF_ERROR_FRAMES_UNIT;
    }
    if (d->frames > d->frames_max) {
        return MF_ERROR_FRAMES_ORDER;
    }
    if (d->frames_max % MIB_FRAMES != 0) {
        return MF_ERROR_FRAMES_MAX_UNIT;
    }
    return d->frames_max <= MF_MEMORY_MAX_FRAMES ? MF_GOOD
                                                 : MF_ERROR_FRAMES_MAX;
}

static enum mf_error check_limits(const struct mf_domain *d)
{
    if (d->vcpus == 0 || d->vcpus > 32) {
        return MF_ERROR_VCPUS;
    }
    if (d->weight == 0 || d->weight > 65535) {
        return MF_ERROR_WEIGHT;
    }
    if (d->cap_percent > CAP_PERCENT_MAX) {
        return MF_ERROR_CAP;
    }
    if ((d->audit & ~(u32)MF_AUDIT_ALL) != 0) {
        return MF_ERROR_AUDIT;
    }
    if (d->on_poweroff >= MF_ACTIONS) {
        return MF_ERROR_ON_POWEROFF;
    }
    if (d->on_reboot >= MF_ACTIONS) {
        return MF_ERROR_ON_REBOOT;
    }
    if (d->on_crash >= MF_ACTIONS) {
        return MF_ERROR_ON_CRASH;
    }
    if (d->console_rate > CONSOLE_RATE_MAX) {
        return MF_ERROR_CONSOLE_RATE;
    }
    if (d->port_count < 64 || d->port_count > 4096 || d->port_count % 64 != 0) {
        return MF_ERROR_PORTS;
    }
    if (d->grant_frames == 0 || d->grant_frames > 64) {
        return MF_ERROR_GRANT_FRAMES;
    }
    return d->map_count <= 65536 ? MF_GOOD : MF_ERROR_MAPS;
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

static u64 pages(u64 bytes)
{
    return bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0 ? 1 : 0);
}

/* Frames that the first memory layout takes at most. All terms are bounded:
 * the kernel by the tenant's memory, the ramdisk by the module. */
static u64 layout_frames(const struct manifest *m, const struct mf_domain *d)
{
    u64 frames = pages(d->load_va - d->virt_base + d->memory_bytes);

    if (d->ramdisk != MF_NONE) {
        frames += pages(m->image[d->ramdisk].bytes);
    }
    frames += pages(d->frames * 8);
    return frames + frames / TABLE_ENTRIES + LAYOUT_EXTRA_FRAMES;
}

/* Where the kernel stands, after its images are known to exist. */
static enum mf_error check_span(const struct manifest *m,
                                const struct mf_domain *d)
{
    const u64 room = room_above(d->virt_base);
    const u64 memory = d->frames * PAGE_BYTES;

    if (d->virt_base % BASE_UNIT != 0) {
        return MF_ERROR_BASE_UNIT;
    }
    if (room == 0) {
        return MF_ERROR_BASE_RANGE;
    }
    if (d->load_va % PAGE_BYTES != 0) {
        return MF_ERROR_LOAD_UNIT;
    }
    if (d->load_va < d->virt_base) {
        return MF_ERROR_LOAD_RANGE;
    }
    if (d->memory_bytes < m->image[d->kernel].bytes) {
        return MF_ERROR_SPAN_SMALL;
    }
    const u64 skipped = d->load_va - d->virt_base;

    if (skipped > memory || d->memory_bytes > memory - skipped) {
        return MF_ERROR_SPAN_LARGE;
    }
    return layout_frames(m, d) <= room / PAGE_BYTES ? MF_GOOD
                                                    : MF_ERROR_SPAN_RANGE;
}

static enum mf_error check_kernel(const struct manifest *m,
                                  const struct mf_domain *d)
{
    const u32 images = m->header->image_count;

    if (d->kernel >= images) {
        return MF_ERROR_KERNEL;
    }
    if (d->ramdisk != MF_NONE && d->ramdisk >= images) {
        return MF_ERROR_RAMDISK;
    }
    if ((d->kernel_flags & ~(u32)MF_KERNEL_FLAGS) != 0) {
        return MF_ERROR_KERNEL_FLAGS;
    }
    const enum mf_error span = check_span(m, d);

    if (span != MF_GOOD) {
        return span;
    }
    if (d->entry_va < d->load_va ||
        d->entry_va - d->load_va >= d->memory_bytes) {
        return MF_ERROR_ENTRY;
    }
    if (d->hypercall_va == MF_NO_ADDRESS) {
        return MF_GOOD;
    }
    if (d->hypercall_va % PAGE_BYTES != 0) {
        return MF_ERROR_HYPERCALL_UNIT;
    }
    return d->hypercall_va >= d->load_va && d->memory_bytes >= PAGE_BYTES &&
                   d->hypercall_va - d->load_va <= d->memory_bytes - PAGE_BYTES
               ? MF_GOOD
               : MF_ERROR_HYPERCALL_RANGE;
}

static enum mf_error check_cmdline(const char text[MF_CMDLINE_BYTES])
{
    const u8 *const bytes = (const u8 *)text;
    u32 length = 0;

    while (length < MF_CMDLINE_BYTES && bytes[length] != 0) {
        if (bytes[length] < 0x20 || bytes[length] == 0x7f) {
            return MF_ERROR_CMDLINE_CHARACTER;
        }
        length++;
    }
    if (length == MF_CMDLINE_BYTES) {
        return MF_ERROR_CMDLINE_END;
    }
    return all_zero(bytes + length, MF_CMDLINE_BYTES - length)
               ? MF_GOOD
               : MF_ERROR_CMDLINE_PADDING;
}

static enum mf_error check_domain(const struct manifest *m, u32 i)
{
    const struct mf_domain *const d = &m->domain[i];
    enum mf_error error = check_name(d->name);

    if (error == MF_GOOD && name_taken(m, i)) {
        error = MF_ERROR_NAME_TWICE;
    }
    if (error == MF_GOOD) {
        error = check_identity(d);
    }
    if (error == MF_GOOD) {
        error = check_memory(d);
    }
    if (error == MF_GOOD) {
        error = check_limits(d);
    }
    if (error == MF_GOOD) {
        error = check_kernel(m, d);
    }
    return error == MF_GOOD ? check_cmdline(d->cmdline) : error;
}

bool manifest_check(const u8 *module, u64 module_bytes,
                    struct manifest_fault *fault)
{
    u64 end = 0;

    fault->index = 0;
    fault->error = check_sizes(module, module_bytes);
    if (fault->error != MF_GOOD) {
        return false;
    }
    const struct manifest m = records(module);

    fault->error = check_header(&m);
    for (u32 i = 0; i < m.header->image_count && fault->error == MF_GOOD; i++) {
        fault->index = i;
        fault->error = check_image(&m, i, &end);
    }
    for (u32 i = 0; i < m.header->domain_count && fault->error == MF_GOOD;
         i++) {
        fault->index = i;
        fault->error = check_domain(&m, i);
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
    switch (error) {
    case MF_GOOD:
        return "nothing is wrong";
#define MF_ERROR(name, where, text)                                            \
    case MF_ERROR_##name:                                                      \
        return text;
#include "policy/manifest_errors.def"
#undef MF_ERROR
    case MF_ERROR_COUNT:
    default:
        return "it is wrong in a way that has no name";
    }
}
