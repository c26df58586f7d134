/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of single system calls and signals, and what needs no kernel.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define FILE_NAME FILE_DIR "/looked-at"
#define SELECT_COUNT 100
#define COPY_BYTES (1u << 20)

static int zero_fd = -1;
static int select_fds[SELECT_COUNT];
static char *copied;
static volatile uint64_t sink;

static void run_null(uint32_t times)
{
    while (times-- != 0) {
        syscall(SYS_getppid);
    }
}

static void open_zero(int arg)
{
    (void)arg;
    zero_fd = open("/dev/zero", O_RDONLY);
    need(zero_fd >= 0, "/dev/zero");
}

static void close_zero(void)
{
    close(zero_fd);
}

static void run_read(uint32_t times)
{
    char byte;

    while (times-- != 0) {
        need(read(zero_fd, &byte, 1) == 1, "read");
    }
}

static void make_file(int arg)
{
    (void)arg;
    const int fd = open(FILE_NAME, O_CREAT | O_RDWR, 0644);
    need(fd >= 0, FILE_NAME);
    close(fd);
}

static void run_stat(uint32_t times)
{
    struct stat st;

    while (times-- != 0) {
        need(stat(FILE_NAME, &st) == 0, "stat");
    }
}

static void run_open(uint32_t times)
{
    while (times-- != 0) {
        close(open(FILE_NAME, O_RDONLY));
    }
}

static void open_sockets(int arg)
{
    (void)arg;
    for (int i = 0; i < SELECT_COUNT; i++) {
        select_fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        need(select_fds[i] >= 0, "socket");
    }
}

static void close_sockets(void)
{
    for (int i = 0; i < SELECT_COUNT; i++) {
        close(select_fds[i]);
    }
}

/* Unconnected sockets are ready at once: the cost is that of the look. */
static void run_select(uint32_t times)
{
    while (times-- != 0) {
        struct timeval none = { 0, 0 };
        fd_set set;
        FD_ZERO(&set);
        for (int i = 0; i < SELECT_COUNT; i++) {
            FD_SET(select_fds[i], &set);
        }
        select(select_fds[SELECT_COUNT - 1] + 1, NULL, &set, NULL, &none);
    }
}

static void on_signal(int number)
{
    (void)number;
}

static void install(int arg)
{
    struct sigaction action = { .sa_handler = on_signal };

    (void)arg;
    sigaction(SIGUSR1, &action, NULL);
}

static void run_install(uint32_t times)
{
    while (times-- != 0) {
        install(0);
    }
}

static void run_signal(uint32_t times)
{
    const pid_t self = getpid();

    while (times-- != 0) {
        kill(self, SIGUSR1);
    }
}

static void run_yield(uint32_t times)
{
    while (times-- != 0) {
        sched_yield();
    }
}

static void run_integer(uint32_t times)
{
    uint64_t value = 88172645463325252u;

    for (uint32_t i = 0; i < times * 1000; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
    }
    sink = value;
}

/* Not static data: what forks should not have it to copy. */
static void map_copied(int arg)
{
    (void)arg;
    copied = mmap(NULL, 2 * COPY_BYTES, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(copied != MAP_FAILED, "mmap");
}

static void unmap_copied(void)
{
    munmap(copied, 2 * COPY_BYTES);
}

static void run_copy(uint32_t times)
{
    while (times-- != 0) {
        memcpy(copied, copied + COPY_BYTES, COPY_BYTES);
        sink = (uint64_t)copied[times % COPY_BYTES];
    }
}

static void run_clock(uint32_t times)
{
    struct timespec now;

    while (times-- != 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

const struct row call_rows[] = {
    { "null", 20000, false, 0, NULL, run_null, NULL, NULL },
    { "read", 20000, false, 0, open_zero, run_read, close_zero, NULL },
    { "stat", 5000, false, 0, make_file, run_stat, NULL, NULL },
    { "open_close", 4000, false, 0, make_file, run_open, NULL, NULL },
    { "select_tcp", 1000, false, 0, open_sockets, run_select, close_sockets,
      NULL },
    { "sig_install", 20000, false, 0, NULL, run_install, NULL, NULL },
    { "sig_handle", 5000, false, 0, install, run_signal, NULL, NULL },
    { "yield", 20000, false, 0, NULL, run_yield, NULL, NULL },
    { "integer", 10000, false, 0, NULL, run_integer, NULL, NULL },
    { "copy", 100, false, 0, map_copied, run_copy, unmap_copied, NULL },
    { "clock", 50000, false, 0, NULL, run_clock, NULL, NULL },
    { 0 },
};
