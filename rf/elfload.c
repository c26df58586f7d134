/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF to flat image. The order: header, segment table, notes, what the notes
 * demand, where each segment lands, whether all of it is sane; only then is
 * memory taken and filled.
 *
 * A segment lands at p_paddr - paddr_offset + virt_base [XEN elfnote.h], never
 * at p_vaddr: Linux links its per-CPU data at virtual address 0. Without a
 * VIRT_BASE note pseudo-physical frame 0 has virtual address 0; without
 * PADDR_OFFSET the offset is 0.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/elf.h"
#include "rf/elfload.h"

#define BASE_ALIGN 0x400000ull
/* Reserved for the hypervisor [XEN arch-x86/xen-x86_64.h]. */
#define HOLE_START 0xffff800000000000ull
#define HOLE_END 0xffff880000000000ull
#define LOW_END 0x0000800000000000ull

static bool header_check(struct elf *elf, struct fault *fault)
{
    Elf64_Ehdr *const h = &elf->header;

    if (elf->file.bytes < sizeof(*h)) {
        return fault_set(fault, "the ELF file ends inside its header");
    }
    memcpy(h, elf->file.data, sizeof(*h));
    if (h->e_ident[EI_CLASS] == ELFCLASS32) {
        fault_set(fault, "this is a 32-bit kernel");
        return fault_help(fault, "Ringfence runs 64-bit kernels only; use the "
                                 "amd64 one");
    }
    if (h->e_ident[EI_CLASS] != ELFCLASS64 ||
        h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64) {
        return fault_set(fault, "this ELF file is not for x86-64");
    }
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN) {
        return fault_set(fault, "this ELF file is no executable");
    }
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 ||
        h->e_phnum > SEGMENTS_MAX || h->e_phoff > elf->file.bytes ||
        h->e_phnum * sizeof(Elf64_Phdr) > elf->file.bytes - h->e_phoff) {
        return fault_set(fault, "its ELF segment table is absurd or outside "
                                "the file");
    }
    if (h->e_shnum != 0 &&
        (h->e_shentsize != sizeof(Elf64_Shdr) || h->e_shoff > elf->file.bytes ||
         h->e_shnum * sizeof(Elf64_Shdr) > elf->file.bytes - h->e_shoff)) {
        return fault_set(fault, "its ELF section table is absurd or outside "
                                "the file");
    }
    elf->segment_count = h->e_phnum;
    memcpy(elf->segment, elf->file.data + h->e_phoff,
           h->e_phnum * sizeof(Elf64_Phdr));
    return true;
}

static bool notes_missing(const struct notes *notes, struct fault *fault)
{
    if (!notes->has_any) {
        fault_set(fault, "it has no Xen notes");
    } else if (notes->has_phys32_entry) {
        fault_set(fault, "it has Xen PVH notes but no Xen PV notes");
    } else {
        fault_set(fault, "its Xen notes name no Xen version or no guest");
    }
    return fault_help(fault, "CONFIG_XEN_PV is off in this kernel; Debian's "
                             "linux-image-amd64 has it on");
}

static bool notes_check(const struct notes *notes, u64 *supported,
                        struct fault *fault)
{
    if (notes->xen_version[0] == '\0' || notes->guest_os[0] == '\0') {
        return notes_missing(notes, fault);
    }
    if (strcmp(notes->xen_version, "xen-3.0") != 0) {
        return fault_set(fault,
                         "it is made for Xen interface '%s', not 'xen-3.0'",
                         notes->xen_version);
    }
    if (notes->loader[0] != '\0' && strcmp(notes->loader, "generic") != 0) {
        return fault_set(fault, "it wants the loader '%s', not 'generic'",
                         notes->loader);
    }
    if (strncmp(notes->bsd_symtab, "yes", 3) == 0) {
        fault_set(fault, "it wants its symbol table loaded (note BSD_SYMTAB)");
        return fault_help(fault, "Ringfence loads segments only");
    }
    if (notes->has_hv_start_low && notes->hv_start_low > HOLE_START) {
        return fault_set(fault,
                         "it wants the hypervisor above 0x%llx (note "
                         "HV_START_LOW)",
                         (unsigned long long)notes->hv_start_low);
    }
    if (notes->has_paddr_offset && !notes->has_virt_base) {
        return fault_set(fault,
                         "it has the note PADDR_OFFSET without VIRT_BASE");
    }
    if (notes->virt_base % BASE_ALIGN != 0) {
        return fault_set(fault, "its VIRT_BASE 0x%llx is not 4 MiB aligned",
                         (unsigned long long)notes->virt_base);
    }
    *supported = notes->supported;
    return elf_features(notes->features, supported, fault);
}

/* May a guest have [start, end) in its kernel half? end > start. */
static bool range_is_guest(u64 start, u64 end)
{
    return end <= LOW_END || start >= HOLE_END;
}

struct landing {
    u64 start;
    u64 file_end;
    u64 end;
};

/* Where a segment lands; false when any sum leaves 64 bits or the file. */
static bool segment_land(const struct elf *elf, const Elf64_Phdr *segment,
                         const struct notes *notes, struct landing *out)
{
    if (segment->p_filesz > segment->p_memsz ||
        segment->p_memsz > FLAT_BYTES_MAX ||
        segment->p_offset > elf->file.bytes ||
        segment->p_filesz > elf->file.bytes - segment->p_offset ||
        segment->p_paddr < notes->paddr_offset) {
        return false;
    }
    const u64 above = segment->p_paddr - notes->paddr_offset;
    if (above > FLAT_BYTES_MAX || above > U64_MAX - notes->virt_base ||
        segment->p_memsz >= U64_MAX - notes->virt_base - above - PAGE_BYTES) {
        return false;
    }
    out->start = notes->virt_base + above;
    out->file_end = out->start + segment->p_filesz;
    out->end = out->start + segment->p_memsz;
    return true;
}

static bool segments_place(const struct elf *elf, const struct notes *notes,
                           struct landing *span, struct fault *fault)
{
    struct landing landed[SEGMENTS_MAX];
    unsigned count = 0;

    *span = (struct landing){ U64_MAX, 0, 0 };
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *const segment = &elf->segment[i];
        if (segment->p_type != PT_LOAD || segment->p_memsz == 0) {
            continue;
        }
        struct landing at;
        if (!segment_land(elf, segment, notes, &at)) {
            return fault_set(fault,
                             "ELF segment %u is absurd or lies outside "
                             "the file (truncated?)",
                             i);
        }
        for (unsigned k = 0; k < count; k++) {
            if (at.start < landed[k].end && landed[k].start < at.end) {
                return fault_set(fault, "ELF segment %u overlaps another", i);
            }
        }
        landed[count++] = at;
        span->start = at.start < span->start ? at.start : span->start;
        span->end = at.end > span->end ? at.end : span->end;
        span->file_end =
            at.file_end > span->file_end ? at.file_end : span->file_end;
    }
    if (count == 0 || span->file_end <= span->start) {
        return fault_set(fault, "this ELF file loads nothing");
    }
    span->start &= ~(u64)(PAGE_BYTES - 1);
    if (span->end - span->start > FLAT_BYTES_MAX) {
        return fault_set(fault,
                         "it spans %llu bytes in memory, more than the "
                         "limit of %llu",
                         (unsigned long long)(span->end - span->start),
                         (unsigned long long)FLAT_BYTES_MAX);
    }
    if (!range_is_guest(notes->virt_base, span->end)) {
        return fault_set(fault,
                         "it wants addresses that are the hypervisor's or "
                         "not canonical");
    }
    return true;
}

static void segments_copy(const struct elf *elf, const struct notes *notes,
                          const struct landing *span, struct blob *flat)
{
    flat->bytes = (size_t)(span->file_end - span->start);
    flat->data = mem_alloc(flat->bytes);
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *const segment = &elf->segment[i];
        struct landing at;
        if (segment->p_type == PT_LOAD && segment->p_memsz != 0 &&
            segment_land(elf, segment, notes, &at)) {
            memcpy(flat->data + (at.start - span->start),
                   elf->file.data + segment->p_offset, segment->p_filesz);
        }
    }
    while (flat->bytes > 0 && flat->data[flat->bytes - 1] == 0) {
        flat->bytes--;
    }
}

static bool addresses_check(const struct kernel *kernel,
                            const struct landing *span, struct fault *fault)
{
    if (kernel->entry_va < span->start || kernel->entry_va >= span->end) {
        return fault_set(fault,
                         "its entry point 0x%llx is outside what it "
                         "loads",
                         (unsigned long long)kernel->entry_va);
    }
    if (kernel->hypercall_va != MF_NO_ADDRESS &&
        (kernel->hypercall_va % PAGE_BYTES != 0 ||
         kernel->hypercall_va < span->start ||
         kernel->hypercall_va > span->end ||
         span->end - kernel->hypercall_va < PAGE_BYTES)) {
        return fault_set(fault,
                         "its hypercall page 0x%llx is outside what it "
                         "loads or not page aligned",
                         (unsigned long long)kernel->hypercall_va);
    }
    return true;
}

bool elf_load(struct blob file, struct kernel *out, struct fault *fault)
{
    struct elf elf = { .file = file };
    struct notes notes;
    struct landing span;

    if (!header_check(&elf, fault) || !elf_notes(&elf, &notes, fault) ||
        !notes_check(&notes, &out->supported, fault) ||
        !segments_place(&elf, &notes, &span, fault)) {
        return false;
    }
    out->load_va = span.start;
    out->virt_base = notes.virt_base;
    out->paddr_offset = notes.paddr_offset;
    out->entry_va = notes.has_entry ? notes.entry : elf.header.e_entry;
    out->memory_bytes = span.end - span.start;
    out->hypercall_va =
        notes.has_hypercall_page ? notes.hypercall_page : MF_NO_ADDRESS;
    out->has_mod_pfn = notes.has_mod_pfn && notes.mod_pfn != 0;
    memcpy(out->guest_os, notes.guest_os, sizeof(out->guest_os));
    memcpy(out->guest_version, notes.guest_version, sizeof(out->guest_version));
    memcpy(out->features, notes.features, sizeof(out->features));
    if (!addresses_check(out, &span, fault)) {
        return false;
    }
    segments_copy(&elf, &notes, &span, &out->flat);
    if (out->flat.bytes == 0) {
        free(out->flat.data);
        out->flat.data = NULL;
        return fault_set(fault, "this ELF file loads nothing but zeroes");
    }
    return true;
}
