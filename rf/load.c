/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenant files to a set of tenants: read, parse, resolve, compare with each
 * other. Every step goes on after a finding where it can, so that one run
 * lists them all. A kernel named by several tenants is unpacked once; equal
 * images are kept once, whatever their paths.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/sha256.h"
#include "rf/cfg.h"
#include "rf/pf.h"

/* What the hypervisor keeps for itself of the machine's memory, for the check
 * against --memory; it says the exact figure when it boots. */
#define HOST_MIB 64u
#define SERVICES_MAX 2u /* that rf adds by itself */
/* The boot layout ends with 512 KiB of slack, rounded up to 4 MiB. */
#define LAYOUT_SLACK_BYTES (512u << 10)
#define LAYOUT_ALIGN (4u << 20)

/* One kernel file of the set, good or not. */
struct kernel_file {
    dev_t device;
    ino_t inode;
    struct kernel kernel;
    struct fault fault;
    bool is_good;
    u32 image_idx;
};

static struct place place_whole(const struct tenant *tenant)
{
    const struct place at = { tenant->source, 0, 0, 0 };

    return at;
}

static bool tenant_read(struct tenant *tenant, const char *path,
                        struct diags *diags)
{
    struct blob text;
    struct fault fault;

    tenant->source->path = text_copy(path, strlen(path));
    if (!file_read(path, CFG_BYTES_MAX, &text, &fault)) {
        tenant->source->text = text_copy("", 0);
        diag_add(diags, place_whole(tenant), "cannot be read: %s", fault.text);
        return false;
    }
    tenant->source->text = text_copy((const char *)text.data, text.bytes);
    tenant->source->bytes = text.bytes;
    const bool has_nul = memchr(text.data, 0, text.bytes) != NULL;
    free(text.data);
    if (has_nul) {
        diag_add(diags, place_whole(tenant), "is not a text file");
        return false;
    }
    return true;
}

static void names_compare(struct tenant_set *set)
{
    for (size_t i = 1; i < set->count; i++) {
        const struct tenant *const tenant = &set->tenant[i];
        for (size_t k = 0; k < i && tenant->name[0] != '\0'; k++) {
            const struct tenant *const other = &set->tenant[k];
            if (strcmp(tenant->name, other->name) == 0) {
                diag_add(&set->diags, tenant->name_at,
                         "a second tenant named '%s'", tenant->name);
                diag_help(&set->diags, "the first is in %s:%u",
                          other->source->path, other->name_at.line);
                break;
            }
        }
    }
}

/* Index of this content in the set, which takes the data over. */
static u32 image_add(struct tenant_set *set, struct blob data)
{
    u8 digest[32];

    sha256(data.data, data.bytes, digest);
    for (size_t i = 0; i < set->image_count; i++) {
        if (memcmp(set->image[i].digest, digest, sizeof(digest)) == 0) {
            free(data.data);
            return (u32)i;
        }
    }
    set->image =
        mem_grow(set->image, set->image_count + 1, sizeof(*set->image));
    struct image *const image = &set->image[set->image_count];
    image->data = data;
    memcpy(image->digest, digest, sizeof(digest));
    return (u32)set->image_count++;
}

static void kernel_read(struct tenant_set *set, struct kernel_file *file,
                        const char *path)
{
    struct blob raw;

    if (!file_read(path, FILE_BYTES_MAX, &raw, &file->fault)) {
        return;
    }
    char *const what = text_format("unpacking %s", path);
    progress_begin(what, set->is_quiet);
    file->is_good = kernel_load(&raw, &file->kernel, &file->fault);
    progress_end();
    free(what);
    free(raw.data);
    if (file->is_good) {
        file->image_idx = image_add(set, file->kernel.flat);
        file->kernel.flat.data = NULL;
    }
}

static void kernel_complain(struct tenant_set *set, const struct tenant *tenant,
                            const struct fault *fault)
{
    diag_add(&set->diags, tenant->kernel_at, "kernel '%s': %s",
             tenant->kernel_path, fault->text);
    if (fault->help[0] != '\0') {
        diag_help(&set->diags, "%s", fault->help);
    }
}

static void tenant_kernel(struct tenant_set *set, struct tenant *tenant)
{
    struct kernel_file *file = NULL;
    struct fault fault = { "", "" };
    struct stat st;

    if (tenant->kernel_path == NULL) {
        return;
    }
    if (stat(tenant->kernel_path, &st) != 0) {
        fault_set(&fault, "%s", strerror(errno));
        fault_help(&fault, tenant->is_built_in
                               ? "build it with `make guests`, or leave it "
                                 "out with --no-domain0"
                               : "a relative path starts at the directory of "
                                 "the tenant file");
        kernel_complain(set, tenant, &fault);
        return;
    }
    for (size_t i = 0; i < set->kernel_count && file == NULL; i++) {
        if (set->kernels[i].device == st.st_dev &&
            set->kernels[i].inode == st.st_ino) {
            file = &set->kernels[i];
        }
    }
    if (file == NULL) {
        /* There is room for one kernel a tenant: pointers into it last. */
        file = &set->kernels[set->kernel_count++];
        file->device = st.st_dev;
        file->inode = st.st_ino;
        kernel_read(set, file, tenant->kernel_path);
    }
    if (!file->is_good) {
        kernel_complain(set, tenant, &file->fault);
        return;
    }
    tenant->kernel = &file->kernel;
    tenant->kernel_idx = file->image_idx;
}

static void tenant_ramdisk(struct tenant_set *set, struct tenant *tenant)
{
    struct blob raw;
    struct fault fault;

    tenant->ramdisk_idx = MF_NONE;
    if (tenant->ramdisk_path == NULL) {
        return;
    }
    if (!file_read(tenant->ramdisk_path, FILE_BYTES_MAX, &raw, &fault)) {
        diag_add(&set->diags, tenant->ramdisk_at, "ramdisk '%s': %s",
                 tenant->ramdisk_path, fault.text);
        diag_help(&set->diags, "a relative path starts at the directory of the "
                               "tenant file");
    } else if (raw.bytes == 0) {
        diag_add(&set->diags, tenant->ramdisk_at, "ramdisk '%s': is empty",
                 tenant->ramdisk_path);
        free(raw.data);
    } else {
        tenant->ramdisk_idx = image_add(set, raw);
    }
}

/* Bytes that the first memory layout of a tenant takes: image, ramdisk, the
 * p2m table, three info pages and a stack, and the tables that map it all. */
static u64 layout_bytes(const struct tenant_set *set,
                        const struct tenant *tenant)
{
    const struct kernel *const kernel = tenant->kernel;
    u64 bytes = kernel->load_va - kernel->virt_base + kernel->memory_bytes;

    if (tenant->ramdisk_idx != MF_NONE) {
        bytes += set->image[tenant->ramdisk_idx].data.bytes + PAGE_BYTES;
    }
    bytes += (u64)tenant->memory_mib * 256 * 8;
    bytes += 8 * PAGE_BYTES + LAYOUT_SLACK_BYTES;
    bytes += (bytes >> 21) * PAGE_BYTES + 4 * PAGE_BYTES;
    return (bytes + LAYOUT_ALIGN - 1) & ~(u64)(LAYOUT_ALIGN - 1);
}

/* Bytes of address space from VIRT_BASE to where a guest's space ends. */
static u64 layout_room(const struct kernel *kernel)
{
    const u64 low_end = 0x0000800000000000ull;

    return kernel->virt_base < low_end ? low_end - kernel->virt_base
                                       : U64_MAX - kernel->virt_base;
}

/* Does the tenant's own memory hold what it starts with? */
static void layout_compare(struct tenant_set *set, const struct tenant *tenant)
{
    const u64 bytes = layout_bytes(set, tenant);

    if (bytes > layout_room(tenant->kernel)) {
        diag_add(&set->diags, tenant->kernel_at,
                 "kernel '%s': with its ramdisk it does not fit above its "
                 "VIRT_BASE 0x%llx",
                 tenant->kernel_path,
                 (unsigned long long)tenant->kernel->virt_base);
    } else if (bytes >> 20 > tenant->memory_mib) {
        diag_add(&set->diags, tenant->memory_at,
                 "memory %u is too small: kernel and ramdisk alone take %llu",
                 tenant->memory_mib, (unsigned long long)bytes >> 20);
        diag_help(&set->diags,
                  "Linux wants some 100 MiB more than that to run");
    }
}

static void memory_compare(struct tenant_set *set, u64 host_mib)
{
    u64 total = 0;
    bool is_told = false;

    for (size_t i = 0; i < set->count; i++) {
        const struct tenant *const tenant = &set->tenant[i];
        const u64 most = tenant->maxmem_mib > tenant->memory_mib
                             ? tenant->maxmem_mib
                             : tenant->memory_mib;
        total += most;
        if (tenant->kernel != NULL && tenant->memory_mib != 0) {
            layout_compare(set, tenant);
        }
        if (host_mib != 0 && most + HOST_MIB > host_mib) {
            diag_add(&set->diags, tenant->memory_at,
                     "memory %llu is more than the machine has: %llu MiB, %u "
                     "of them for Ringfence itself",
                     (unsigned long long)most, (unsigned long long)host_mib,
                     HOST_MIB);
            is_told = true;
        }
    }
    if (host_mib != 0 && !is_told && total + HOST_MIB > host_mib) {
        const struct place nowhere = { NULL, 0, 0, 0 };
        diag_add(&set->diags, nowhere,
                 "the tenants take %llu MiB and Ringfence %u, the machine has "
                 "%llu",
                 (unsigned long long)total, HOST_MIB,
                 (unsigned long long)host_mib);
        diag_help(&set->diags, "memory is reserved when a tenant is created "
                               "and never shared: lower memory or maxmem");
    }
}

/* Would the router take the rules? They are packed again when it is known how
 * domains are numbered; here they only have to fit. */
static void rules_compile(struct tenant_set *set)
{
    const struct place nowhere = { NULL, 0, 0, 0 };
    struct blob blob = { NULL, 0 };
    struct fault fault;

    if (set->diags.count != 0) {
        return;
    }
    u16 *const domid = pf_domids(set);
    if (!pf_blob(set, domid, &blob, &fault)) {
        diag_add(&set->diags, nowhere, "%s", fault.text);
    }
    free(blob.data);
    free(domid);
}

/* Domain0's ramdisk, unless its file names one, is what it has to know of the
 * others. */
static void domain0_tell(struct tenant_set *set)
{
    const struct place nowhere = { NULL, 0, 0, 0 };
    struct blob blob = { NULL, 0 };
    struct fault fault;

    if (set->diags.count != 0 || tenant_set_first(set) != 0 ||
        set->tenant[0].ramdisk_path != NULL) {
        return;
    }
    u16 *const domid = pf_domids(set);
    if (pf_services(set, domid, &blob, &fault)) {
        set->tenant[0].ramdisk_idx = image_add(set, blob);
    } else {
        diag_add(&set->diags, nowhere, "%s", fault.text);
    }
    free(domid);
}

static void policy_digest(struct tenant_set *set)
{
    struct sha256 hash;
    sha256_init(&hash);
    for (size_t i = 0; i < set->count; i++) {
        const struct source *const from = set->tenant[i].source;
        const size_t bytes = set->tenant[i].is_built_in ? 0 : from->bytes;
        sha256_update(&hash, (const u8 *)from->text, bytes);
    }
    sha256_final(&hash, set->policy_digest);
}

/* A file that comes with rf. */
static void tenant_text(struct tenant *tenant, const char *path,
                        const char *text)
{
    tenant->is_built_in = true;
    tenant->source->path = text_copy(path, strlen(path));
    tenant->source->text = text_copy(text, strlen(text));
    tenant->source->bytes = strlen(text);
}

/* What its file says, and the images that it names. */
static void tenant_add(struct tenant_set *set, struct tenant *tenant)
{
    struct settings settings;

    cfg_parse(tenant->source, &settings, &set->diags);
    cfg_apply(&settings, tenant, &set->diags);
    cfg_settings_free(&settings);
    if (!set->is_rules_only) {
        tenant_kernel(set, tenant);
        tenant_ramdisk(set, tenant);
    }
}

static void tenant_free_network(struct tenant *tenant)
{
    for (size_t i = 0; i < tenant->firewall_count; i++) {
        free(tenant->firewall[i].text);
    }
    if (tenant->pf != NULL) {
        pf_free(tenant->pf);
    }
    free(tenant->firewall);
    free(tenant->vif);
}

void tenant_set_free(struct tenant_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct tenant *const tenant = &set->tenant[i];
        free(tenant->source->path);
        free(tenant->source->text);
        free(tenant->kernel_path);
        free(tenant->ramdisk_path);
        tenant_free_network(tenant);
    }
    for (size_t i = 0; i < set->image_count; i++) {
        free(set->image[i].data.data);
    }
    free(set->tenant);
    free(set->source);
    free(set->image);
    free(set->kernels);
    diag_free(&set->diags);
    *set = (struct tenant_set){ .is_quiet = set->is_quiet,
                                .is_rules_only = set->is_rules_only,
                                .has_services = set->has_services,
                                .no_domain0 = set->no_domain0 };
}

/* A new tenant in place i; those from there on move up. */
static struct tenant *tenant_slot(struct tenant_set *set, size_t i)
{
    struct tenant *const tenant = &set->tenant[i];

    memmove(tenant + 1, tenant, (set->count - i) * sizeof(*tenant));
    *tenant = (struct tenant){ .source = &set->source[set->count++] };
    return tenant;
}

/* The set of these files, behind the Domain0 that comes with Ringfence or
 * without it. */
static void set_load(struct tenant_set *set, char *const *paths, size_t count,
                     bool with_domain0)
{
    set->tenant = mem_alloc((count + SERVICES_MAX) * sizeof(*set->tenant));
    set->source = mem_alloc((count + SERVICES_MAX) * sizeof(*set->source));
    set->kernels = mem_alloc((count + SERVICES_MAX) * sizeof(*set->kernels));
    if (with_domain0) {
        struct tenant *const tenant = tenant_slot(set, set->count);
        tenant_text(tenant, "domain0", services_domain0_text);
        tenant_add(set, tenant);
    }
    for (size_t i = 0; i < count; i++) {
        struct tenant *const tenant = tenant_slot(set, set->count);
        if (tenant_read(tenant, paths[i], &set->diags)) {
            tenant_add(set, tenant);
        }
    }
}

/* Domain0 is domain 0, the router comes next: files with these roles first. A
 * file that is Domain0 takes the place of the one that comes with Ringfence. */
static void set_load_in_order(struct tenant_set *set, char *const *paths,
                              size_t count)
{
    static const u32 order[] = { MF_ROLE_DOMAIN0, MF_ROLE_ROUTER,
                                 MF_ROLE_TENANT };
    const size_t own = set->has_services && !set->no_domain0 ? 1 : 0;
    char **const sorted = mem_alloc(count * sizeof(*sorted));
    bool has_domain0 = false;
    size_t used = 0;

    set_load(set, paths, count, own != 0);
    for (size_t k = 0; k < ARRAY_COUNT(order); k++) {
        for (size_t i = 0; i < count; i++) {
            if (set->tenant[i + own].role == order[k]) {
                sorted[used++] = paths[i];
                has_domain0 = has_domain0 || order[k] == MF_ROLE_DOMAIN0;
            }
        }
    }
    if (memcmp(sorted, paths, count * sizeof(*sorted)) != 0 ||
        (has_domain0 && own != 0)) {
        tenant_set_free(set);
        set_load(set, sorted, count, own != 0 && !has_domain0);
    }
    free(sorted);
}

/* The router that comes with Ringfence, behind Domain0, if somebody has an
 * interface and no file is it. */
static void router_add(struct tenant_set *set)
{
    bool has_vif = false;

    for (size_t i = 0; i < set->count; i++) {
        has_vif = has_vif || set->tenant[i].vif_count != 0;
        if (set->tenant[i].role == MF_ROLE_ROUTER) {
            return;
        }
    }
    if (!has_vif || tenant_set_first(set) != 0 || !set->has_services) {
        return;
    }
    struct tenant *const tenant = tenant_slot(set, 1);
    tenant_text(tenant, "router", services_router_text);
    tenant_add(set, tenant);
}

bool tenant_set_load(struct tenant_set *set, char *const *paths, size_t count,
                     u64 host_mib)
{
    const struct place nowhere = { NULL, 0, 0, 0 };

    if (count == 0 || count > MF_DOMAINS_MAX - SERVICES_MAX) {
        *set = (struct tenant_set){ .is_quiet = set->is_quiet };
        diag_add(&set->diags, nowhere, "%zu tenant files; 1 to %u are possible",
                 count, MF_DOMAINS_MAX - SERVICES_MAX);
        return false;
    }
    set_load_in_order(set, paths, count);
    router_add(set);
    names_compare(set);
    roles_compare(set);
    vif_compare(set);
    pf_parse_set(set);
    rules_compile(set);
    domain0_tell(set);
    memory_compare(set, host_mib);
    policy_digest(set);
    return set->diags.count == 0;
}

int tenant_set_report(struct tenant_set *set, bool as_json)
{
    if (as_json) {
        diag_print_json(&set->diags, NULL, stdout);
    } else if (set->diags.count != 0) {
        diag_print(&set->diags, stderr);
    }
    return set->diags.count != 0 ? EXIT_FINDING : EXIT_OK;
}
