/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf audit tail --control: the records that Domain0 of a run has collected, the
 * latest there are. They are what Domain0 says: their check values are looked
 * at, and nothing is proved.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/chain.h"
#include "rf/auditlog.h"
#include "rf/control.h"
#include "rf/verbs.h"

#define PART_BYTES 32u
#define LIVE_TIMEOUT_S 20

static s32 digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* The record of a line of the answer; false: it holds none. */
static bool record_of(const char *line, struct audit_record *r)
{
    u8 *const to = (u8 *)r;

    memset(r, 0, sizeof(*r));
    for (u32 i = 0; i < sizeof(*r); i++) {
        const char key[] = { (char)('a' + i / PART_BYTES), '\0' };
        char part[2 * PART_BYTES + 1];
        if (!answer_value(line, key, part, sizeof(part))) {
            return false;
        }
        const size_t at = 2 * (size_t)(i % PART_BYTES);
        const s32 high = strlen(part) > at ? digit_of(part[at]) : -1;
        const s32 low = high >= 0 ? digit_of(part[at + 1]) : -1;
        if (low < 0) {
            return false;
        }
        to[i] = (u8)(high * 16 + low);
    }
    return memcmp(r->magic, AUDIT_MAGIC, sizeof(r->magic)) == 0 &&
           r->version == AUDIT_VERSION && r->bytes >= AUDIT_HEADER_BYTES &&
           r->bytes <= AUDIT_RECORD_BYTES && r->bytes % 16 == 0 &&
           audit_event_name(r->event) != NULL &&
           r->check == audit_check_value(r);
}

int audit_live(const char *control, u64 lines,
               const struct audit_filter *filter)
{
    struct fault fault = { "", "" };
    const struct blob none = { NULL, 0 };
    struct answer answer = { NULL, NULL, 0 };
    const int fd = control_connect(control, &fault);

    if (fd < 0 || !control_ask(fd, "audit", LIVE_TIMEOUT_S, &answer, &fault)) {
        fault_print(&fault);
        return EXIT_ENVIRONMENT;
    }
    struct audit_walk *const walk = walk_begin(&none);
    int code = EXIT_OK;

    for (size_t i = 0; i < answer.count && code == EXIT_OK; i++) {
        if (!record_of(answer.line[i], &walk->r)) {
            fprintf(stderr, "rf: error: not a record: '%.60s'\n",
                    answer.line[i]);
            code = EXIT_FINDING;
        } else {
            walk_name_learn(walk);
            if (answer.count - i <= lines && filter_takes(filter, walk)) {
                record_print(walk);
            }
        }
    }
    free(walk);
    answer_free(&answer);
    close(fd);
    return code;
}
