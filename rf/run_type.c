/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typist: stands in for the operator when standard input is not a
 * terminal.
 *
 * The lines of standard input are typed into every tenant's console, one each
 * time the console shows a shell prompt (a line that ends in "# " so far). A
 * line that starts with "@name " goes to that tenant only. When standard input
 * ends, one more line is typed, `poweroff -f`, so that the run comes to an
 * end; if there was no line at all, `cat /sys/hypervisor/type` goes before it:
 * that is all the demonstration there is. A tenant that shows no prompt gets
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "rf/run.h"

static const char prompt_end[] = "# ";

static void script_add(struct script *script, const char *text, size_t length)
{
    struct script_line line = { NULL, NULL };

    if (length != 0 && text[0] == '@') {
        const char *const space = memchr(text, ' ', length);
        if (space != NULL) {
            line.to = text_copy(text + 1, (size_t)(space - text - 1));
            length -= (size_t)(space + 1 - text);
            text = space + 1;
        }
    }
    line.text = text_copy(text, length);
    script->line =
        mem_grow(script->line, script->count + 1, sizeof(script->line[0]));
    script->line[script->count++] = line;
}

void type_input(struct run *run, const u8 *bytes, size_t count)
{
    struct script *const script = &run->script;

    for (size_t i = 0; i < count; i++) {
        const bool is_full = script->pending_bytes == sizeof(script->pending);
        if (bytes[i] == '\n' || is_full) {
            script_add(script, script->pending, script->pending_bytes);
            script->pending_bytes = 0;
        }
        if (bytes[i] != '\n') {
            script->pending[script->pending_bytes++] = (char)bytes[i];
        }
    }
}

void type_end_of_input(struct run *run)
{
    struct script *const script = &run->script;
    static const char type[] = "cat /sys/hypervisor/type";
    static const char off[] = "poweroff -f";

    if (script->pending_bytes != 0) {
        script_add(script, script->pending, script->pending_bytes);
        script->pending_bytes = 0;
    }
    if (script->count == 0) {
        script_add(script, type, strlen(type));
    }
    script_add(script, off, strlen(off));
}

static bool channel_has_prompt(const struct channel *channel)
{
    const size_t length = sizeof(prompt_end) - 1;

    return !channel->prompt_is_used && channel->line_length >= length &&
           memcmp(channel->line + channel->line_length - length, prompt_end,
                  length) == 0;
}

/* The next line that is meant for this channel, or NULL. */
static const struct script_line *line_next(const struct script *script,
                                           struct channel *channel)
{
    while (channel->typed < script->count) {
        const struct script_line *const line = &script->line[channel->typed];
        channel->typed++;
        if (line->to == NULL || strcmp(line->to, channel->name) == 0) {
            return line;
        }
    }
    return NULL;
}

static void type_line(struct run *run, u32 index)
{
    struct channel *const channel = &run->channel[index];
    const struct script_line *const line = line_next(&run->script, channel);

    if (line == NULL) {
        return;
    }
    const size_t length = strlen(line->text);
    if (run_send(run, index, (const u8 *)line->text, length) &&
        run_send(run, index, (const u8 *)"\r", 1)) {
        channel->prompt_is_used = true;
    }
}

void type_tick(struct run *run)
{
    for (u32 i = 1; i < run->channel_count; i++) {
        if (channel_has_prompt(&run->channel[i])) {
            type_line(run, i);
        }
    }
}

void type_free(struct script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        free(script->line[i].to);
        free(script->line[i].text);
    }
    free(script->line);
}
