/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf pack: check, then write the boot module, or with --iso an image that
 * boots it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rf/auditkey.h"
#include "rf/verbs.h"

struct options {
    struct common common;
    const char *output;
    const char *hypervisor;
    const char *audit_key;
    bool is_iso;
    bool no_domain0;
    u32 flags;
};

static const struct {
    const char *name;
    u32 flag;
} flag_names[] = {
    { "debug-exit", MF_DEBUG_EXIT },
    { "console-mux", MF_CONSOLE_MUX },
    { "audit-serial", MF_AUDIT_SERIAL },
    { "test-frames", MF_TEST_FRAMES },
};

static void parse_flags(struct options *options, const char *text,
                        struct argp_state *state)
{
    while (*text != '\0') {
        const size_t bytes = strcspn(text, ",");
        size_t i = 0;
        while (i < ARRAY_COUNT(flag_names) &&
               (strlen(flag_names[i].name) != bytes ||
                memcmp(flag_names[i].name, text, bytes) != 0)) {
            i++;
        }
        if (i == ARRAY_COUNT(flag_names)) {
            argp_error(state,
                       "--flags: '%.*s' is none of debug-exit, "
                       "console-mux, audit-serial, test-frames",
                       (int)bytes, text);
            return;
        }
        options->flags |= flag_names[i].flag;
        text += bytes + (text[bytes] == ',' ? 1 : 0);
    }
}

enum {
    OPTION_ISO = 0x200,
    OPTION_HYPERVISOR,
    OPTION_FLAGS,
    OPTION_NO_DOMAIN0,
    OPTION_AUDIT_KEY
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *const options = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->common;
        return 0;
    case 'o':
        options->output = arg;
        return 0;
    case OPTION_ISO:
        options->is_iso = true;
        return 0;
    case OPTION_HYPERVISOR:
        options->hypervisor = arg;
        return 0;
    case OPTION_AUDIT_KEY:
        options->audit_key = arg;
        return 0;
    case OPTION_NO_DOMAIN0:
        options->no_domain0 = true;
        return 0;
    case OPTION_FLAGS:
        parse_flags(options, arg, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option pack_options[] = {
    { "output", 'o', "FILE", 0,
      "Where to write (ringfence.cpio, or ringfence.iso with --iso)", 0 },
    { "iso", OPTION_ISO, NULL, 0,
      "Write an image for CD or USB that boots "
      "by BIOS and by UEFI",
      0 },
    { "hypervisor", OPTION_HYPERVISOR, "FILE", 0,
      "The kernel for --iso (build/ringfence.elf)", 0 },
    { "no-domain0", OPTION_NO_DOMAIN0, NULL, 0,
      "Leave Domain0 out: no console rings, no store", 0 },
    { "flags", OPTION_FLAGS, "LIST", 0,
      "Of debug-exit, console-mux, "
      "audit-serial, test-frames",
      0 },
    { "audit-key", OPTION_AUDIT_KEY, "FILE", 0,
      "Draw a key for the seals of the audit log, keep it in FILE; what is "
      "written holds it, too, and is private",
      0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

/* The module of an image lives in a temporary file beside the image. */
static bool write_iso(const struct options *options,
                      const struct tenant_set *set, struct fault *fault)
{
    char *const module =
        text_format("%s.%ld.cpio", options->output, (long)getpid());
    bool good = access(options->hypervisor, R_OK) == 0;

    if (!good) {
        fault_set(fault, "hypervisor '%s': %s", options->hypervisor,
                  strerror(errno));
        fault_help(fault, "build it with `make`, or name it with "
                          "--hypervisor");
    } else {
        good = pack_module(set, module, options->flags, fault);
        if (good) {
            progress_begin("making the image", set->is_quiet);
            good =
                pack_iso(options->hypervisor, module, options->output, fault);
            progress_end();
        }
        unlink(module);
    }
    free(module);
    return good;
}

static bool write_output(const struct options *options,
                         const struct tenant_set *set, struct fault *fault)
{
    return options->is_iso
               ? write_iso(options, set, fault)
               : pack_module(set, options->output, options->flags, fault);
}

static void report(const struct options *options, const struct tenant_set *set)
{
    struct stat st;
    const u64 bytes = stat(options->output, &st) == 0 ? (u64)st.st_size : 0;

    if (options->common.is_json) {
        fputs("{\"schema\":\"ringfence.pack.1\",\"file\":", stdout);
        json_string(stdout, options->output);
        printf(",\"bytes\":%llu,\"tenants\":%zu,\"images\":%zu}\n",
               (unsigned long long)bytes, set->count, set->image_count);
    } else if (!options->common.is_quiet) {
        printf("%s: %zu tenant%s, %zu image%s, %.1f MiB\n", options->output,
               set->count, set->count == 1 ? "" : "s", set->image_count,
               set->image_count == 1 ? "" : "s",
               (double)bytes / (1024.0 * 1024.0));
    }
}

int cmd_pack(int argc, char **argv)
{
    static const struct argp_child children[] = {
        { &common_argp, 0, NULL, 0 },
        { NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .options = pack_options,
        .parser = parse_option,
        .children = children,
        .doc = "Check tenant files and pack them with their kernels and "
               "ramdisks into one boot module.",
    };
    struct options options = { .hypervisor = "build/ringfence.elf" };
    struct tenant_set set = { 0 };
    struct fault fault = { "", "" };

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.output == NULL) {
        options.output = options.is_iso ? "ringfence.iso" : "ringfence.cpio";
    }
    set.is_quiet = options.common.is_quiet;
    set.has_services = true;
    set.no_domain0 = options.no_domain0;
    int code = EXIT_OK;
    if (!tenant_set_load(&set, options.common.paths, options.common.count,
                         options.common.host_mib)) {
        code = tenant_set_report(&set, options.common.is_json);
    } else {
        bool good = true;
        if (options.audit_key != NULL) {
            umask(0077); /* of the module, too */
            good = audit_key_make(options.audit_key, set.seal_key, &fault);
        }
        good = good && write_output(&options, &set, &fault);
        if (good) {
            report(&options, &set);
        } else {
            fault_print(&fault);
            code = EXIT_ENVIRONMENT;
        }
    }
    tenant_set_free(&set);
    free(options.common.paths);
    return code;
}
