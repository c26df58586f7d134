/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, text and files: the few things every verb needs and the C library
 * does not offer in one call. Running out of memory ends the program here, so
 * that no other file has a path for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rf/rf.h"

NO_RETURN static void mem_exhausted(void)
{
    fputs("rf: out of memory, nothing was changed\n", stderr);
    exit(EXIT_ENVIRONMENT);
}

void *mem_alloc(size_t bytes)
{
    void *const p = calloc(1, bytes != 0 ? bytes : 1);

    if (p == NULL) {
        mem_exhausted();
    }
    return p;
}

/* Room for `count` items in all; what is new is not zeroed. */
void *mem_grow(void *old, size_t count, size_t item_bytes)
{
    void *const p = reallocarray(old, count, item_bytes);

    if (p == NULL) {
        mem_exhausted();
    }
    return p;
}

char *text_copy(const char *text, size_t bytes)
{
    char *const copy = mem_alloc(bytes + 1);

    memcpy(copy, text, bytes);
    return copy;
}

char *text_format(const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        mem_exhausted();
    }
    va_end(args);
    return text;
}

bool fault_set(struct fault *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fault->text, sizeof(fault->text), format, args);
    va_end(args);
    fault->help[0] = '\0';
    return false;
}

bool fault_help(struct fault *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fault->help, sizeof(fault->help), format, args);
    va_end(args);
    return false;
}

/* Read until the end or the limit; the size is not trusted to stay as it was
 * when the file was opened. */
static bool file_fill(int fd, u64 limit, struct blob *out, struct fault *fault)
{
    size_t room = out->bytes;

    out->bytes = 0;
    for (;;) {
        if (out->bytes == room) {
            room = room < (1u << 16) ? (1u << 16) : room * 2;
            out->data = mem_grow(out->data, room, 1);
        }
        const ssize_t n = read(fd, out->data + out->bytes, room - out->bytes);
        if (n == 0) {
            return true;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fault_set(fault, "%s", strerror(errno));
        }
        out->bytes += (size_t)n;
        if (out->bytes > limit) {
            return fault_set(fault, "larger than %llu bytes, the limit here",
                             (unsigned long long)limit);
        }
    }
}

bool file_read(const char *path, u64 limit, struct blob *out,
               struct fault *fault)
{
    out->data = NULL;
    out->bytes = 0;
    /* O_NONBLOCK: a FIFO in place of a file must not hang us. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fault_set(fault, "%s", strerror(errno));
    }

    struct stat st;
    bool good = false;
    if (fstat(fd, &st) != 0) {
        fault_set(fault, "%s", strerror(errno));
    } else if (S_ISDIR(st.st_mode)) {
        fault_set(fault, "is a directory");
    } else if (!S_ISREG(st.st_mode)) {
        fault_set(fault, "is not a regular file");
    } else if ((u64)st.st_size > limit) {
        fault_set(fault, "larger than %llu bytes, the limit here",
                  (unsigned long long)limit);
    } else {
        /* One spare byte, so that the end is seen without growing. */
        out->bytes = (size_t)st.st_size + 1;
        out->data = mem_alloc(out->bytes);
        good = file_fill(fd, limit, out, fault);
    }
    close(fd);
    if (!good) {
        free(out->data);
        out->data = NULL;
        out->bytes = 0;
    }
    return good;
}
