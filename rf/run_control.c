/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket of `rf run`: `rf ps` and its kin ask Domain0 through it.
 *
 * One client at a time; others wait to be accepted. What a client sends goes
 * to channel 0 of the console line as it is, what comes on channel 0 goes to
 * the client. An answer ends with an empty line; one whose client has gone is
 * read to its end, or for DEAF_MS, before the next client's request goes out,
 * so that nobody reads another's answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rf/run.h"

#define READ_BYTES 1024
#define BACK_BYTES_MAX (1u << 20)
#define DEAF_MS 2000

/* Where the socket goes when no path is asked for. */
static bool path_make(struct control *control, const char *wanted,
                      const char *scratch)
{
    const char *const runtime = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    int count = 0;

    if (wanted != NULL) {
        count = snprintf(control->path, sizeof(control->path), "%s", wanted);
    } else if (runtime != NULL && runtime[0] != '\0' &&
               stat(runtime, &st) == 0) {
        count = snprintf(control->path, sizeof(control->path),
                         "%s/ringfence-%d.sock", runtime, (int)getpid());
    } else if (stat("build", &st) == 0 && S_ISDIR(st.st_mode)) {
        count = snprintf(control->path, sizeof(control->path),
                         "build/ringfence-%d.sock", (int)getpid());
    } else {
        count = snprintf(control->path, sizeof(control->path), "%s/control",
                         scratch);
    }
    return count > 0 && (size_t)count < sizeof(control->path);
}

bool control_open(struct run *run, const char *wanted, struct fault *fault)
{
    struct control *const control = &run->control;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    control->listen = -1;
    control->client = -1;
    if (!path_make(control, wanted, run->machine.scratch)) {
        return fault_set(fault, "the control socket's path is too long");
    }
    memcpy(address.sun_path, control->path, sizeof(address.sun_path));
    control->listen =
        socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Who may connect may stop tenants: the owner alone. */
    const mode_t mask = umask(0077);
    const bool good = control->listen >= 0 &&
                      bind(control->listen, (struct sockaddr *)&address,
                           sizeof(address)) == 0 &&
                      listen(control->listen, 8) == 0;
    umask(mask);
    if (!good) {
        (void)fault_set(fault, "control socket '%s': %s", control->path,
                        strerror(errno));
        if (control->listen >= 0) { /* the path may be another run's */
            close(control->listen);
            control->listen = -1;
        }
        return false;
    }
    if (!run->options->is_quiet) {
        fprintf(stderr, "rf: control socket %s\n", control->path);
    }
    return true;
}

static void client_close(struct control *control)
{
    if (control->client >= 0) {
        close(control->client);
        control->client = -1;
    }
    control->back_bytes = 0;
    if (control->is_answering) {
        control->deaf_until_ms = run_now_ms() + DEAF_MS;
    }
}

void control_close(struct run *run)
{
    struct control *const control = &run->control;

    client_close(control);
    if (control->listen >= 0) {
        close(control->listen);
        unlink(control->path);
        control->listen = -1;
    }
    free(control->back);
    control->back = NULL;
}

/* May the next client come? */
bool control_is_free(const struct run *run)
{
    const struct control *const control = &run->control;

    return control->listen >= 0 && control->client < 0 &&
           (!control->is_answering || run_now_ms() >= control->deaf_until_ms);
}

void control_accept(struct run *run)
{
    struct control *const control = &run->control;

    control->client =
        accept4(control->listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    control->is_answering = false;
    control->is_line_empty = true;
}

/* Does the line to the machine take what a client may send? */
bool control_has_room(const struct run *run)
{
    return run->out_bytes + READ_BYTES * MUX_BYTES_MAX <= TYPED_BYTES_MAX;
}

void control_read(struct run *run)
{
    struct control *const control = &run->control;
    u8 bytes[READ_BYTES];
    const ssize_t count = read(control->client, bytes, sizeof(bytes));

    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        client_close(control);
    } else if (count > 0) {
        control->is_answering = true;
        (void)run_send(run, 0, bytes, (size_t)count);
    }
}

void control_write(struct run *run)
{
    struct control *const control = &run->control;
    const ssize_t count =
        send(control->client, control->back, control->back_bytes, MSG_NOSIGNAL);

    if (count > 0) {
        control->back_bytes -= (size_t)count;
        memmove(control->back, control->back + count, control->back_bytes);
    } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
        client_close(control);
    }
}

void control_byte(struct run *run, u8 byte)
{
    struct control *const control = &run->control;

    if (byte == '\n' && control->is_line_empty) {
        control->is_answering = false;
    }
    control->is_line_empty = byte == '\n';
    if (control->client < 0) {
        return;
    }
    if (control->back == NULL) {
        control->back = mem_alloc(BACK_BYTES_MAX);
    }
    if (control->back_bytes == BACK_BYTES_MAX) {
        client_close(control); /* it does not read */
        return;
    }
    control->back[control->back_bytes++] = byte;
}
