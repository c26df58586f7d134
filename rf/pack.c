/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot module [policy/manifest.h]: a newc cpio archive whose members are
 * placed so that the manifest stands at MF_OFFSET and each image on a page.
 *
 *   ringfence/pad-0  ringfence/manifest
 *   ringfence/pad-1  ringfence/image-0
 *   ...              TRAILER!!!
 *
 * The same tenants give the same bytes: times and owners are zero. Offsets
 * are computed first, because the manifest in front holds the sizes of what
 * follows; then everything is written into a new file, which takes the place
 * of the old one only when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/sha256.h"
#include "policy/policy.h"
#include "rf/policytext.h"
#include "rf/rf.h"

#define NEWC_HEADER_BYTES 110u
#define MEMBER_BYTES_MAX 0xffffffffull

#define PORT_COUNT 1024u
#define GRANT_FRAMES 4u
#define MAP_COUNT 64u
#define MAP_COUNT_CONNECTED 1024u
/* Of a service: two ports a domain and some a network interface. */
#define PORT_COUNT_SERVICE 4096u

/* Member header with its name, padded to 4 [cpio(5), newc]. */
static u64 head_bytes(const char *name)
{
    return (NEWC_HEADER_BYTES + strlen(name) + 1 + 3) & ~3ull;
}

static u64 round_up(u64 value, u64 unit)
{
    return (value + unit - 1) / unit * unit;
}

struct writer {
    FILE *file;
    u64 at;
    u32 inode;
    bool is_failed;
};

static void put(struct writer *w, const void *data, u64 bytes)
{
    const u8 *from = data;
    u64 left = bytes;

    while (left > 0 && !w->is_failed) {
        const size_t step = left < (1u << 22) ? (size_t)left : (1u << 22);
        if (fwrite(from, 1, step, w->file) != step) {
            w->is_failed = true;
        }
        from += step;
        left -= step;
    }
    w->at += bytes;
}

static void put_zeroes(struct writer *w, u64 bytes)
{
    static const u8 zeroes[PAGE_BYTES];

    while (bytes > 0) {
        const u64 step = bytes < sizeof(zeroes) ? bytes : sizeof(zeroes);
        put(w, zeroes, step);
        bytes -= step;
    }
}

static void put_head(struct writer *w, const char *name, u64 bytes, u32 mode)
{
    char head[NEWC_HEADER_BYTES + 64];
    const u64 end = w->at + head_bytes(name);
    const int used =
        snprintf(head, sizeof(head),
                 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s",
                 w->inode, mode, 0u, 0u, 1u, 0u, (unsigned)bytes, 0u, 0u, 0u,
                 0u, (unsigned)strlen(name) + 1, 0u, name);

    w->inode++;
    put(w, head, (u64)used + 1);
    put_zeroes(w, end - w->at);
}

/* Bytes that a pad member in front of `name` needs so that the data of `name`
 * begins on a page, for a position `at`. */
static u64 pad_bytes(u64 at, const char *pad_name, const char *name)
{
    const u64 fixed = at + head_bytes(pad_name) + head_bytes(name);

    return round_up(fixed, PAGE_BYTES) - fixed;
}

static u64 place_member(u64 at, unsigned number, const char *name)
{
    char pad_name[64];

    snprintf(pad_name, sizeof(pad_name), "ringfence/pad-%u", number);
    return at + head_bytes(pad_name) + pad_bytes(at, pad_name, name) +
           head_bytes(name);
}

static void put_member(struct writer *w, unsigned number, const char *name,
                       const void *data, u64 bytes)
{
    char pad_name[64];

    snprintf(pad_name, sizeof(pad_name), "ringfence/pad-%u", number);
    const u64 pad = pad_bytes(w->at, pad_name, name);
    put_head(w, pad_name, pad, 0100444);
    put_zeroes(w, pad);
    put_head(w, name, bytes, 0100444);
    put(w, data, bytes);
    put_zeroes(w, round_up(bytes, 4) - bytes);
}

static void image_name(char *name, size_t room, size_t idx)
{
    snprintf(name, room, "ringfence/image-%zu", idx);
}

static void fill_domain(const struct tenant_set *set,
                        const struct tenant *tenant, struct mf_domain *out)
{
    const struct kernel *const kernel = tenant->kernel;

    memcpy(out->name, tenant->name, sizeof(out->name));
    memcpy(out->cmdline, tenant->cmdline, sizeof(out->cmdline));
    out->role = tenant->role;
    out->permits = tenant->permits;
    out->flags = tenant->is_sealed ? MF_SEALED : 0;
    out->rights = tenant->rights;
    out->frames = (u64)tenant->memory_mib * 256;
    out->frames_max = (u64)tenant->maxmem_mib * 256;
    out->vcpus = tenant->vcpus;
    out->weight = tenant->weight;
    out->cap_percent = tenant->cap_percent;
    out->audit = tenant->audit;
    out->on_poweroff = tenant->on_poweroff;
    out->on_reboot = tenant->on_reboot;
    out->on_crash = tenant->on_crash;
    out->console_rate = tenant->console_rate;
    out->port_count =
        tenant->role == MF_ROLE_TENANT ? PORT_COUNT : PORT_COUNT_SERVICE;
    out->grant_frames = GRANT_FRAMES;
    out->map_count = (tenant->rights & RIGHT_MASK(CONNECT)) != 0
                         ? MAP_COUNT_CONNECTED
                         : MAP_COUNT;
    /* Two rings a domain. No more than are of use: the hypervisor searches
     * these records at times. */
    const u32 rings = 2 * (u32)set->count + MAP_COUNT;
    if (tenant->role != MF_ROLE_TENANT && rings > out->map_count) {
        out->map_count = rings;
    }
    out->kernel = tenant->kernel_idx;
    out->ramdisk = tenant->ramdisk_idx;
    out->kernel_flags = kernel->has_mod_pfn ? MF_KERNEL_MOD_PFN : 0;
    out->load_va = kernel->load_va;
    out->virt_base = kernel->virt_base;
    out->entry_va = kernel->entry_va;
    out->memory_bytes = kernel->memory_bytes;
    out->hypercall_va = kernel->hypercall_va;
    out->cpu_mask = tenant->cpu_mask;
}

/* The manifest with every offset and digest; its size goes to *bytes. */
static u8 *fill_manifest(const struct tenant_set *set, u32 flags, u64 *bytes)
{
    const u64 images_at = PAGE_BYTES * (1 + set->count);
    const u64 total =
        round_up(images_at + set->image_count * MF_IMAGE_BYTES, PAGE_BYTES);
    u8 *const manifest = mem_alloc((size_t)total);
    struct mf_header *const header = (struct mf_header *)(void *)manifest;
    struct mf_domain *const domain =
        (struct mf_domain *)(void *)(manifest + PAGE_BYTES);
    struct mf_image *const image =
        (struct mf_image *)(void *)(manifest + images_at);

    for (size_t i = 0; i < set->count; i++) {
        fill_domain(set, &set->tenant[i], &domain[i]);
    }
    u64 at = MF_OFFSET + total;
    for (size_t i = 0; i < set->image_count; i++) {
        char name[64];
        image_name(name, sizeof(name), i);
        image[i].offset = place_member(at, (unsigned)i + 1, name);
        image[i].bytes = set->image[i].data.bytes;
        memcpy(image[i].digest, set->image[i].digest, 32);
        at = round_up(image[i].offset + image[i].bytes, 4);
    }
    memcpy(header->magic, MF_MAGIC, sizeof(header->magic));
    header->version = MF_VERSION;
    header->flags = flags;
    header->module_bytes = round_up(at + head_bytes("TRAILER!!!"), PAGE_BYTES);
    header->manifest_bytes = total;
    header->domain_count = (u32)set->count;
    header->image_count = (u32)set->image_count;
    memcpy(header->policy_digest, set->policy_digest, 32);
    memcpy(header->seal_key, set->seal_key, 32);
    u8 digest[32];
    sha256(manifest, total, digest);
    memcpy(header->digest, digest, sizeof(digest));
    *bytes = total;
    return manifest;
}

static bool write_module(const struct tenant_set *set, FILE *file, u32 flags)
{
    struct writer w = { .file = file, .inode = 1 };
    u64 bytes;
    u8 *const manifest = fill_manifest(set, flags, &bytes);
    const u64 total = ((struct mf_header *)(void *)manifest)->module_bytes;

    put_member(&w, 0, "ringfence/manifest", manifest, bytes);
    free(manifest);
    for (size_t i = 0; i < set->image_count; i++) {
        char name[64];
        image_name(name, sizeof(name), i);
        put_member(&w, (unsigned)i + 1, name, set->image[i].data.data,
                   set->image[i].data.bytes);
        progress_tick(w.at, total);
    }
    put_head(&w, "TRAILER!!!", 0, 0);
    put_zeroes(&w, total - w.at);
    return !w.is_failed && fflush(file) == 0;
}

/* A new file beside `path`, to be renamed over it. */
static FILE *open_beside(const char *path, char **temporary,
                         struct fault *fault)
{
    *temporary = text_format("%s.XXXXXX", path);
    const int fd = mkostemp(*temporary, O_CLOEXEC);
    FILE *const file = fd < 0 ? NULL : fdopen(fd, "wb");

    if (file == NULL) {
        fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(*temporary);
        }
        free(*temporary);
        *temporary = NULL;
        return NULL;
    }
    const mode_t mask = umask(0);
    umask(mask);
    /* mkostemp makes it private; the module is as public as other output. */
    (void)!fchmod(fd, 0666 & ~mask);
    return file;
}

bool pack_module(const struct tenant_set *set, const char *path, u32 flags,
                 struct fault *fault)
{
    char *temporary;

    for (size_t i = 0; i < set->image_count; i++) {
        if (set->image[i].data.bytes > MEMBER_BYTES_MAX) {
            return fault_set(fault,
                             "an image of %zu bytes is more than a "
                             "module can hold",
                             set->image[i].data.bytes);
        }
    }
    FILE *const file = open_beside(path, &temporary, fault);
    if (file == NULL) {
        return false;
    }
    progress_begin("writing the module", set->is_quiet);
    bool good = write_module(set, file, flags);
    progress_end();
    good = fclose(file) == 0 && good;
    if (!good) {
        fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
    } else {
        good = module_check(temporary, fault);
    }
    if (good && rename(temporary, path) != 0) {
        good = fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
    }
    if (!good) {
        unlink(temporary);
    }
    free(temporary);
    return good;
}
