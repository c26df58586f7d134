/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `rf run`.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/run.h"
#include "rf/run_options.h"
#include "rf/verbs.h"

#define TIMEOUT_MAX_S 604800u
#define SMP_MAX 64u
#define MEMORY_MAX_MIB (1u << 20)

enum {
    OPTION_TIMEOUT = 0x300,
    OPTION_SMP,
    OPTION_MEMORY,
    OPTION_ICOUNT,
    OPTION_GDB,
    OPTION_KVM,
    OPTION_SERIAL_LOG,
    OPTION_AUDIT_LOG,
    OPTION_CONTROL,
    OPTION_AUDIT_KEY,
    OPTION_CPU,
    OPTION_THREADS,
    OPTION_MACHINE,
    OPTION_ISO,
    OPTION_UEFI,
    OPTION_HYPERVISOR,
    OPTION_MODULE,
    OPTION_FRAMES,
    OPTION_NO_DOMAIN0,
    OPTION_TPM
};

static const struct argp_option run_argp_options[] = {
    { "timeout", OPTION_TIMEOUT, "S", 0, "End the run after S seconds", 0 },
    { "smp", OPTION_SMP, "N", 0, "CPUs of the machine (2)", 0 },
    { "threads", OPTION_THREADS, "N", 0, "of these on each core (1)", 0 },
    { "memory", OPTION_MEMORY, "MIB", 0,
      "Memory of the machine (what the tenants need and 256 MiB)", 0 },
    { "icount", OPTION_ICOUNT, NULL, 0,
      "Count instructions: one CPU, the same run each time", 0 },
    { "gdb", OPTION_GDB, NULL, 0, "Wait for gdb before the first instruction",
      0 },
    { "kvm", OPTION_KVM, NULL, 0, "Use /dev/kvm", 0 },
    { "serial-log", OPTION_SERIAL_LOG, "FILE", 0,
      "Keep the host's text in FILE", 0 },
    { "audit-log", OPTION_AUDIT_LOG, "FILE", 0,
      "Keep the audit records in FILE", 0 },
    { "control", OPTION_CONTROL, "PATH", 0,
      "Where the socket of rf ps and its kin is to be", 0 },
    { "audit-key", OPTION_AUDIT_KEY, "FILE", 0,
      "Draw a key for the seals and keep it in FILE (the log's name, with "
      ".key)",
      0 },
    { "tpm", OPTION_TPM, "PATH", 0,
      "A TPM 2.0 for the seals: a folder for swtpm's state, or its socket", 0 },
    { "cpu", OPTION_CPU, "MODEL", 0, "CPU model of QEMU (max)", 0 },
    { "machine", OPTION_MACHINE, "TYPE", 0, "Machine of QEMU (q35)", 0 },
    { "iso", OPTION_ISO, NULL, 0, "Boot an image of rf pack --iso by BIOS", 0 },
    { "uefi", OPTION_UEFI, NULL, 0, "Boot that image by UEFI", 0 },
    { "hypervisor", OPTION_HYPERVISOR, "FILE", 0,
      "The kernel (build/ringfence.elf)", 0 },
    { "module", OPTION_MODULE, "FILE", 0,
      "Boot this module; the tenant files only name the consoles", 0 },
    { "test-frames", OPTION_FRAMES, NULL, 0,
      "Have the host recount a tenant's frames at its calls (slow)", 0 },
    { "no-domain0", OPTION_NO_DOMAIN0, NULL, 0,
      "Leave Domain0 out: no console rings, no store", 0 },
    { "quiet", 'q', NULL, 0, "Do not say how the run ended", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse_text(int key, char *arg, struct run_options *options)
{
    switch (key) {
    case OPTION_SERIAL_LOG:
        options->serial_log = arg;
        return 0;
    case OPTION_AUDIT_LOG:
        options->audit_log = arg;
        return 0;
    case OPTION_CONTROL:
        options->control = arg;
        return 0;
    case OPTION_AUDIT_KEY:
        options->audit_key = arg;
        return 0;
    case OPTION_TPM: /* QEMU's own loader puts the module over ACPI tables that
                      a TPM makes longer */
        options->tpm = arg;
        options->is_iso = true;
        return 0;
    case OPTION_CPU:
        options->cpu = arg;
        return 0;
    case OPTION_MACHINE:
        options->machine = arg;
        return 0;
    case OPTION_HYPERVISOR:
        options->hypervisor = arg;
        return 0;
    case OPTION_MODULE:
        options->module = arg;
        return 0;
    case ARGP_KEY_ARG:
        options->files = mem_grow(options->files, options->file_count + 1,
                                  sizeof(options->files[0]));
        options->files[options->file_count++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_switch(int key, struct run_options *options)
{
    switch (key) {
    case OPTION_ICOUNT:
        options->is_icount = true;
        return 0;
    case OPTION_GDB:
        options->is_gdb = true;
        return 0;
    case OPTION_KVM:
        options->is_kvm = true;
        return 0;
    case OPTION_UEFI:
        options->is_uefi = true;
        options->is_iso = true;
        return 0;
    case OPTION_ISO:
        options->is_iso = true;
        return 0;
    case OPTION_FRAMES:
        options->is_frames = true;
        return 0;
    case OPTION_NO_DOMAIN0:
        options->no_domain0 = true;
        return 0;
    case 'q':
        options->is_quiet = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void check_together(struct run_options *options,
                           struct argp_state *state)
{
    if (options->file_count == 0 && options->module == NULL) {
        argp_error(state, "no tenant file is named");
    }
    if (options->module != NULL && options->is_iso) {
        argp_error(state, "--module and --iso exclude each other");
    }
    if (options->is_icount && (options->is_kvm || options->smp > 1)) {
        argp_error(state, "--icount runs one CPU, without KVM");
    }
    if (options->smp == 0) {
        options->smp = options->is_icount ? 1 : 2;
    }
    if (options->threads == 0) {
        options->threads = 1;
    }
    if (options->smp % options->threads != 0) {
        argp_error(state, "--threads must divide --smp");
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct run_options *const options = state->input;

    switch (key) {
    case OPTION_TIMEOUT:
        options->timeout_s =
            (u32)option_number(state, "timeout", arg, 1, TIMEOUT_MAX_S);
        return 0;
    case OPTION_SMP:
        options->smp = (u32)option_number(state, "smp", arg, 1, SMP_MAX);
        return 0;
    case OPTION_THREADS:
        options->threads =
            (u32)option_number(state, "threads", arg, 1, SMP_MAX);
        return 0;
    case OPTION_MEMORY:
        options->memory_mib =
            (u32)option_number(state, "memory", arg, 1, MEMORY_MAX_MIB);
        return 0;
    case ARGP_KEY_END:
        check_together(options, state);
        return 0;
    default:
        break;
    }
    return parse_switch(key, options) == 0 ? 0 : parse_text(key, arg, options);
}

void run_options_parse(struct run_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .options = run_argp_options,
        .parser = parse_option,
        .args_doc = "FILE...",
        .doc = "Check and pack tenant files, boot them on Ringfence in QEMU, "
               "and show their consoles.",
    };

    memset(options, 0, sizeof(*options));
    options->cpu = "max";
    options->machine = "q35";
    options->hypervisor = "build/ringfence.elf";
    argp_parse(&argp, argc, argv, 0, NULL, options);
}
