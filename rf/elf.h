/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the kernel loader: an ELF file whose header has been checked,
 * and what its Xen notes say.
 */
#ifndef RF_ELF_H
#define RF_ELF_H

#include <elf.h>

#include "rf/rf.h"

#define SEGMENTS_MAX 64u

struct elf {
    struct blob file;
    Elf64_Ehdr header;
    Elf64_Phdr segment[SEGMENTS_MAX];
    unsigned segment_count;
};

/* Notes by presence; numbers are 0 when absent. */
struct notes {
    bool has_any; /* some note named "Xen" */
    bool has_phys32_entry;
    bool has_entry;
    bool has_hypercall_page;
    bool has_virt_base;
    bool has_paddr_offset;
    bool has_hv_start_low;
    bool has_features;
    bool has_mod_pfn;
    u64 entry;
    u64 hypercall_page;
    u64 virt_base;
    u64 paddr_offset;
    u64 hv_start_low;
    u64 mod_pfn;
    u64 supported;
    char xen_version[16];
    char guest_os[32];
    char guest_version[32];
    char loader[16];
    char features[160];
    char bsd_symtab[16];
};

/* elfnote.c: Xen notes of the PT_NOTE segments, or of the note sections when
 * no segment has any. */
bool elf_notes(const struct elf *elf, struct notes *out,
               struct fault *fault) MUST_CHECK;

/* features.c: names of the FEATURES note to bits; a kernel that requires what
 * a tenant does not get is refused. */
bool elf_features(const char *text, u64 *supported,
                  struct fault *fault) MUST_CHECK;

#endif
