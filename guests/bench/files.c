/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that create and delete files, in memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define CONTENT_BYTES 10240
#define NAMES_MAX 1000u

static size_t content_bytes;
static uint32_t made; /* files that are there: names 0 .. made - 1 */

static void name_of(char name[64], uint32_t number)
{
    snprintf(name, 64, FILE_DIR "/%u", number);
}

static void create_one(uint32_t number)
{
    static char content[CONTENT_BYTES];
    char name[64];

    name_of(name, number);
    const int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0644);
    need(fd >= 0, name);
    if (content_bytes != 0) {
        need(write(fd, content, content_bytes) == (ssize_t)content_bytes,
             "write");
    }
    close(fd);
}

static void delete_one(uint32_t number)
{
    char name[64];

    name_of(name, number);
    need(unlink(name) == 0, name);
}

static void delete_all(void)
{
    while (made != 0) {
        delete_one(--made);
    }
}

static void be_empty(int bytes)
{
    content_bytes = (size_t)bytes;
    delete_all();
}

static void run_create(uint32_t times)
{
    while (times-- != 0) {
        create_one(made++);
    }
}

static void be_full(int bytes)
{
    content_bytes = (size_t)bytes;
    delete_all();
    while (made < NAMES_MAX) {
        create_one(made++);
    }
}

static void run_delete(uint32_t times)
{
    while (times-- != 0 && made != 0) {
        delete_one(--made);
    }
}

static void run_both(uint32_t times)
{
    while (times-- != 0) {
        create_one(0);
        delete_one(0);
    }
}

const struct row file_rows[] = {
    { "create_0k", 300, false, 0, be_empty, run_create, delete_all,
      delete_all },
    { "delete_0k", 300, false, 0, be_full, run_delete, delete_all, NULL },
    { "create_10k", 300, false, CONTENT_BYTES, be_empty, run_create, delete_all,
      delete_all },
    { "delete_10k", 300, false, CONTENT_BYTES, be_full, run_delete, delete_all,
      NULL },
    { "create_delete_10k", 500, false, CONTENT_BYTES, be_empty, run_both, NULL,
      NULL },
    { 0 },
};
