/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small kernel files for the tests of rf: one good Xen PV kernel, and many
 * that are wrong in one way each.
 *
 *   mkkernel elf KIND > FILE            an ELF file
 *   mkkernel bz SIZE PAYLOAD > FILE     a bzImage around a packed file; SIZE
 *                                       is appended to it, unless it is "-"
 *
 * The kernels are never run: their code is noise, so that it packs badly and a
 * flipped bit lands in data.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/elfnote.h>

#define CODE_AT 4096u
#define CODE_BYTES 65536u
#define NOTES_AT (CODE_AT + CODE_BYTES)
#define FILE_BYTES (NOTES_AT + 4096u)
#define BASE 0xffffffff80000000ull
#define LOAD 0x1000000ull
#define BSS_BYTES 8192u

static uint8_t file[FILE_BYTES];
static uint32_t notes_bytes;

static void note(uint32_t type, const void *desc, uint32_t bytes)
{
    const uint32_t head[3] = { 4, bytes, type };
    uint8_t *const at = file + NOTES_AT + notes_bytes;

    memcpy(at, head, sizeof(head));
    memcpy(at + 12, "Xen", 4);
    memcpy(at + 16, desc, bytes);
    notes_bytes += 16 + ((bytes + 3) & ~3u);
}

static void note_text(uint32_t type, const char *text)
{
    note(type, text, (uint32_t)strlen(text) + 1);
}

static void note_number(uint32_t type, uint64_t number)
{
    note(type, &number, sizeof(number));
}

static void fill_code(void)
{
    uint32_t noise = 12345;

    for (uint32_t i = 0; i < CODE_BYTES; i++) {
        noise = noise * 1664525u + 1013904223u;
        /* Every other byte repeats, so that packers find something. */
        file[CODE_AT + i] = i % 2 != 0 ? 0x90 : (uint8_t)(noise >> 24);
    }
}

static int is(const char *kind, const char *name)
{
    return strcmp(kind, name) == 0;
}

static void fill_notes(const char *kind)
{
    if (is(kind, "nonotes")) {
        return;
    }
    if (is(kind, "pvh")) {
        note_number(XEN_ELFNOTE_PHYS32_ENTRY, LOAD);
        return;
    }
    note_text(XEN_ELFNOTE_GUEST_OS, "tiny");
    note_text(XEN_ELFNOTE_GUEST_VERSION, "1");
    note_text(XEN_ELFNOTE_XEN_VERSION,
              is(kind, "version") ? "xen-2.0" : "xen-3.0");
    note_text(XEN_ELFNOTE_LOADER, "generic");
    note_number(XEN_ELFNOTE_VIRT_BASE, is(kind, "hole") ? 0xffff800000000000ull
                                       : is(kind, "base") ? BASE + 0x1000
                                                          : BASE);
    note_number(XEN_ELFNOTE_ENTRY, is(kind, "entry") ? BASE : BASE + LOAD + 16);
    note_number(XEN_ELFNOTE_HYPERCALL_PAGE,
                BASE + LOAD + (is(kind, "page") ? 0x10008 : 0x1000));
    if (is(kind, "feature")) {
        note_text(XEN_ELFNOTE_FEATURES,
                  "pae_pgdir_above_4gb|!auto_translated_physmap");
    } else {
        note_text(XEN_ELFNOTE_FEATURES,
                  "!writable_page_tables|some_later_feature");
    }
    if (is(kind, "symtab")) {
        note_text(XEN_ELFNOTE_BSD_SYMTAB, "yes");
    }
    if (is(kind, "twice")) {
        note_number(XEN_ELFNOTE_ENTRY, BASE + LOAD);
    }
}

static int make_elf(const char *kind)
{
    Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
                                       ELFDATA2LSB, EV_CURRENT },
                          .e_type = ET_EXEC,
                          .e_machine = EM_X86_64,
                          .e_version = EV_CURRENT,
                          .e_entry = LOAD,
                          .e_phoff = sizeof(Elf64_Ehdr),
                          .e_ehsize = sizeof(Elf64_Ehdr),
                          .e_phentsize = sizeof(Elf64_Phdr),
                          .e_phnum = 3 };
    Elf64_Phdr segment[3] = {
        /* p_vaddr is not what counts, so it is 0. */
        { .p_type = PT_LOAD,
          .p_offset = CODE_AT,
          .p_paddr = LOAD,
          .p_filesz = CODE_BYTES,
          .p_memsz = CODE_BYTES + BSS_BYTES },
        { .p_type = PT_LOAD,
          .p_offset = NOTES_AT,
          .p_paddr = LOAD + CODE_BYTES + BSS_BYTES,
          .p_filesz = 64,
          .p_memsz = 4096 },
        { .p_type = PT_NOTE, .p_offset = NOTES_AT },
    };

    fill_code();
    fill_notes(kind);
    segment[2].p_filesz = notes_bytes;
    if (is(kind, "elf32")) {
        header.e_ident[EI_CLASS] = ELFCLASS32;
    } else if (is(kind, "phoff")) {
        header.e_phoff = 0xfffffffffffffff0ull;
    } else if (is(kind, "overlap")) {
        segment[1].p_paddr = LOAD + CODE_BYTES - 16;
    } else if (is(kind, "outside")) {
        segment[0].p_offset = FILE_BYTES - 16;
    } else if (is(kind, "wrap")) {
        segment[1].p_paddr = 0xfffffffffffff000ull;
    } else if (is(kind, "noteout")) {
        segment[2].p_offset = FILE_BYTES + 1;
    } else if (is(kind, "arm")) {
        header.e_machine = EM_AARCH64;
    } else if (is(kind, "nothing")) {
        segment[0].p_type = segment[1].p_type = PT_NULL;
    }
    memcpy(file, &header, sizeof(header));
    memcpy(file + sizeof(header), segment, sizeof(segment));
    return fwrite(file, 1, sizeof(file), stdout) == sizeof(file) ? 0 : 1;
}

static int make_bz(const char *size, const char *payload)
{
    static uint8_t data[1 << 20];
    static uint8_t setup[1024];
    FILE *const in = fopen(payload, "rb");

    if (in == NULL) {
        return 1;
    }
    uint32_t bytes = (uint32_t)fread(data, 1, sizeof(data) - 4, in);
    fclose(in);
    if (!is(size, "-")) {
        const uint32_t unpacked = (uint32_t)strtoul(size, NULL, 0);
        memcpy(data + bytes, &unpacked, 4);
        bytes += 4;
    }
    const uint32_t offset = 64;
    setup[0x1f1] = 1;
    memcpy(setup + 0x1fe, "\x55\xaa", 2);
    memcpy(setup + 0x202, "HdrS\x0f\x02", 6);
    setup[0x20e] = 0x90; /* version string at 0x290 */
    memcpy(setup + 0x290, "6.6.6-tiny (test)", 18);
    memcpy(setup + 0x248, &offset, 4);
    memcpy(setup + 0x24c, &bytes, 4);
    fwrite(setup, 1, sizeof(setup), stdout);
    const uint8_t stub[64] = { 0xf4 };
    fwrite(stub, 1, sizeof(stub), stdout);
    return fwrite(data, 1, bytes, stdout) == bytes ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && is(argv[1], "elf")) {
        return make_elf(argv[2]);
    }
    if (argc == 4 && is(argv[1], "bz")) {
        return make_bz(argv[2], argv[3]);
    }
    fputs("usage: mkkernel elf KIND | bz SIZE PAYLOAD\n", stderr);
    return 2;
}
