/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU process of `rf run`: its command line, its birth, its end.
 *
 * QEMU gets its ends of the pipes and nothing else of ours. Pipes, not sockets:
 * a serial port writes byte by byte, and a socket holds a few hundred such
 * writes where a pipe holds 64 KiB; a guest should not wait for us. QEMU is
 * killed by the kernel should rf die first. Its standard input is /dev/null:
 * keys go through rf or nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rf/run.h"

#define QEMU "qemu-system-x86_64"
#define OVMF "/usr/share/ovmf/OVMF.fd"
#define ARGS_MAX 64
#define STOP_WAIT_MS 3000

/* Pipes between us and QEMU: COM1, COM2 out and in, COM3, complaints. */
enum line_end { END_HOST, END_MUX, END_KEYS, END_AUDIT, END_ERRORS, LINE_ENDS };

struct command {
    char *arg[ARGS_MAX + 1];
    size_t count;
};

static void command_add(struct command *command, const char *text)
{
    if (command->count < ARGS_MAX) {
        command->arg[command->count++] = text_copy(text, strlen(text));
    }
}

static void command_add_two(struct command *command, const char *option,
                            char *value)
{
    command_add(command, option);
    command_add(command, value);
    free(value);
}

static void command_free(struct command *command)
{
    for (size_t i = 0; i < command->count; i++) {
        free(command->arg[i]);
    }
}

/* A line that only speaks. QEMU opens its end anew by name. */
static void add_serial(struct command *command, const char *id, int output)
{
    command_add_two(command, "-chardev",
                    text_format("file,id=%s,path=/dev/fd/%d", id, output));
    command_add_two(command, "-serial", text_format("chardev:%s", id));
}

/* One that listens, too: QEMU wants two names that differ in their end. */
static void add_serial_both(struct command *command,
                            const struct machine *machine)
{
    command_add_two(command, "-chardev",
                    text_format("pipe,id=mux,path=%s/mux", machine->scratch));
    command_add_two(command, "-serial", text_format("chardev:mux"));
}

static void add_tpm(struct command *command, const char *control)
{
    command_add_two(command, "-chardev",
                    text_format("socket,id=tpm,path=%s", control));
    command_add_two(command, "-tpmdev",
                    text_format("emulator,id=tpm0,chardev=tpm"));
    command_add_two(command, "-device", text_format("tpm-tis,tpmdev=tpm0"));
}

static bool link_end(const struct machine *machine, const char *name, int fd)
{
    char *const path = text_format("%s/%s", machine->scratch, name);
    char *const target = text_format("/dev/fd/%d", fd);
    const bool good = symlink(target, path) == 0;

    free(path);
    free(target);
    return good;
}

static void add_boot(struct command *command, const struct run_options *options,
                     const char *module)
{
    if (options->is_iso) {
        command_add_two(command, "-cdrom", text_format("%s", module));
        command_add_two(command, "-boot", text_format("d"));
        if (options->is_uefi) {
            command_add_two(command, "-bios", text_format("%s", OVMF));
        }
        return;
    }
    command_add_two(command, "-kernel", text_format("%s", options->hypervisor));
    command_add_two(command, "-initrd", text_format("%s", module));
}

static void add_cpu(struct command *command, const struct run_options *options)
{
    const char *const accel = options->is_kvm      ? "kvm"
                              : options->is_icount ? "tcg"
                                                   : "tcg,thread=multi";

    command_add_two(command, "-accel", text_format("%s", accel));
    command_add_two(command, "-cpu", text_format("%s", options->cpu));
    command_add_two(
        command, "-smp",
        text_format("%u,threads=%u", options->smp, options->threads));
    if (options->is_icount) {
        command_add_two(command, "-icount", text_format("shift=0,sleep=off"));
    }
}

static void add_gdb(struct command *command, const struct machine *machine)
{
    char *const path = text_format("%s/gdb.sock", machine->scratch);

    fprintf(stderr, "rf: the machine waits for gdb: target remote %s\n", path);
    command_add_two(command, "-gdb",
                    text_format("unix:path=%s,server=on,wait=off", path));
    command_add(command, "-S");
    free(path);
}

static void command_build(struct command *command,
                          const struct run_options *options,
                          const struct machine *machine,
                          const int far[LINE_ENDS], const char *module,
                          u32 memory_mib)
{
    command->count = 0;
    command_add(command, QEMU);
    command_add(command, "-nodefaults");
    command_add(command, "-no-user-config");
    command_add(command, "-no-reboot");
    command_add_two(command, "-machine", text_format("%s", options->machine));
    command_add_two(command, "-display", text_format("none"));
    command_add_two(command, "-monitor", text_format("none"));
    command_add_two(command, "-m", text_format("%uM", memory_mib));
    add_cpu(command, options);
    command_add_two(command, "-device",
                    text_format("isa-debug-exit,iobase=0xf4,iosize=4"));
    add_serial(command, "host", far[END_HOST]);
    add_serial_both(command, machine);
    add_serial(command, "audit", far[END_AUDIT]);
    if (machine->tpm != NULL) {
        add_tpm(command, machine->tpm);
    }
    add_boot(command, options, module);
    if (options->is_gdb) {
        add_gdb(command, machine);
    }
    command->arg[command->count] = NULL;
}

/* In the child; says why on stderr, which is the pipe to the parent. */
NO_RETURN static void child_exec(const struct command *command, int errors,
                                 pid_t parent)
{
    const int nothing = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
        dup2(errors, STDERR_FILENO);
        signal(SIGPIPE, SIG_DFL);
        execvp(command->arg[0], command->arg);
        dprintf(STDERR_FILENO, "cannot start %s: %s\n", command->arg[0],
                strerror(errno));
    }
    _exit(127);
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

/* Our ends do not survive exec, QEMU's do. */
static bool open_lines(int near[LINE_ENDS], int far[LINE_ENDS])
{
    for (int i = 0; i < LINE_ENDS; i++) {
        near[i] = -1;
        far[i] = -1;
    }
    for (int i = 0; i < LINE_ENDS; i++) {
        int ends[2];
        if (pipe(ends) != 0) {
            return false;
        }
        near[i] = i == END_KEYS ? ends[1] : ends[0];
        far[i] = i == END_KEYS ? ends[0] : ends[1];
        fcntl(near[i], F_SETFD, FD_CLOEXEC);
        fcntl(near[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

bool machine_scratch(struct machine *machine, struct fault *fault)
{
    const char *base = getenv("TMPDIR");

    if (base == NULL || strlen(base) > 32) {
        base = "/tmp";
    }
    snprintf(machine->scratch, sizeof(machine->scratch), "%s/rf-run.XXXXXX",
             base);
    if (mkdtemp(machine->scratch) == NULL) {
        return fault_set(fault, "cannot make a folder in %s: %s", base,
                         strerror(errno));
    }
    return true;
}

bool machine_start(struct machine *machine, const struct run_options *options,
                   const char *module, u32 memory_mib, struct fault *fault)
{
    struct command command;
    int near[LINE_ENDS];
    int far[LINE_ENDS];

    if (options->tpm != NULL && !tpm_find(options->tpm, &machine->tpm, fault)) {
        return false;
    }
    if (!open_lines(near, far) || !link_end(machine, "mux.out", far[END_MUX]) ||
        !link_end(machine, "mux.in", far[END_KEYS])) {
        const int why = errno;
        close_all(near, LINE_ENDS);
        close_all(far, LINE_ENDS);
        return fault_set(fault, "cannot make the serial lines: %s",
                         strerror(why));
    }
    command_build(&command, options, machine, far, module, memory_mib);
    fflush(NULL);
    const pid_t parent = getpid();
    machine->pid = fork();
    if (machine->pid == 0) {
        child_exec(&command, far[END_ERRORS], parent);
    }
    command_free(&command);
    free(machine->tpm);
    close_all(far, LINE_ENDS);
    if (machine->pid < 0) {
        close_all(near, LINE_ENDS);
        return fault_set(fault, "cannot start a process: %s", strerror(errno));
    }
    machine->host = near[END_HOST];
    machine->mux = near[END_MUX];
    machine->keys = near[END_KEYS];
    machine->audit = near[END_AUDIT];
    machine->errors = near[END_ERRORS];
    return true;
}

/* True once the child has ended. */
static bool child_ended(pid_t pid, int *status, s64 patience_ms)
{
    const s64 until = run_now_ms() + patience_ms;

    while (waitpid(pid, status, WNOHANG) == 0) {
        if (run_now_ms() >= until) {
            return false;
        }
        usleep(10000);
    }
    return true;
}

int machine_stop(struct machine *machine)
{
    const int fds[] = { machine->host, machine->mux, machine->keys,
                        machine->audit, machine->errors };
    /* Lines that are closed already: it is ending by itself. */
    const bool is_ending = machine->host < 0 && machine->mux < 0;
    int status = 0;

    if (!is_ending || !child_ended(machine->pid, &status, STOP_WAIT_MS)) {
        kill(machine->pid, SIGTERM);
        if (!child_ended(machine->pid, &status, STOP_WAIT_MS)) {
            kill(machine->pid, SIGKILL);
            waitpid(machine->pid, &status, 0);
        }
    }
    close_all(fds, ARRAY_COUNT(fds));
    return status;
}
