/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the Domain0 of a run: see control.h. An answer comes from the machine
 * and is not trusted: its size is limited, and it is printed only as what
 * Domain0's JSON has left of it, printable ASCII.
 */
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rf/control.h"

#define ANSWER_BYTES_MAX (16u << 20)

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const size_t bytes = strlen(path);

    if (bytes >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, bytes + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Connect to every socket of the pattern; *fd is the only one that answers. */
static void try_all(const char *pattern, int *fd, size_t *count)
{
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const int one = connect_to(found.gl_pathv[i]);
        if (one < 0) {
            continue; /* left behind by a run that was killed */
        }
        if (++*count > 1) {
            close(one);
        } else {
            *fd = one;
        }
    }
    globfree(&found);
}

int control_connect(const char *path, struct fault *fault)
{
    const char *const runtime = getenv("XDG_RUNTIME_DIR");
    size_t count = 0;
    int fd = -1;

    if (path != NULL) {
        fd = connect_to(path);
        if (fd < 0) {
            (void)fault_set(fault, "control socket '%s': %s", path,
                            strerror(errno));
        }
        return fd;
    }
    if (runtime != NULL && runtime[0] != '\0') {
        char *const pattern = text_format("%s/ringfence-*.sock", runtime);
        try_all(pattern, &fd, &count);
        free(pattern);
    }
    try_all("build/ringfence-*.sock", &fd, &count);
    if (count == 1) {
        return fd;
    }
    if (count == 0) {
        (void)fault_set(fault, "no run was found");
        (void)fault_help(fault, "`rf run` prints the path of its control "
                                "socket: name it with --control");
        return -1;
    }
    close(fd);
    (void)fault_set(fault, "there are %zu runs", count);
    (void)fault_help(fault, "name one with --control");
    return -1;
}

static s64 now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool send_all(int fd, const char *text, struct fault *fault)
{
    size_t left = strlen(text);

    while (left != 0) {
        const ssize_t count = send(fd, text, left, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) {
            return fault_set(fault, "the run has ended: %s", strerror(errno));
        }
        if (count > 0) {
            text += count;
            left -= (size_t)count;
        }
    }
    return true;
}

static bool is_complete(const char *text, size_t bytes)
{
    return (bytes == 1 && text[0] == '\n') ||
           (bytes >= 2 && text[bytes - 1] == '\n' && text[bytes - 2] == '\n');
}

static bool read_answer(int fd, u32 timeout_s, struct blob *out,
                        struct fault *fault)
{
    const s64 end = now_ms() + (s64)timeout_s * 1000;

    while (!is_complete((const char *)out->data, out->bytes)) {
        struct pollfd poll_one = { .fd = fd, .events = POLLIN };
        const s64 left = end - now_ms();
        if (left <= 0 || poll(&poll_one, 1, (int)left) == 0) {
            return fault_set(fault, "no answer within %u seconds", timeout_s);
        }
        out->data = mem_grow(out->data, out->bytes + 4097, 1);
        const ssize_t count = read(fd, out->data + out->bytes, 4096);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            return fault_set(fault, "the run has ended");
        }
        out->bytes += count > 0 ? (size_t)count : 0;
        if (out->bytes > ANSWER_BYTES_MAX) {
            return fault_set(fault, "an answer without end");
        }
    }
    return true;
}

static void split(struct answer *answer)
{
    char *at = answer->text;
    char *end;

    while ((end = strchr(at, '\n')) != NULL && end != at) {
        *end = '\0';
        for (char *c = at; c < end; c++) {
            *c = *c >= 0x20 && *c < 0x7f ? *c : '?';
        }
        answer->line =
            mem_grow(answer->line, answer->count + 1, sizeof(*answer->line));
        answer->line[answer->count++] = at;
        at = end + 1;
    }
}

bool control_ask(int fd, const char *request, u32 timeout_s,
                 struct answer *answer, struct fault *fault)
{
    struct blob got = { NULL, 0 };
    char *const line = text_format("%s\n", request);

    *answer = (struct answer){ NULL, NULL, 0 };
    bool good = send_all(fd, line, fault);
    free(line);
    good = good && read_answer(fd, timeout_s, &got, fault);
    answer->text = (char *)got.data;
    if (good) {
        answer->text[got.bytes] = '\0';
        split(answer);
    }
    return good;
}

void answer_free(struct answer *answer)
{
    free(answer->line);
    free(answer->text);
    *answer = (struct answer){ NULL, NULL, 0 };
}

/* ---- values ---- */

/* Behind the string that begins at the quote. */
static const char *string_end(const char *quote)
{
    const char *at = quote + 1;

    while (*at != '\0' && *at != '"') {
        at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return *at == '"' ? at + 1 : at;
}

bool answer_value(const char *line, const char *key, char *to, size_t room)
{
    const size_t key_bytes = strlen(key);
    const char *at = strchr(line, '"');

    to[0] = '\0';
    while (at != NULL) {
        const char *const name = at + 1;
        const char *const name_end = string_end(at);
        if (*name_end != ':') {
            return false;
        }
        const char *value = name_end + 1;
        const char *end =
            *value == '"' ? string_end(value) : value + strcspn(value, ",}");
        if ((size_t)(name_end - 1 - name) == key_bytes &&
            memcmp(name, key, key_bytes) == 0) {
            const bool is_text = *value == '"' && end - value >= 2;
            snprintf(to, room, "%.*s", (int)(end - value - (is_text ? 2 : 0)),
                     value + (is_text ? 1 : 0));
            return true;
        }
        at = *end == ',' ? strchr(end, '"') : NULL;
    }
    return false;
}

u64 answer_number(const char *line, const char *key)
{
    char text[32];

    return answer_value(line, key, text, sizeof(text))
               ? strtoull(text, NULL, 10)
               : 0;
}
