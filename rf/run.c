/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf run: check the tenant files, pack them, boot them in QEMU, stay with them
 * until they end, and say how they ended.
 *
 * The host leaves QEMU through the isa-debug-exit device, whose exit status is
 * (v << 1) | 1 for the value v that the host wrote; v is one of enum host_end.
 * Any other end is QEMU's own: it is an error of the environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rf/auditkey.h"
#include "rf/run.h"
#include "rf/run_options.h"
#include "rf/verbs.h"

#define SPARE_MIB 256u
#define LEAST_MIB 512u

enum host_end {
    HOST_ALL_OFF = 0x10,
    HOST_TENANT_CRASHED = 0x11,
    HOST_REFUSED = 0x12,
    HOST_PANIC = 0x13
};

static const struct {
    enum host_end end;
    int code;
    const char *text;
} host_ends[] = {
    { HOST_ALL_OFF, EXIT_OK, "all tenants powered off" },
    { HOST_TENANT_CRASHED, EXIT_FINDING, "a tenant crashed" },
    { HOST_REFUSED, EXIT_ENVIRONMENT, "the host refused to start" },
    { HOST_PANIC, RUN_HOST_PANIC, "the host panicked" },
};

/* A closed descriptor 0..2 would be taken by a serial line. */
static void standard_streams_open(void)
{
    int fd = open("/dev/null", O_RDWR);

    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDWR);
    }
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

static bool log_open(const char *path, FILE **file, struct fault *fault)
{
    if (path == NULL) {
        return true;
    }
    *file = fopen(path, "we");
    return *file != NULL ||
           fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
}

static void channels_make(struct run *run, const struct tenant_set *set)
{
    /* A module given as it is may hold anything: room for all it can. */
    const u32 first = tenant_set_first(set);
    run->channel_count =
        set->count != 0 ? (u32)set->count + first : (u32)CHANNELS_MAX;
    run->channel = mem_alloc(run->channel_count * sizeof(run->channel[0]));
    for (u32 i = 0; i < run->channel_count; i++) {
        struct channel *const channel = &run->channel[i];
        channel->lines.mode = FILTER_LINES;
        channel->terminal.mode = FILTER_TERMINAL;
        if (i == 0) {
            snprintf(channel->name, sizeof(channel->name), "ringfence");
        } else if (i - first < set->count) {
            snprintf(channel->name, sizeof(channel->name), "%s",
                     set->tenant[i - first].name);
        } else {
            snprintf(channel->name, sizeof(channel->name), "domain-%u", i);
        }
    }
}

static u32 memory_needed(const struct tenant_set *set, const char *module)
{
    struct stat st;
    u64 mib = SPARE_MIB;

    for (size_t i = 0; i < set->count; i++) {
        mib += set->tenant[i].memory_mib;
    }
    if (stat(module, &st) == 0) {
        mib += (u64)st.st_size >> 20;
    }
    return mib < LEAST_MIB ? LEAST_MIB : (u32)mib;
}

/* A log that is kept gets a key; a module given as it is has its own or none.
 */
static bool seal_key_make(const struct run_options *options,
                          struct tenant_set *set, struct fault *fault)
{
    if (options->module != NULL ||
        (options->audit_key == NULL && options->audit_log == NULL)) {
        return true;
    }
    char *const path = options->audit_key != NULL
                           ? text_format("%s", options->audit_key)
                           : text_format("%s.key", options->audit_log);
    const bool good = audit_key_make(path, set->seal_key, fault);

    free(path);
    return good;
}

/* The file to boot from, in the scratch folder unless it was given. */
static bool module_make(const struct run_options *options,
                        const struct tenant_set *set, const char *scratch,
                        char **module, struct fault *fault)
{
    u32 flags = MF_DEBUG_EXIT | MF_CONSOLE_MUX | MF_AUDIT_SERIAL;

    flags |= options->is_frames ? MF_TEST_FRAMES : 0;
    if (options->module != NULL) {
        *module = text_format("%s", options->module);
        return access(*module, R_OK) == 0 ||
               fault_set(fault, "module '%s': %s", *module, strerror(errno));
    }
    char *const packed = text_format("%s/module", scratch);
    *module = packed;
    if (!pack_module(set, packed, flags, fault)) {
        return false;
    }
    if (!options->is_iso) {
        return true;
    }
    *module = text_format("%s/iso", scratch);
    const bool good = pack_iso(options->hypervisor, packed, *module, fault);
    unlink(packed);
    free(packed);
    return good;
}

static void scratch_remove(const char *scratch)
{
    static const char *const names[] = { "module", "iso", "gdb.sock", "mux.in",
                                         "mux.out" };

    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char *const path = text_format("%s/%s", scratch, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(scratch);
}

static int status_report(int status, bool is_quiet)
{
    for (size_t i = 0; i < ARRAY_COUNT(host_ends); i++) {
        if (WIFEXITED(status) &&
            WEXITSTATUS(status) == (int)(host_ends[i].end << 1 | 1)) {
            if (!is_quiet) {
                fprintf(stderr, "rf: %s\n", host_ends[i].text);
            }
            return host_ends[i].code;
        }
    }
    if (WIFEXITED(status)) {
        fprintf(stderr,
                "rf: error: QEMU ended with status %d, not at the "
                "host's word\n",
                WEXITSTATUS(status));
    } else {
        fprintf(stderr, "rf: error: QEMU was ended by signal %d\n",
                WTERMSIG(status));
    }
    return EXIT_ENVIRONMENT;
}

static int end_report(const struct run *run, int reason, int status)
{
    const struct run_options *const options = run->options;

    if (reason == RUN_TIMEOUT) {
        if (!options->is_quiet) {
            fprintf(stderr, "rf: ended after %u seconds, as asked\n",
                    options->timeout_s);
        }
        return RUN_TIMEOUT;
    }
    if (reason != 0) {
        return reason;
    }
    if (run->is_quit) {
        return EXIT_OK;
    }
    return status_report(status, options->is_quiet);
}

/* From a module that is ready to the exit code. */
static int run_machine(struct run *run, const char *module, u32 memory_mib)
{
    struct fault fault = { "", "" };
    int reason = 0;

    if (!log_open(run->options->serial_log, &run->serial_log, &fault) ||
        !log_open(run->options->audit_log, &run->audit_log, &fault) ||
        !control_open(run, run->options->control, &fault) ||
        !machine_start(&run->machine, run->options, module, memory_mib,
                       &fault)) {
        fault_print(&fault);
        control_close(run);
        return EXIT_ENVIRONMENT;
    }
    run->is_tty =
        isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && tty_begin(run);
    run->stdin_is_open = true;
    reason = run_loop(run);
    if (run->is_tty) {
        tty_end();
    } else {
        plain_finish(run);
    }
    const int status = machine_stop(&run->machine);
    control_close(run);
    if (run->serial_log != NULL) {
        fclose(run->serial_log);
    }
    if (run->audit_log != NULL) {
        fclose(run->audit_log);
    }
    return end_report(run, reason, status);
}

static int run_set(const struct run_options *options, struct tenant_set *set)
{
    struct run run = { .options = options,
                       .control = { .listen = -1, .client = -1 } };
    struct fault fault = { "", "" };
    char *module = NULL;
    int code = EXIT_ENVIRONMENT;

    if (access(options->hypervisor, R_OK) != 0) {
        fault_set(&fault, "hypervisor '%s': %s", options->hypervisor,
                  strerror(errno));
        fault_help(&fault, "build it with `make`");
        fault_print(&fault);
        return code;
    }
    if (!machine_scratch(&run.machine, &fault)) {
        fault_print(&fault);
        return code;
    }
    if (seal_key_make(options, set, &fault) &&
        module_make(options, set, run.machine.scratch, &module, &fault)) {
        const u32 memory_mib = options->memory_mib != 0
                                   ? options->memory_mib
                                   : memory_needed(set, module);
        channels_make(&run, set);
        run.out = mem_alloc(TYPED_BYTES_MAX);
        code = run_machine(&run, module, memory_mib);
        free(run.out);
        free(run.channel);
    } else {
        fault_print(&fault);
    }
    scratch_remove(run.machine.scratch);
    type_free(&run.script);
    free(module);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct run_options options;
    struct tenant_set set = { 0 };
    int code;

    run_options_parse(&options, argc, argv);
    standard_streams_open();
    set.is_quiet = options.is_quiet;
    set.has_services = true;
    set.no_domain0 = options.no_domain0;
    if (options.file_count != 0 &&
        !tenant_set_load(&set, options.files, options.file_count,
                         options.memory_mib)) {
        code = tenant_set_report(&set, false);
    } else {
        code = run_set(&options, &set);
    }
    tenant_set_free(&set);
    free(options.files);
    return code;
}
