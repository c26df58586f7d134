/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notes by which a kernel tells a Xen domain builder how it wants to be
 * loaded [XEN elfnote.h]. libelf walks the notes; where they lie was checked
 * against the file before. Numbers have 4 or 8 bytes. Strings end with a NUL
 * or with their note: Linux writes FEATURES without one. A note that occurs
 * twice with different content is refused: there is no telling which is meant.
 */
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <xen/elfnote.h>

#include "rf/elf.h"

struct desc {
    const u8 *data;
    size_t bytes;
};

static bool take_number(struct desc desc, bool *has, u64 *out,
                        struct fault *fault)
{
    u64 value = 0;

    if (desc.bytes != 4 && desc.bytes != 8) {
        return fault_set(fault, "a numeric Xen note has %zu bytes", desc.bytes);
    }
    for (size_t i = desc.bytes; i > 0; i--) {
        value = value << 8 | desc.data[i - 1];
    }
    if (*has && *out != value) {
        return fault_set(fault, "a Xen note occurs twice and differs");
    }
    *has = true;
    *out = value;
    return true;
}

static bool take_string(struct desc desc, char *out, size_t room,
                        struct fault *fault)
{
    const size_t bytes = strnlen((const char *)desc.data, desc.bytes);

    if (bytes >= room) {
        return fault_set(fault, "a Xen note holds more than %zu characters",
                         room - 1);
    }
    for (size_t i = 0; i < bytes; i++) {
        if (desc.data[i] < 0x20 || desc.data[i] > 0x7e) {
            return fault_set(fault, "a Xen note holds a string that is not "
                                    "printable");
        }
    }
    if (out[0] != '\0' &&
        (strlen(out) != bytes || memcmp(out, desc.data, bytes) != 0)) {
        return fault_set(fault, "a Xen note occurs twice and differs");
    }
    memcpy(out, desc.data, bytes);
    out[bytes] = '\0';
    return true;
}

static bool take_note(u64 type, struct desc desc, struct notes *out,
                      struct fault *fault)
{
    bool has_supported = false;

    out->has_any = true;
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        return take_number(desc, &out->has_entry, &out->entry, fault);
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        return take_number(desc, &out->has_hypercall_page, &out->hypercall_page,
                           fault);
    case XEN_ELFNOTE_VIRT_BASE:
        return take_number(desc, &out->has_virt_base, &out->virt_base, fault);
    case XEN_ELFNOTE_PADDR_OFFSET:
        return take_number(desc, &out->has_paddr_offset, &out->paddr_offset,
                           fault);
    case XEN_ELFNOTE_HV_START_LOW:
        return take_number(desc, &out->has_hv_start_low, &out->hv_start_low,
                           fault);
    case XEN_ELFNOTE_MOD_START_PFN:
        return take_number(desc, &out->has_mod_pfn, &out->mod_pfn, fault);
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        return take_number(desc, &has_supported, &out->supported, fault);
    case XEN_ELFNOTE_XEN_VERSION:
        return take_string(desc, out->xen_version, sizeof(out->xen_version),
                           fault);
    case XEN_ELFNOTE_GUEST_OS:
        return take_string(desc, out->guest_os, sizeof(out->guest_os), fault);
    case XEN_ELFNOTE_GUEST_VERSION:
        return take_string(desc, out->guest_version, sizeof(out->guest_version),
                           fault);
    case XEN_ELFNOTE_LOADER:
        return take_string(desc, out->loader, sizeof(out->loader), fault);
    case XEN_ELFNOTE_FEATURES:
        out->has_features = true;
        return take_string(desc, out->features, sizeof(out->features), fault);
    case XEN_ELFNOTE_BSD_SYMTAB:
        return take_string(desc, out->bsd_symtab, sizeof(out->bsd_symtab),
                           fault);
    case XEN_ELFNOTE_PHYS32_ENTRY:
        out->has_phys32_entry = true;
        return true;
    default:
        return true; /* nothing a loader has to act on */
    }
}

static bool notes_walk(Elf *elf, u64 offset, u64 bytes, struct notes *out,
                       struct fault *fault)
{
    Elf_Data *const data =
        elf_getdata_rawchunk(elf, (int64_t)offset, (size_t)bytes, ELF_T_NHDR);

    if (data == NULL) {
        return fault_set(fault, "its ELF notes cannot be read");
    }
    GElf_Nhdr note;
    size_t name_at;
    size_t desc_at;
    size_t at = 0;
    while ((at = gelf_getnote(data, at, &note, &name_at, &desc_at)) > 0) {
        const u8 *const base = data->d_buf;
        const struct desc desc = { base + desc_at, note.n_descsz };
        if (name_at > data->d_size || note.n_namesz > data->d_size - name_at ||
            desc_at > data->d_size || note.n_descsz > data->d_size - desc_at) {
            return fault_set(fault, "an ELF note is longer than its segment");
        }
        if (note.n_namesz == 4 && memcmp(base + name_at, "Xen", 4) == 0 &&
            !take_note(note.n_type, desc, out, fault)) {
            return false;
        }
    }
    return true;
}

static bool is_inside(const struct elf *elf, u64 offset, u64 bytes)
{
    return offset <= elf->file.bytes && bytes <= elf->file.bytes - offset;
}

static bool notes_of_segments(const struct elf *elf, Elf *handle,
                              struct notes *out, struct fault *fault)
{
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *const segment = &elf->segment[i];
        if (segment->p_type != PT_NOTE || segment->p_filesz == 0) {
            continue;
        }
        if (!is_inside(elf, segment->p_offset, segment->p_filesz)) {
            return fault_set(fault, "an ELF note segment lies outside the "
                                    "file");
        }
        if (!notes_walk(handle, segment->p_offset, segment->p_filesz, out,
                        fault)) {
            return false;
        }
    }
    return true;
}

/* The section table was checked to lie inside the file. */
static bool notes_of_sections(const struct elf *elf, Elf *handle,
                              struct notes *out, struct fault *fault)
{
    for (unsigned i = 0; i < elf->header.e_shnum; i++) {
        Elf64_Shdr section;
        memcpy(&section,
               elf->file.data + elf->header.e_shoff + i * sizeof(section),
               sizeof(section));
        if (section.sh_type != SHT_NOTE || section.sh_size == 0) {
            continue;
        }
        if (!is_inside(elf, section.sh_offset, section.sh_size)) {
            return fault_set(fault, "an ELF note section lies outside the "
                                    "file");
        }
        if (!notes_walk(handle, section.sh_offset, section.sh_size, out,
                        fault)) {
            return false;
        }
    }
    return true;
}

bool elf_notes(const struct elf *elf, struct notes *out, struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    if (elf_version(EV_CURRENT) == EV_NONE) {
        return fault_set(fault, "libelf is too old");
    }
    Elf *const handle = elf_memory((char *)elf->file.data, elf->file.bytes);
    if (handle == NULL) {
        return fault_set(fault, "libelf cannot read it: %s", elf_errmsg(-1));
    }
    bool good = notes_of_segments(elf, handle, out, fault);
    if (good && !out->has_any) {
        good = notes_of_sections(elf, handle, out, fault);
    }
    elf_end(handle);
    return good;
}
