/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot module: what `rf pack` writes and what the kernel accepts.
 *
 * The module is a newc cpio archive, so that any host can list it, but ring 0
 * does not parse cpio. Its first member is sized so that the manifest starts
 * at byte MF_OFFSET of the module, and every image starts on a page. All
 * offsets count from the first byte of the module; all numbers are little
 * endian; all reserved bytes are zero; all strings end with a NUL.
 *
 *   0          cpio header, pad member
 *   MF_OFFSET  struct mf_header      (one page)
 *              struct mf_domain[]    (one page each)
 *              struct mf_image[]     (MF_IMAGE_BYTES each, then zeroes)
 *   page aligned: image bytes, one cpio member each, in table order
 *
 * header.digest is SHA-256 over the manifest_bytes at MF_OFFSET with the digest
 * field itself as zeroes; each image has its own SHA-256. Two domains may
 * share an image. The kernel checks everything before it builds anything.
 *
 * A kernel image is flat: byte k is what stands k bytes above virtual address
 * load_va. rf has placed the segments and zeroed the gaps; trailing zeroes are
 * not stored (stored bytes <= memory_bytes).
 */
#ifndef POLICY_MANIFEST_H
#define POLICY_MANIFEST_H

#include "core/base.h"

#define MF_MAGIC "RFMANIF1"
#define MF_VERSION 2u
#define MF_OFFSET 4096u
#define MF_DOMAINS_MAX 1000u
#define MF_IMAGES_MAX 2000u
#define MF_NAME_BYTES 32u /* [a-z0-9-], first a letter, NUL padded */
#define MF_CMDLINE_BYTES 1024u
#define MF_NONE 0xffffffffu            /* no image */
#define MF_NO_ADDRESS U64_MAX          /* no hypercall page */
#define MF_MEMORY_MAX_FRAMES 0x400000u /* 16 GiB a tenant */

enum mf_header_flags {
    MF_DEBUG_EXIT = 1,   /* leave QEMU through isa-debug-exit at port 0xf4 */
    MF_CONSOLE_MUX = 2,  /* second serial port carries all consoles, framed */
    MF_AUDIT_SERIAL = 4, /* third serial port carries audit records */
    MF_TEST_FRAMES = 8,  /* recount a tenant's frames at its calls (slow) */
    MF_HEADER_FLAGS = 15
};

/* Domain0 is the first record or nowhere, and then it is domain 0. The router
 * is the first behind it or nowhere. */
enum mf_role {
    MF_ROLE_TENANT = 0,
    MF_ROLE_DOMAIN0 = 1,
    MF_ROLE_ROUTER = 2,
    MF_ROLE_COUNT
};

enum mf_domain_flags { MF_SEALED = 1, MF_DOMAIN_FLAGS = 1 };

/* What a domain's life-cycle and refusals leave in the log. */
enum mf_audit { MF_AUDIT_LIFECYCLE = 1, MF_AUDIT_DENY = 2, MF_AUDIT_ALL = 3 };

/* What happens when the domain ends this way: on_poweroff, on_reboot,
 * on_crash of xl.cfg. */
enum mf_action { MF_DESTROY = 0, MF_RESTART = 1, MF_PRESERVE = 2, MF_ACTIONS };

struct mf_header {
    char magic[8];
    u32 version;
    u32 flags;          /* enum mf_header_flags */
    u64 module_bytes;   /* whole module */
    u64 manifest_bytes; /* header, domains, images: multiple of a page */
    u32 domain_count;   /* 1..MF_DOMAINS_MAX; record k is domain k + 1, but
                           domain k where the first is Domain0 */
    u32 image_count;
    u8 digest[32];
    u8 policy_digest[32]; /* SHA-256 of the tenant files' text, for the log */
    u8 seal_key[32];      /* root key of the log's seals, or zeroes */
    u8 zero[4096 - 136];
};

struct mf_domain {
    char name[MF_NAME_BYTES];
    u32 role;        /* enum mf_role */
    u32 flags;       /* enum mf_domain_flags */
    u64 rights;      /* mask of policy/rights.def, subset of the role's */
    u64 frames;      /* memory at start, pages: multiple of 256 */
    u64 frames_max;  /* limit for ballooning, >= frames */
    u32 vcpus;       /* 1..32 */
    u32 weight;      /* 1..65535, 256 default */
    u32 cap_percent; /* 0 none; 100 = one CPU */
    u32 audit;       /* enum mf_audit mask */
    u32 on_poweroff; /* enum mf_action */
    u32 on_reboot;
    u32 on_crash;
    u32 console_rate; /* bytes per second, 0 = default */
    u32 port_count;   /* event channel ports, 64..4096, multiple of 64 */
    u32 grant_frames; /* pages of shared grant table, 1..64 */
    u32 map_count;    /* foreign grants mapped at a time, 0..65536 */
    u32 kernel;       /* index of the kernel image */
    u32 ramdisk;      /* index of the ramdisk image or MF_NONE */
    u32 kernel_flags; /* enum mf_kernel_flags */
    u64 load_va;      /* virtual address of the flat image's first byte, page
                         aligned, >= virt_base */
    u64 virt_base;    /* note VIRT_BASE: pfn 0 is mapped here; 4 MiB aligned */
    u64 entry_va;     /* note ENTRY */
    u64 memory_bytes; /* what the image occupies from load_va, with bss */
    u64 hypercall_va; /* note HYPERCALL_PAGE or MF_NO_ADDRESS; page aligned */
    u64 cpu_mask;     /* bit n: may run on physical CPU n; 0 = all */
    char cmdline[MF_CMDLINE_BYTES];
    u64 permits; /* mask of POLICY_PERMITS: what others may do to it */
    u8 zero[4096 - 1200];
};

enum mf_kernel_flags {
    MF_KERNEL_MOD_PFN = 1, /* note MOD_START_PFN: ramdisk may stay unmapped */
    MF_KERNEL_FLAGS = 1
};

#define MF_IMAGE_BYTES 64u
struct mf_image {
    u64 offset; /* from module start, page aligned */
    u64 bytes;
    u8 digest[32];
    u8 zero[16];
};

_Static_assert(sizeof(struct mf_header) == 4096, "header is one page");
_Static_assert(sizeof(struct mf_domain) == 4096, "a domain is one page");
_Static_assert(sizeof(struct mf_image) == MF_IMAGE_BYTES, "image record");

#endif
