/* SPDX-License-Identifier: Apache-2.0 */
/* Which records are wanted; see auditlog.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "rf/auditlog.h"

#define DAY_NS (86400ull * 1000000000ull)

/* HH:MM[:SS[.mmm]] of a day, or YYYY-MM-DD[THH:MM[:SS[.mmm]]]; UTC. */
static bool time_parse(const char *text, u64 *ns)
{
    struct tm tm;
    const char *rest = text;
    unsigned milliseconds = 0;
    int used = 0;

    memset(&tm, 0, sizeof(tm));
    if (sscanf(rest, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &used) == 3) {
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        rest += used;
        if (*rest == 'T' || *rest == ' ') {
            rest++;
        }
    }
    if (*rest != '\0') {
        used = 0;
        if (sscanf(rest, "%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &used) != 2) {
            return false;
        }
        rest += used;
        used = 0;
        if (sscanf(rest, ":%2d%n", &tm.tm_sec, &used) == 1) {
            rest += used;
        }
        used = 0;
        if (sscanf(rest, ".%3u%n", &milliseconds, &used) == 1) {
            rest += used;
        }
        rest += *rest == 'Z' ? 1 : 0;
    }
    if (tm.tm_mday == 0) {
        *ns = (u64)(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
    } else {
        *ns = (u64)timegm(&tm);
    }
    *ns = *ns * 1000000000u + (u64)milliseconds * 1000000u;
    return *rest == '\0';
}

static bool result_is_known(const char *text)
{
    char *end;

    for (u32 i = 0; i <= AUDIT_FAILED; i++) {
        if (strcmp(text, decision_text(i)) == 0) {
            return true;
        }
    }
    (void)strtol(text, &end, 10);
    return end != text && *end == '\0';
}

/* Small letters and dashes, as it is printed. */
static bool same_word(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        const int one = *a == '_' ? '-' : *a | 0x20;
        const int other = *b == '_' ? '-' : *b | 0x20;
        if (one != other) {
            return false;
        }
    }
    return *a == *b;
}

static bool op_is_known(const char *op)
{
    for (u32 i = 0; i < AUDIT_EVENT_COUNT; i++) {
        if (audit_event_name(i) != NULL && same_word(audit_event_name(i), op)) {
            return true;
        }
    }
    for (u32 nr = 0; nr < 64; nr++) {
        for (u32 sub = 0; sub < 64; sub++) {
            const char *const name = row_name(nr, sub);
            if (name != NULL && same_word(name, op)) {
                return true;
            }
        }
    }
    return false;
}

static bool family_is_known(const char *text)
{
    for (u32 i = 0; i <= AUDIT_STOP; i++) {
        if (same_word(family_text(i), text)) {
            return true;
        }
    }
    return false;
}

bool filter_begin(struct audit_filter *filter, const char **wrong)
{
    filter->since_ns = 0;
    filter->until_ns = U64_MAX;
    *wrong =
        filter->since != NULL && !time_parse(filter->since, &filter->since_ns)
            ? "--since: HH:MM:SS or YYYY-MM-DDTHH:MM:SS"
        : filter->until != NULL && !time_parse(filter->until, &filter->until_ns)
            ? "--until: HH:MM:SS or YYYY-MM-DDTHH:MM:SS"
        : filter->op != NULL && !op_is_known(filter->op)
            ? "--op: an event or a hypercall"
        : filter->family != NULL && !family_is_known(filter->family)
            ? "--class: priv, life, guest or stop"
        : filter->result != NULL && !result_is_known(filter->result)
            ? "--result: allowed, denied, failed or a number"
            : NULL;
    return *wrong == NULL;
}

static bool domain_is(const struct audit_walk *walk, u16 domain,
                      const char *wanted)
{
    char number[16];

    snprintf(number, sizeof(number), "%u", domain);
    return strcmp(walk_name(walk, domain), wanted) == 0 ||
           (domain != AUDIT_NOBODY && strcmp(number, wanted) == 0);
}

/* What a time without a date is compared with. */
static u64 time_as(u64 wall_ns, u64 limit_ns)
{
    return limit_ns < DAY_NS ? wall_ns % DAY_NS : wall_ns;
}

bool filter_takes(const struct audit_filter *filter,
                  const struct audit_walk *walk)
{
    const struct audit_record *const r = &walk->r;
    char number[16];

    snprintf(number, sizeof(number), "%d", r->result);
    if (filter->actor != NULL && !domain_is(walk, r->actor, filter->actor)) {
        return false;
    }
    if (filter->target != NULL &&
        !domain_is(walk, record_target(r), filter->target)) {
        return false;
    }
    if (filter->op != NULL) {
        const char *const call = r->event == AUDIT_GUEST_REFUSED
                                     ? row_name(r->arg[0], r->arg[1])
                                     : NULL;
        if (!same_word(audit_event_name(r->event), filter->op) &&
            (call == NULL || !same_word(call, filter->op))) {
            return false;
        }
    }
    return (filter->family == NULL ||
            same_word(family_text(r->family), filter->family)) &&
           (filter->result == NULL ||
            strcmp(filter->result, decision_text(r->decision)) == 0 ||
            strcmp(filter->result, number) == 0) &&
           (filter->since == NULL ||
            time_as(r->wall_ns, filter->since_ns) >= filter->since_ns) &&
           (filter->until == NULL ||
            time_as(r->wall_ns, filter->until_ns) <= filter->until_ns);
}
