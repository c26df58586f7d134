/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the control channel: see line.h.
 */
#include "guests/domain0/line.h"
#include "guests/domain0/copy.h"

#define IN_BYTES 8192u

static u8 in[IN_BYTES];
static u32 in_bytes;
static bool is_lost; /* the line being read has lost bytes */
static bool is_whole;
static char line[LINE_MAX + 1];

void line_typed(const u8 *bytes, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        if (in_bytes < IN_BYTES) {
            in[in_bytes++] = bytes[i];
        } else {
            is_lost = true;
        }
    }
}

bool line_is_whole(void)
{
    return is_whole;
}

const char *line_take(u32 *bytes)
{
    u32 end = 0;
    while (end < in_bytes && in[end] != '\n') {
        end++;
    }
    if (end == in_bytes) {
        if (in_bytes == IN_BYTES) { /* no line is so long */
            in_bytes = 0;
            is_lost = true;
        }
        return NULL;
    }
    is_whole = end <= LINE_MAX && !is_lost;
    is_lost = false;
    *bytes = is_whole ? end : 0;
    copy_bytes(line, in, *bytes);
    line[*bytes] = '\0';
    in_bytes -= end + 1;
    for (u32 i = 0; i < in_bytes; i++) {
        in[i] = in[end + 1 + i];
    }
    return line;
}
