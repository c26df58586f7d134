/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that make processes.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define SELF "/bench"

static char *touched;
static size_t touched_bytes;

static void await(pid_t pid)
{
    int status;

    need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "child");
}

static void run_fork(uint32_t times)
{
    while (times-- != 0) {
        const pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        await(pid);
    }
}

static void touch(int mib)
{
    touched_bytes = (size_t)mib << 20;
    touched = mmap(NULL, touched_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(touched != MAP_FAILED, "mmap");
    madvise(touched, touched_bytes, MADV_NOHUGEPAGE);
    memset(touched, 1, touched_bytes);
}

static void release(void)
{
    munmap(touched, touched_bytes);
}

/* The parent writes each page again: what was shared is copied or taken back.
 */
static void run_fork_write(uint32_t times)
{
    while (times-- != 0) {
        run_fork(1);
        for (size_t at = 0; at < touched_bytes; at += PAGE) {
            touched[at]++;
        }
    }
}

static void run_exec(uint32_t times)
{
    while (times-- != 0) {
        const pid_t pid = fork();
        if (pid == 0) {
            execl(SELF, SELF, "end-at-once", (char *)NULL);
            _exit(1);
        }
        await(pid);
    }
}

static void run_shell(uint32_t times)
{
    while (times-- != 0) {
        const pid_t pid = fork();
        if (pid == 0) {
            execl("/bin/sh", "sh", "-c", SELF " end-at-once", (char *)NULL);
            _exit(1);
        }
        await(pid);
    }
}

const struct row process_rows[] = {
    { "fork", 200, false, 0, NULL, run_fork, NULL, NULL },
    { "fork_16m", 20, false, 16, touch, run_fork, release, NULL },
    { "fork_16m_write", 10, true, 16, touch, run_fork_write, release, NULL },
    { "exec", 80, false, 0, NULL, run_exec, NULL, NULL },
    { "sh", 50, false, 0, NULL, run_shell, NULL, NULL },
    { 0 },
};
