/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FEATURES note: names separated by '|', '!' before what the kernel cannot
 * do without [XEN elfnote.h]. A required feature must be one a tenant gets;
 * what a kernel merely supports is its own business.
 */
#include <string.h>
#include <xen/features.h>

#include "rf/elf.h"

static const struct {
    const char *name;
    unsigned bit;
    bool is_given;
} features[] = {
    /* Trapped writes are what a PV guest has without it as well. */
    { "writable_page_tables", XENFEAT_writable_page_tables, true },
    { "writable_descriptor_tables", XENFEAT_writable_descriptor_tables, false },
    { "auto_translated_physmap", XENFEAT_auto_translated_physmap, false },
    { "supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel, false },
    { "pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb, true },
    { "mmu_pt_update_preserve_ad", XENFEAT_mmu_pt_update_preserve_ad, true },
    { "highmem_assist", XENFEAT_highmem_assist, false },
    { "gnttab_map_avail_bits", XENFEAT_gnttab_map_avail_bits, false },
    { "hvm_callback_vector", XENFEAT_hvm_callback_vector, false },
    { "hvm_safe_pvclock", XENFEAT_hvm_safe_pvclock, false },
    { "hvm_pirqs", XENFEAT_hvm_pirqs, false },
    { "dom0", XENFEAT_dom0, false },
};

static bool feature_take(const char *name, size_t bytes, bool is_required,
                         u64 *supported, struct fault *fault)
{
    for (size_t i = 0; i < ARRAY_COUNT(features); i++) {
        if (strlen(features[i].name) != bytes ||
            memcmp(features[i].name, name, bytes) != 0) {
            continue;
        }
        *supported |= 1ull << features[i].bit;
        if (is_required && !features[i].is_given) {
            break;
        }
        return true;
    }
    if (!is_required) {
        return true;
    }
    fault_set(fault, "it requires the Xen feature '%.*s'", (int)bytes, name);
    return fault_help(fault, "Ringfence does not have it: use a kernel that "
                             "runs as an ordinary PV guest");
}

bool elf_features(const char *text, u64 *supported, struct fault *fault)
{
    while (*text != '\0') {
        const bool is_required = *text == '!';
        if (is_required) {
            text++;
        }
        const size_t bytes = strcspn(text, "|");
        if (!feature_take(text, bytes, is_required, supported, fault)) {
            return false;
        }
        text += bytes;
        if (*text == '|') {
            text++;
        }
    }
    return true;
}
