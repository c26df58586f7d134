/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The poll loop of `rf run`: bytes from the serial lines to whoever shows
 * them, keys and typed lines back. Nothing here blocks but poll; a tenant that
 * does not read its console loses what is typed, never what others are sent.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rf/run.h"

#define READ_BYTES 4096
#define IDLE_MS 1000

enum line {
    LINE_HOST,
    LINE_MUX,
    LINE_AUDIT,
    LINE_ERRORS,
    LINE_STDIN,
    LINE_KEYS,
    LINE_LISTEN,
    LINE_CLIENT,
    LINES
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal };

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        sigaction(numbers[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

s64 run_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool run_send(struct run *run, u32 channel, const u8 *bytes, size_t count)
{
    /* Who reads may have begun after our last mark: each piece has its own. */
    run->encoder.channel = MUX_CHANNELS;
    if (run->machine.mux < 0 ||
        run->out_bytes + count * MUX_BYTES_MAX > TYPED_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        run->out_bytes += mux_encode(&run->encoder, channel, bytes[i],
                                     run->out + run->out_bytes);
    }
    return true;
}

static void send_pending(struct run *run)
{
    const ssize_t count = write(run->machine.keys, run->out, run->out_bytes);

    if (count > 0) {
        run->out_bytes -= (size_t)count;
        memmove(run->out, run->out + count, run->out_bytes);
    } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
        run->out_bytes = 0;
    }
}

static void show_byte(struct run *run, u32 channel, u8 byte)
{
    if (channel >= run->channel_count) {
        return; /* no such tenant: the stream is damaged */
    }
    if (run->is_tty) {
        tty_byte(run, channel, byte);
    } else {
        plain_byte(run, channel, byte);
    }
}

static void take_host(struct run *run, const u8 *bytes, size_t count)
{
    if (run->serial_log != NULL) {
        fwrite(bytes, 1, count, run->serial_log);
        fflush(run->serial_log);
    }
    for (size_t i = 0; i < count; i++) {
        show_byte(run, 0, bytes[i]);
    }
}

static void take_mux(struct run *run, const u8 *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        u8 byte;
        if (!mux_decode(&run->decoder, bytes[i], &byte)) {
            continue;
        }
        if (run->decoder.channel != 0) {
            show_byte(run, run->decoder.channel, byte);
        } else {
            control_byte(run, byte);
        }
    }
}

static void take_errors(const u8 *bytes, size_t count)
{
    static bool is_inside_line;

    for (size_t i = 0; i < count; i++) {
        if (!is_inside_line) {
            fputs("rf: qemu: ", stderr);
        }
        fputc(bytes[i], stderr);
        is_inside_line = bytes[i] != '\n';
    }
}

static void take_stdin(struct run *run, const u8 *bytes, size_t count)
{
    if (!run->is_tty) {
        type_input(run, bytes, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        tty_key(run, bytes[i]);
    }
}

static void take(struct run *run, enum line line, const u8 *bytes, size_t count)
{
    switch (line) {
    case LINE_HOST:
        take_host(run, bytes, count);
        break;
    case LINE_MUX:
        take_mux(run, bytes, count);
        break;
    case LINE_AUDIT:
        if (run->audit_log != NULL) {
            fwrite(bytes, 1, count, run->audit_log);
            fflush(run->audit_log); /* others read it as it grows */
        }
        break;
    case LINE_ERRORS:
        take_errors(bytes, count);
        break;
    case LINE_STDIN:
    case LINE_KEYS:
    case LINE_LISTEN:
    case LINE_CLIENT:
    case LINES:
    default:
        take_stdin(run, bytes, count);
        break;
    }
}

static void close_line(struct run *run, enum line line, int *fd)
{
    if (line == LINE_STDIN) {
        run->stdin_is_open = false;
        type_end_of_input(run);
        return;
    }
    close(*fd);
    *fd = -1;
}

static void read_line(struct run *run, enum line line, int *fd)
{
    u8 bytes[READ_BYTES];
    const ssize_t count = read(*fd, bytes, sizeof(bytes));

    if (count > 0) {
        take(run, line, bytes, (size_t)count);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_line(run, line, fd);
    }
}

/* What the control socket waits for. */
static void poll_control(const struct run *run, struct pollfd *polls)
{
    if (!control_is_free(run)) {
        polls[LINE_LISTEN].fd = -1;
    }
    polls[LINE_CLIENT].events =
        (short)((control_has_room(run) ? POLLIN : 0) |
                (run->control.back_bytes != 0 ? POLLOUT : 0));
}

static void serve_control(struct run *run, const struct pollfd *polls)
{
    if (polls[LINE_LISTEN].revents != 0) {
        control_accept(run);
    }
    if ((polls[LINE_CLIENT].revents & POLLOUT) != 0) {
        control_write(run);
    }
    if ((polls[LINE_CLIENT].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
        run->control.client >= 0) {
        control_read(run);
    }
}

/* One round: wait, read what is there, send what waits. */
static void run_round(struct run *run, int wait_ms)
{
    int keys = STDIN_FILENO;
    int *const fd[LINES] = { &run->machine.host,
                             &run->machine.mux,
                             &run->machine.audit,
                             &run->machine.errors,
                             &keys,
                             &run->machine.keys,
                             &run->control.listen,
                             &run->control.client };
    struct pollfd polls[LINES];

    for (int i = 0; i < LINES; i++) {
        polls[i] = (struct pollfd){ .fd = *fd[i], .events = POLLIN };
    }
    if (!run->stdin_is_open) {
        polls[LINE_STDIN].fd = -1;
    }
    polls[LINE_KEYS].events = POLLOUT;
    if (run->out_bytes == 0) {
        polls[LINE_KEYS].fd = -1;
    }
    poll_control(run, polls);
    if (poll(polls, LINES, wait_ms) <= 0) {
        return;
    }
    serve_control(run, polls);
    for (int i = 0; i < LINE_KEYS; i++) {
        if ((polls[i].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0) {
            read_line(run, (enum line)i, fd[i]);
        }
    }
    if (run->out_bytes != 0 && polls[LINE_KEYS].revents != 0) {
        send_pending(run);
    }
}

int run_loop(struct run *run)
{
    const s64 end = run->options->timeout_s != 0
                        ? run_now_ms() + (s64)run->options->timeout_s * 1000
                        : 0;

    catch_signals();
    while (run->machine.host >= 0 || run->machine.mux >= 0 ||
           run->machine.audit >= 0) {
        int wait = IDLE_MS;
        if (run->is_tty) {
            tty_flush(run);
        } else {
            type_tick(run);
            const int next = plain_tick(run);
            wait = next >= 0 && next < wait ? next : wait;
        }
        const s64 left = end != 0 ? end - run_now_ms() : wait;
        if (left <= 0) {
            return RUN_TIMEOUT;
        }
        run_round(run, left < wait ? (int)left : wait);
        if (stop_signal != 0) {
            return 128 + stop_signal;
        }
        if (run->is_quit) {
            break;
        }
    }
    return 0;
}
