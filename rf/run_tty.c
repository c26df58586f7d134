/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles on a terminal: one at a time, Ctrl-] to command rf itself.
 *
 * The terminal is in raw mode: every key goes to the tenant that is shown,
 * Ctrl-C too. What the others print is kept (the last HISTORY_BYTES of each)
 * and shown on return. Text of the host appears in between, on lines that
 * start with [ringfence]; no tenant can print such a line in that colour on
 * another's console.
 */
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "rf/run.h"

#define KEY_PREFIX 0x1d /* Ctrl-] */

static struct termios saved;
static bool is_raw;

static void restore(void)
{
    if (is_raw) {
        is_raw = false;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    }
}

bool tty_begin(struct run *run)
{
    if (tcgetattr(STDIN_FILENO, &saved) != 0) {
        return false;
    }
    struct termios raw = saved;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) != 0) {
        return false;
    }
    is_raw = true;
    atexit(restore);
    run->shown = 1;
    printf("-- %s: Ctrl-] then n next, l list, q quit, ? help --\r\n",
           run->channel[1].name);
    return true;
}

void tty_end(void)
{
    if (is_raw) {
        fputs("\x1b[0m\r\n", stdout);
        fflush(stdout);
    }
    restore();
}

static void history_add(struct channel *channel, u8 byte)
{
    channel->history[channel->history_end] = byte;
    channel->history_end = (channel->history_end + 1) % HISTORY_BYTES;
    if (channel->history_bytes < HISTORY_BYTES) {
        channel->history_bytes++;
    }
}

static void history_show(const struct channel *channel)
{
    const size_t start =
        (channel->history_end + HISTORY_BYTES - channel->history_bytes) %
        HISTORY_BYTES;
    size_t i = 0;

    /* A full history starts in the middle of a line, maybe of a sequence. */
    if (channel->history_bytes == HISTORY_BYTES) {
        while (i < HISTORY_BYTES &&
               channel->history[(start + i) % HISTORY_BYTES] != '\n') {
            i++;
        }
    }
    for (; i < channel->history_bytes; i++) {
        putchar(channel->history[(start + i) % HISTORY_BYTES]);
    }
}

/* The host's text: whole lines, in between. */
static void host_byte(struct channel *host, u8 byte)
{
    u8 out[FILTER_OUT_MAX];
    const size_t count = filter_byte(&host->lines, byte, out);

    for (size_t i = 0; i < count; i++) {
        if (out[i] == '\n' || host->line_length == LINE_BYTES) {
            printf("\r\x1b[K\x1b[1m[%s]\x1b[0m %.*s\r\n", host->name,
                   (int)host->line_length, host->line);
            host->line_length = 0;
        }
        if (out[i] != '\n') {
            host->line[host->line_length++] = (char)out[i];
        }
    }
}

void tty_byte(struct run *run, u32 index, u8 byte)
{
    u8 out[FILTER_OUT_MAX];

    if (index == 0) {
        host_byte(&run->channel[0], byte);
        return;
    }
    struct channel *const channel = &run->channel[index];
    const size_t count = filter_byte(&channel->terminal, byte, out);
    for (size_t i = 0; i < count; i++) {
        history_add(channel, out[i]);
        if (index == run->shown) {
            putchar(out[i]);
        }
    }
}

static void show(struct run *run, u32 index)
{
    run->shown = index;
    printf("\x1b[0m\r\n-- %s (%u of %u) --\r\n", run->channel[index].name,
           index, run->channel_count - 1);
    history_show(&run->channel[index]);
}

static void list(const struct run *run)
{
    fputs("\x1b[0m\r\n", stdout);
    for (u32 i = 1; i < run->channel_count; i++) {
        printf("%c%3u  %s\r\n", i == run->shown ? '*' : ' ', i,
               run->channel[i].name);
    }
}

static void help(void)
{
    fputs("\x1b[0m\r\nCtrl-] n   next console\r\n"
          "Ctrl-] 1   first console (to 9)\r\n"
          "Ctrl-] l   list them\r\n"
          "Ctrl-] q   quit: the machine is switched off\r\n"
          "Ctrl-] Ctrl-]   the key itself\r\n",
          stdout);
}

static void prefix_key(struct run *run, u8 key)
{
    const u32 tenants = run->channel_count - 1;

    if (key >= '1' && key <= '9' && (u32)(key - '0') <= tenants) {
        show(run, (u32)(key - '0'));
    } else if (key == 'n') {
        show(run, run->shown % tenants + 1);
    } else if (key == 'l') {
        list(run);
    } else if (key == 'q') {
        run->is_quit = true;
    } else if (key == KEY_PREFIX) {
        (void)run_send(run, run->shown, &key, 1);
    } else {
        help();
    }
}

void tty_key(struct run *run, u8 byte)
{
    if (run->prefix_is_seen) {
        run->prefix_is_seen = false;
        prefix_key(run, byte);
    } else if (byte == KEY_PREFIX) {
        run->prefix_is_seen = true;
    } else {
        (void)run_send(run, run->shown, &byte, 1);
    }
}

void tty_flush(struct run *run)
{
    (void)run;
    fflush(stdout);
}
