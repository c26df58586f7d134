/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf audit: the actions that list: show, filter, tail, why, stats. The file is
 * hostile: rf/logreader.c, and nothing else, decides what is a record.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "rf/auditlog.h"
#include "rf/policytext.h"

static int end_of(struct audit_walk *walk)
{
    const struct audit_verdict v = audit_verdict_of(
        &walk->reader,
        walk->log->bytes == 0 ? AUDIT_FAULT_TRUNCATED : walk->fault, walk->at);

    free(walk);
    return v.fault == AUDIT_GOOD ? EXIT_OK : report_fault(&v);
}

int audit_show(const struct blob *log, const struct audit_filter *filter)
{
    struct audit_walk *const walk = walk_begin(log);

    while (walk_next(walk)) {
        if (filter_takes(filter, walk)) {
            record_print(walk);
        }
    }
    return end_of(walk);
}

/* The last lines, and then, with follow, what comes, until the host closes the
 * log. */
int audit_tail(const char *path, u64 lines, bool follow,
               const struct audit_filter *filter)
{
    const struct timespec pause = { 0, 200000000 };
    struct blob log = { NULL, 0 };
    struct fault fault = { "", "" };
    struct audit_walk *walk = walk_begin(&log);
    u64 *const from = mem_alloc((lines + 1) * sizeof(from[0]));
    u64 taken = 0;
    FILE *const file = fopen(path, "rbe");

    if (file == NULL || !file_read(path, LOG_BYTES_MAX, &log, &fault)) {
        fprintf(stderr, "rf: error: '%s': cannot be read\n", path);
        return EXIT_ENVIRONMENT;
    }
    while (walk_next(walk)) {
        if (filter_takes(filter, walk)) {
            from[taken++ % (lines + 1)] = walk->r.seq;
        }
    }
    const u64 first = lines == 0       ? U64_MAX
                      : taken <= lines ? 0
                                       : from[(taken - lines) % (lines + 1)];
    free(walk);
    walk = walk_begin(&log);
    for (;;) {
        while (walk_next(walk)) {
            if (walk->r.seq >= first && filter_takes(filter, walk)) {
                record_print(walk);
            }
        }
        fflush(stdout);
        if (!follow || walk->reader.is_closed ||
            (walk->fault != AUDIT_GOOD &&
             walk->fault != AUDIT_FAULT_TRUNCATED)) {
            break;
        }
        walk->fault = AUDIT_GOOD;
        nanosleep(&pause, NULL);
        u8 more[65536];
        clearerr(file);
        fseeko(file, (off_t)log.bytes, SEEK_SET);
        const size_t count = fread(more, 1, sizeof(more), file);
        log.data = mem_grow(log.data, log.bytes + count + 1, 1);
        memcpy(log.data + log.bytes, more, count);
        log.bytes += count;
    }
    fclose(file);
    free(from);
    const int code = end_of(walk);
    free(log.data);
    return code;
}

/* ---- why -------------------------------------------------------------------
 */

#define WHY_MAX 256u

struct cause {
    u64 nr, sub;
    u32 reason;
    u64 count;
    u64 last_seq;
    char *line;
};

static void why_count(struct cause *causes, u32 *used,
                      const struct audit_walk *walk,
                      const struct audit_policy *policy)
{
    const struct audit_record *const r = &walk->r;
    u32 i = 0;

    while (i < *used &&
           (causes[i].nr != r->arg[0] || causes[i].sub != r->arg[1] ||
            causes[i].reason != r->reason)) {
        i++;
    }
    if (i == *used && i < WHY_MAX) {
        causes[i] =
            (struct cause){ r->arg[0], r->arg[1],
                            r->reason, 0,
                            0,         audit_policy_line(policy, walk) };
        (*used)++;
    }
    if (i < WHY_MAX) {
        causes[i].count++;
        causes[i].last_seq = r->seq;
    }
}

static void why_print(const struct cause *c)
{
    const char *const call = row_name(c->nr, c->sub);

    if (call != NULL) {
        printf("  %s", call);
    } else {
        printf("  call %llu/%llu", (unsigned long long)c->nr,
               (unsigned long long)c->sub);
    }
    printf(": %s; %llu samples, the last is #%llu\n",
           policy_reason((enum policy_verdict)c->reason),
           (unsigned long long)c->count, (unsigned long long)c->last_seq);
    if (c->line != NULL) {
        printf("    %s\n", c->line);
    }
}

int audit_why(const struct blob *log, const char *tenant,
              const struct audit_policy *policy)
{
    struct audit_walk *const walk = walk_begin(log);
    struct cause *const causes = mem_alloc(WHY_MAX * sizeof(causes[0]));
    struct net_causes *const net = net_why_begin();
    u64 refused = 0;
    u32 used = 0;
    bool seen = false;

    if (policy->count != 0 && !policy->is_the_one) {
        printf("note: the host was not started from these files\n");
    }
    while (walk_next(walk)) {
        const struct audit_record *const r = &walk->r;
        if (r->event == AUDIT_NET_DENIED) {
            seen = net_why_add(net, walk, tenant, policy) || seen;
            continue;
        }
        if (strcmp(walk_name(walk, record_domain(r)), tenant) != 0) {
            continue;
        }
        seen = true;
        if (r->event == AUDIT_GUEST_REFUSED) {
            why_count(causes, &used, walk, policy);
        } else if (r->event == AUDIT_REFUSAL_SUMMARY) {
            refused += r->arg[0];
        } else if (r->event != AUDIT_DOMAIN_CREATED) {
            char *const line = audit_policy_line(policy, walk);
            record_print(walk);
            if (line != NULL) {
                printf("    %s\n", line);
            }
            free(line);
        }
    }
    if (!seen) {
        printf("%s is not in this log\n", tenant);
    } else {
        printf("refused %llu times\n", (unsigned long long)refused);
    }
    for (u32 i = 0; i < used; i++) {
        why_print(&causes[i]);
        free(causes[i].line);
    }
    free(causes);
    net_why_end(net, walk);
    const int code = end_of(walk);
    return code == EXIT_OK && !seen ? EXIT_FINDING : code;
}

/* ---- stats -----------------------------------------------------------------
 */

int audit_stats(const struct blob *log, const struct audit_filter *filter)
{
    struct audit_walk *const walk = walk_begin(log);
    u64 events[AUDIT_EVENT_COUNT] = { 0 };
    u64 *const refused = mem_alloc((AUDIT_NOBODY + 1ull) * sizeof(refused[0]));
    u64 decisions[AUDIT_FAILED + 1] = { 0 };
    u64 count = 0;
    u64 first = 0;
    u64 last = 0;

    while (walk_next(walk)) {
        const struct audit_record *const r = &walk->r;
        if (!filter_takes(filter, walk)) {
            continue;
        }
        first = count == 0 ? r->wall_ns : first;
        last = r->wall_ns;
        count++;
        events[r->event]++;
        decisions[r->decision]++;
        if (r->event == AUDIT_REFUSAL_SUMMARY) {
            refused[r->actor] += r->arg[0];
        }
    }
    printf("records   %llu\n", (unsigned long long)count);
    if (count > 0) {
        printf("from      %s\nto        %s\n", time_text(first),
               time_text(last));
    }
    for (u32 i = 0; i < ARRAY_COUNT(decisions); i++) {
        printf("%-9s %llu\n", decision_text(i),
               (unsigned long long)decisions[i]);
    }
    for (u32 i = 0; i < AUDIT_EVENT_COUNT; i++) {
        if (events[i] != 0) {
            printf("event     %-18s %llu\n", event_text(i),
                   (unsigned long long)events[i]);
        }
    }
    for (u32 i = 0; i < AUDIT_NOBODY; i++) {
        if (refused[i] != 0) {
            printf("refused   %-18s %llu\n", walk_name(walk, (u16)i),
                   (unsigned long long)refused[i]);
        }
    }
    free(refused);
    return end_of(walk);
}
