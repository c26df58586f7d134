/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles as plain lines, for logs and pipes: `[name] text`.
 *
 * A line is printed when it is complete. One that stays incomplete for
 * SILENCE_MS (a prompt, a question) is printed as it stands, and once more in
 * full if it grows. No tenant can fake another's name: every line that leaves
 * here starts with the name of the channel it came from.
 */
#include <string.h>

#include "rf/run.h"

#define SILENCE_MS 200

static void line_print(struct channel *channel)
{
    printf("[%s] %.*s\n", channel->name, (int)channel->line_length,
           channel->line);
    channel->line_is_shown = true;
}

static void line_end(struct channel *channel)
{
    if (!channel->line_is_shown || channel->line_length == 0) {
        line_print(channel);
    }
    channel->line_length = 0;
    channel->line_is_shown = false;
    channel->prompt_is_used = false;
}

static void line_byte(struct channel *channel, u8 byte)
{
    if (byte == '\n') {
        line_end(channel);
        return;
    }
    if (byte == '\b') {
        /* One character back: the bytes of a UTF-8 sequence go together. */
        while (channel->line_length != 0) {
            const u8 last = (u8)channel->line[--channel->line_length];
            if ((last & 0xc0) != 0x80) {
                break;
            }
        }
        return;
    }
    if (channel->line_length == LINE_BYTES) {
        line_end(channel);
    }
    channel->line[channel->line_length++] = (char)byte;
    channel->line_is_shown = false;
    channel->line_ms = run_now_ms();
}

void plain_byte(struct run *run, u32 channel, u8 byte)
{
    u8 out[FILTER_OUT_MAX];
    struct channel *const to = &run->channel[channel];
    const size_t count = filter_byte(&to->lines, byte, out);

    for (size_t i = 0; i < count; i++) {
        line_byte(to, out[i]);
    }
}

int plain_tick(struct run *run)
{
    const s64 now = run_now_ms();
    int next = -1;

    for (u32 i = 0; i < run->channel_count; i++) {
        struct channel *const channel = &run->channel[i];
        if (channel->line_length == 0 || channel->line_is_shown) {
            continue;
        }
        const s64 left = channel->line_ms + SILENCE_MS - now;
        if (left <= 0) {
            line_print(channel);
        } else if (next < 0 || left < next) {
            next = (int)left;
        }
    }
    fflush(stdout);
    return next;
}

void plain_finish(struct run *run)
{
    for (u32 i = 0; i < run->channel_count; i++) {
        struct channel *const channel = &run->channel[i];
        if (channel->line_length != 0 && !channel->line_is_shown) {
            line_print(channel);
        }
    }
    fflush(stdout);
}
