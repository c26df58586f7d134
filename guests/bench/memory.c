/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of mappings and faults.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define MAPPED (4u << 20)
#define FILE_NAME FILE_DIR "/mapped"

static char *area;
static int file_fd = -1;
static volatile char byte_sink;

static void map_file(int arg)
{
    static char page[PAGE];

    (void)arg;
    file_fd = open(FILE_NAME, O_CREAT | O_TRUNC | O_RDWR, 0644);
    need(file_fd >= 0, FILE_NAME);
    for (uint32_t at = 0; at < MAPPED; at += PAGE) {
        need(write(file_fd, page, PAGE) == PAGE, "write");
    }
}

static void drop_file(void)
{
    close(file_fd);
    unlink(FILE_NAME);
}

static char *map(int fd)
{
    const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    char *const at = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, flags, fd, 0);

    need(at != MAP_FAILED, "mmap");
    madvise(at, MAPPED, MADV_NOHUGEPAGE);
    return at;
}

/* As lmbench does: a tenth of it is read, a byte every 16 KiB. The kernel maps
 * 16 pages of a file at each such fault. */
static void run_mmap(uint32_t times)
{
    while (times-- != 0) {
        char *const at = map(file_fd);
        for (uint32_t i = 0; i < MAPPED / 10; i += 4 * PAGE) {
            byte_sink = at[i];
        }
        munmap(at, MAPPED);
    }
}

/* In a fresh mapping; `times` is at most the pages of the area. */
static void run_faults(uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        area[i * PAGE] = 1;
    }
}

static void map_anonymous(int arg)
{
    (void)arg;
    area = map(-1);
}

static void map_shared(int arg)
{
    map_file(arg);
    area = map(file_fd);
}

static void map_anonymous_anew(void)
{
    munmap(area, MAPPED);
    area = map(-1);
}

static void map_shared_anew(void)
{
    munmap(area, MAPPED);
    area = map(file_fd);
}

static void unmap(void)
{
    munmap(area, MAPPED);
}

static void unmap_shared(void)
{
    unmap();
    drop_file();
}

/* ---- protection --------------------------------------------------------- */

static sigjmp_buf out;
static volatile uint32_t faults_left;

/* The write is tried again, and faults again, until it has been enough. */
static void on_fault(int number)
{
    (void)number;
    if (--faults_left == 0) {
        siglongjmp(out, 1);
    }
}

static void protect(int arg)
{
    const struct sigaction action = { .sa_handler = on_fault };

    (void)arg;
    sigaction(SIGSEGV, &action, NULL);
    area = map(-1);
    area[0] = 1;
    mprotect(area, PAGE, PROT_READ);
}

static void run_protection(uint32_t times)
{
    faults_left = times;
    if (sigsetjmp(out, 1) == 0) {
        *(volatile char *)area = 1;
    }
}

static void unprotect(void)
{
    signal(SIGSEGV, SIG_DFL);
    unmap();
}

/* One page between others of which it differs: nothing is split or joined. */
static void map_touched(int arg)
{
    map_anonymous(arg);
    mprotect(area, MAPPED, PROT_NONE);
    mprotect(area + PAGE, PAGE, PROT_READ | PROT_WRITE);
    area[PAGE] = 1;
}

static void run_mprotect(uint32_t times)
{
    while (times-- != 0) {
        mprotect(area + PAGE, PAGE, PROT_READ);
        mprotect(area + PAGE, PAGE, PROT_READ | PROT_WRITE);
    }
}

const struct row memory_rows[] = {
    { "mmap", 100, false, 0, map_file, run_mmap, drop_file, NULL },
    { "prot_fault", 5000, false, 0, protect, run_protection, unprotect, NULL },
    { "fault_file", 1024, false, 0, map_shared, run_faults, unmap_shared,
      map_shared_anew },
    { "fault_anon", 1024, false, 0, map_anonymous, run_faults, unmap,
      map_anonymous_anew },
    { "mprotect", 4000, false, 0, map_touched, run_mprotect, unmap, NULL },
    { 0 },
};
