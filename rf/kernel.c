/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel file is: a bzImage, whose payload is a packed ELF file; a
 * packed ELF file; or an ELF file. The bzImage fields are those of the Linux
 * boot protocol from 2.08 on [Linux Documentation/arch/x86/boot.rst].
 */
#include <stdlib.h>
#include <string.h>

#include "rf/elfload.h"
#include "rf/rf.h"

#define BZ_HEADER_BYTES 0x268u
#define BZ_SETUP_SECTORS 0x1f1u
#define BZ_BOOT_FLAG 0x1feu
#define BZ_MAGIC 0x202u
#define BZ_PROTOCOL 0x206u
#define BZ_VERSION_STRING 0x20eu
#define BZ_PAYLOAD_OFFSET 0x248u
#define BZ_PAYLOAD_LENGTH 0x24cu

static u32 load16(const u8 *at)
{
    return (u32)at[0] | (u32)at[1] << 8;
}

static u32 load32(const u8 *at)
{
    return load16(at) | load16(at + 2) << 16;
}

static bool is_bzimage(const struct blob *file)
{
    return file->bytes >= BZ_HEADER_BYTES &&
           load16(file->data + BZ_BOOT_FLAG) == 0xaa55 &&
           memcmp(file->data + BZ_MAGIC, "HdrS", 4) == 0;
}

/* The version line inside the real-mode part; what is not printable ends it. */
static void bzimage_version(const struct blob *file, char *out, size_t room)
{
    size_t at = load16(file->data + BZ_VERSION_STRING);
    size_t used = 0;

    out[0] = '\0';
    if (at == 0) {
        return;
    }
    at += 0x200;
    while (at < file->bytes && used + 1 < room && file->data[at] >= 0x20 &&
           file->data[at] <= 0x7e) {
        out[used++] = (char)file->data[at++];
    }
    out[used] = '\0';
}

static bool bzimage_payload(const struct blob *file, struct blob *payload,
                            struct fault *fault)
{
    const u32 protocol = load16(file->data + BZ_PROTOCOL);

    if (protocol < 0x208) {
        fault_set(fault,
                  "this bzImage is of boot protocol %u.%02u, older "
                  "than 2.08",
                  protocol >> 8, protocol & 0xff);
        return fault_help(fault, "Linux has written 2.08 since 2008; is this "
                                 "file a kernel?");
    }
    const u32 sectors = file->data[BZ_SETUP_SECTORS];
    const u64 start = (u64)((sectors != 0 ? sectors : 4) + 1) * 512 +
                      load32(file->data + BZ_PAYLOAD_OFFSET);
    const u64 bytes = load32(file->data + BZ_PAYLOAD_LENGTH);
    if (start > file->bytes || bytes > file->bytes - start) {
        fault_set(fault,
                  "this bzImage is truncated: its payload ends at byte "
                  "%llu, the file at %zu",
                  (unsigned long long)(start + bytes), file->bytes);
        return fault_help(fault, "copy or download it again");
    }
    if (bytes < 16) {
        return fault_set(fault, "this bzImage has no payload");
    }
    payload->data = file->data + start;
    payload->bytes = (size_t)bytes;
    return true;
}

/* Of a bzImage, the last four bytes of the payload are the unpacked size: they
 * follow the packed data, but for gzip, which has them by itself. */
static bool kernel_unpack(struct blob packed, enum packing packing,
                          bool is_payload, struct blob *elf,
                          struct fault *fault)
{
    u64 expected = 0;

    if (is_payload && packing != PACK_NONE) {
        expected = load32(packed.data + packed.bytes - 4);
        packed.bytes -= packing == PACK_GZIP ? 0 : 4;
        if (expected == 0) {
            return fault_set(fault, "this bzImage says that it unpacks to "
                                    "nothing");
        }
    }
    return unpack(packing, packed, expected, elf, fault);
}

/* "XZ bzImage: ...": say what was found, unless it is a plain ELF file. */
static void fault_prefix(struct fault *fault, const struct kernel *kernel)
{
    const struct fault inner = *fault;

    if (strcmp(kernel->packing, "plain") == 0) {
        return;
    }
    fault_set(fault, "%s %s: %s", kernel->packing, kernel->container,
              inner.text);
    memcpy(fault->help, inner.help, sizeof(fault->help));
}

bool kernel_load(const struct blob *file, struct kernel *out,
                 struct fault *fault)
{
    struct blob packed = *file;
    struct blob elf = { NULL, 0 };
    const bool is_payload = is_bzimage(file);

    memset(out, 0, sizeof(*out));
    fault->help[0] = '\0';
    if (file->bytes == 0) {
        return fault_set(fault, "the file is empty");
    }
    if (is_payload) {
        bzimage_version(file, out->version, sizeof(out->version));
        if (!bzimage_payload(file, &packed, fault)) {
            return false;
        }
    }
    const enum packing packing = packing_detect(packed.data, packed.bytes);
    if (packing == PACK_COUNT) {
        if (is_payload) {
            return fault_set(fault, "this bzImage is packed in a way that is "
                                    "not known");
        }
        fault_set(fault, "this is no bzImage and no ELF file");
        return fault_help(fault, "give a Linux kernel with CONFIG_XEN_PV, or "
                                 "another 64-bit Xen PV kernel");
    }
    out->container = is_payload ? "bzImage" : "ELF";
    out->packing = packing_name(packing);
    if (packing == PACK_LZO) {
        fault_set(fault, "this kernel is packed with LZO, which rf does not "
                         "read");
        return fault_help(fault, "rebuild it with CONFIG_KERNEL_XZ, _ZSTD, "
                                 "_LZ4, _GZIP, _BZIP2 or _LZMA");
    }
    if (!kernel_unpack(packed, packing, is_payload, &elf, fault)) {
        fault_prefix(fault, out);
        if (fault->help[0] == '\0') {
            fault_help(fault, "copy or download it again");
        }
        return false;
    }
    bool good = packing_detect(elf.data, elf.bytes) == PACK_NONE;
    if (!good) {
        fault_set(fault, "what it unpacks to is no ELF file");
    } else {
        good = elf_load(elf, out, fault);
    }
    free(elf.data);
    if (!good) {
        fault_prefix(fault, out);
    } else if (out->version[0] == '\0') {
        snprintf(out->version, sizeof(out->version), "%s%s%s", out->guest_os,
                 out->guest_version[0] != '\0' ? " " : "", out->guest_version);
    }
    return good;
}
