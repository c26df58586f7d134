/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the host tool share.
 *
 * The tool is one process that does one thing and ends. Memory that a verb
 * takes lives until the verb is done; running out of it ends the program
 * (exit 3). Two kinds of complaint exist and never mix:
 *
 *   struct diags  a list of findings about the operator's files, each with its
 *                 place; all are collected, sorted and printed together
 *   struct fault  why one operation on one file failed: a sentence and a help
 *                 line, without a place; the caller knows the place
 *
 * Everything that is read (tenant files, kernels, ramdisks) may be hostile:
 * every offset is checked before it is used, and every size has a limit here.
 */
#ifndef RF_RF_H
#define RF_RF_H

#include <stdio.h>

#include "core/base.h"
#include "policy/manifest.h"

#define RF_VERSION "0.1"

enum exit_code {
    EXIT_OK = 0,
    EXIT_FINDING = 1,
    EXIT_USAGE = 2,
    EXIT_ENVIRONMENT = 3,
    EXIT_DENIED = 4
};

#define CFG_BYTES_MAX (1u << 20)    /* a tenant file */
#define FILE_BYTES_MAX (4ull << 30) /* kernel or ramdisk as it lies on disk */
#define FLAT_BYTES_MAX (1ull << 30) /* kernel, unpacked and laid out */
#define FAULT_TEXT 512

/* ---- util.c ---- */

struct blob {
    u8 *data;
    size_t bytes;
};

struct fault {
    char text[FAULT_TEXT];
    char help[FAULT_TEXT];
};

void *mem_alloc(size_t bytes);
void *mem_grow(void *old, size_t count, size_t item_bytes);
char *text_copy(const char *text, size_t bytes);
char *text_format(const char *format, ...) PRINTF_LIKE(1, 2);

/* Record why; answers false, so that `return fault_set(...)` reads well. */
bool fault_set(struct fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);
bool fault_help(struct fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

/* Whole file into memory; at most `limit` bytes. */
bool file_read(const char *path, u64 limit, struct blob *out,
               struct fault *fault) MUST_CHECK;

/* ---- near.c ---- */

/* Number of edits between two short words, swaps counted once. */
unsigned near_distance(const char *a, const char *b);
/* Keep `word` in *best if it is nearer to `typed` than what is there. */
void near_offer(const char *typed, const char *word, const char **best,
                unsigned *distance);
#define NEAR_MAX 2u

/* ---- diag.c ---- */

struct source {
    char *path;
    char *text; /* NUL-terminated */
    size_t bytes;
};

/* line 0: the file as a whole */
struct place {
    const struct source *source;
    unsigned line;
    unsigned column;
    unsigned length;
};

struct diag {
    struct place at;
    char *text;
    char *help; /* or NULL */
};

struct diags {
    struct diag *item;
    size_t count;
};

void diag_add(struct diags *diags, struct place at, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* A help line for the finding that was added last. */
void diag_help(struct diags *diags, const char *format, ...) PRINTF_LIKE(2, 3);
void diag_free(struct diags *diags);
/* Sorted by file and line, then `rf: N errors, nothing was changed`. */
void diag_print(struct diags *diags, FILE *out);
/* As warnings, and no more. */
void diag_print_warnings(struct diags *diags, FILE *out);
/* warnings: or NULL */
void diag_print_json(struct diags *diags, struct diags *warnings, FILE *out);

/* ---- json.c ---- */

void json_string(FILE *out, const char *text);

/* ---- progress.c ---- */

/* A line on stderr once a step takes longer than three seconds. */
void progress_begin(const char *what, bool quiet);
void progress_tick(u64 done, u64 total);
void progress_end(void);

/* ---- kernel.c, elfload.c, notes.c ---- */

struct kernel {
    struct blob flat; /* byte 0 stands at load_va; trailing zeroes cut */
    u64 load_va;
    u64 virt_base;
    u64 paddr_offset;
    u64 entry_va;
    u64 memory_bytes;
    u64 hypercall_va; /* MF_NO_ADDRESS: none */
    u64 supported;    /* note SUPPORTED_FEATURES and the FEATURES string */
    bool has_mod_pfn;
    const char *container; /* "bzImage", "ELF" */
    const char *packing;   /* "XZ", "LZ4", ... or "plain" */
    char version[160];     /* printable, of the bzImage header or the notes */
    char guest_os[32];
    char guest_version[32];
    char features[160];
};

/* Unpack and lay out a kernel; `file` stays the caller's. */
bool kernel_load(const struct blob *file, struct kernel *out,
                 struct fault *fault) MUST_CHECK;

/* ---- unpack.c ---- */

enum packing {
    PACK_NONE,
    PACK_GZIP,
    PACK_XZ,
    PACK_LZMA,
    PACK_BZIP2,
    PACK_LZ4,
    PACK_ZSTD,
    PACK_LZO, /* recognised, to be refused by name */
    PACK_COUNT
};

const char *packing_name(enum packing packing);
enum packing packing_detect(const u8 *data, size_t bytes);
/* expected: size the container promises, or 0 when it promises none. */
bool unpack(enum packing packing, struct blob in, u64 expected,
            struct blob *out, struct fault *fault) MUST_CHECK;

/* ---- load.c: tenants ---- */

struct image {
    struct blob data;
    u8 digest[32];
};

struct vif;
struct pf;
struct scalar;

#define TENANT_VIFS 4u /* interfaces of a tenant */

struct tenant {
    struct source *source; /* apart: places point there, tenants move */
    char name[MF_NAME_BYTES];
    char cmdline[MF_CMDLINE_BYTES];
    char *kernel_path; /* absolute, or relative to where rf runs */
    char *ramdisk_path;
    u32 memory_mib;
    u32 maxmem_mib;
    u32 vcpus;
    u32 weight;
    u32 cap_percent;
    u64 cpu_mask;
    u32 on_poweroff; /* enum mf_action */
    u32 on_reboot;
    u32 on_crash;
    u32 audit; /* enum mf_audit mask */
    bool is_sealed;
    bool is_built_in; /* no file of the operator's */
    u32 role;         /* enum mf_role */
    u64 rights;       /* what its role is given, or its privileges instead */
    u64 permits;      /* what it lets others do to it */
    u32 console_rate;
    struct vif *vif; /* pf.h */
    u32 vif_count;
    struct scalar *firewall; /* lines, as they are in the file */
    size_t firewall_count;
    struct place firewall_at;
    struct pf *pf; /* what the lines say */
    struct place name_at;
    struct place memory_at;
    struct place kernel_at;
    struct place ramdisk_at;
    const struct kernel *kernel;
    u32 kernel_idx;  /* in tenant_set.image */
    u32 ramdisk_idx; /* or MF_NONE */
};

/* Name of a right as a privilege in a tenant file: small letters. */
#define PRIVILEGE_BYTES 16
void privilege_name(u32 bit, char out[PRIVILEGE_BYTES]);
/* Name of a role as in a tenant file, or NULL. */
const char *role_name(u32 role);

struct kernel_file;

struct tenant_set {
    struct tenant *tenant;
    struct source *source;
    size_t count;
    struct image *image; /* each content once */
    size_t image_count;
    struct kernel_file *kernels;
    size_t kernel_count;
    u8 policy_digest[32]; /* of the files' text, one after the other */
    u8 seal_key[32];      /* root key of the log's seals, or zeroes */
    struct diags diags;
    bool is_quiet;
    bool has_services;  /* to pack or run: Domain0 is added if no file is it */
    bool no_domain0;    /* but not that */
    bool is_rules_only; /* kernels and ramdisks are not looked at */
};

/*
 * Read, check and resolve tenant files. host_mib is the memory of the machine
 * or 0 when it is not known. False: set->diags has findings. The set is to be
 * released in either case, with tenant_set_free.
 */
bool tenant_set_load(struct tenant_set *set, char *const *paths, size_t count,
                     u64 host_mib) MUST_CHECK;
void tenant_set_free(struct tenant_set *set);

/* Domain numbers: tenant i of the set is domain i + this. */
u32 tenant_set_first(const struct tenant_set *set);

/* Findings on stderr, or on stdout as JSON; answers the exit code. */
int tenant_set_report(struct tenant_set *set, bool as_json);

/* ---- services.c ---- */

/* The files of the Domain0 and the router that come with Ringfence. */
extern const char services_domain0_text[];
extern const char services_router_text[];
/* There is at most one of each role but tenants. */
void roles_compare(struct tenant_set *set);

/* ---- pack.c, modcheck.c, iso.c ---- */

/* Would the hypervisor accept this module? Its own check, run here. */
bool module_check(const char *path, struct fault *fault) MUST_CHECK;

/* Write the boot module; flags are enum mf_header_flags. Atomic: on failure
 * the old file is as it was. */
bool pack_module(const struct tenant_set *set, const char *path, u32 flags,
                 struct fault *fault) MUST_CHECK;

/* A hybrid BIOS and UEFI image that boots `hypervisor` with `module`. */
bool pack_iso(const char *hypervisor, const char *module, const char *path,
              struct fault *fault) MUST_CHECK;

/* ---- verbs: argv[0] is the verb; answer the exit code ---- */

int cmd_check(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_shutdown(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_unpause(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_start(int argc, char **argv);
int cmd_restart(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_net(int argc, char **argv);

#endif
