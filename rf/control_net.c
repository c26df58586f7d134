/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces of a run, as its router counts them: for rf top and rf metrics.
 */
#include <stdlib.h>
#include <string.h>

#include "guests/router/packet.h"
#include "rf/control.h"

#define NAME_BYTES 64

void control_net(int fd, const struct control_options *o, struct answer *answer)
{
    struct fault fault = { "", "" };
    char text[256];

    if (!control_ask(fd, "net", o->timeout_s, answer, &fault) ||
        (answer->count == 1 &&
         answer_value(answer->line[0], "error", text, sizeof(text)))) {
        answer_free(answer); /* no router: no interfaces */
    }
}

/* ---- top ---- */

/* The interface in the last round; NULL: it was not there. */
static const char *line_before(const struct answer *before, const char *line)
{
    for (size_t i = 0; i < before->count; i++) {
        if (answer_number(before->line[i], "id") == answer_number(line, "id") &&
            answer_number(before->line[i], "vif") ==
                answer_number(line, "vif")) {
            return before->line[i];
        }
    }
    return NULL;
}

/* How much more a second; of a router that began anew, all of it. */
static double rate(const char *then, const char *now, const char *key,
                   u32 seconds)
{
    const u64 a = then != NULL ? answer_number(then, key) : 0;
    const u64 b = answer_number(now, key);

    return (double)(b >= a ? b - a : b) / seconds;
}

static void print_rates(const char *then, const char *now, u32 seconds)
{
    static const char *const keys[] = { "sent_packets", "sent_bytes",
                                        "received_packets", "received_bytes" };

    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        const double each = rate(then, now, keys[i], seconds);
        if (then == NULL) {
            printf(" %9s", "-");
        } else if (i % 2 == 0) {
            printf(" %9.0f", each);
        } else {
            printf(" %9.3f", each * 8 / 1e6);
        }
    }
}

void control_net_table(const struct answer *before, const struct answer *now,
                       u32 seconds)
{
    char name[NAME_BYTES];
    char state[NAME_BYTES];

    if (now->count == 0) {
        return;
    }
    printf("\n%4s %-16s %3s %-10s %9s %9s %9s %9s %9s %7s %6s\n", "ID", "NAME",
           "VIF", "STATE", "OUT p/s", "Mbit/s", "IN p/s", "Mbit/s", "REFUSED",
           "NO ROOM", "FLOWS");
    for (size_t i = 0; i < now->count; i++) {
        const char *const line = now->line[i];
        (void)answer_value(line, "name", name, sizeof(name));
        (void)answer_value(line, "state", state, sizeof(state));
        printf("%4llu %-16s %3llu %-10s",
               (unsigned long long)answer_number(line, "id"), name,
               (unsigned long long)answer_number(line, "vif"), state);
        print_rates(line_before(before, line), line, seconds);
        printf(" %9llu %7llu %6llu\n",
               (unsigned long long)answer_number(line, "refused"),
               (unsigned long long)answer_number(line, "no_room"),
               (unsigned long long)answer_number(line, "flows"));
    }
}

/* ---- metrics ---- */

static const struct {
    const char *key, *name, *type, *help;
} metrics[] = {
    { "sent_packets", "sent_packets_total", "counter",
      "Packets that the tenant has sent" },
    { "sent_bytes", "sent_bytes_total", "counter", "And their bytes" },
    { "received_packets", "received_packets_total", "counter",
      "Packets that it was given" },
    { "received_bytes", "received_bytes_total", "counter", "And their bytes" },
    { "refused", "refused_packets_total", "counter",
      "Packets of its own that the filter refused" },
    { "errors", "bad_requests_total", "counter",
      "Packets that its front-end should not have sent" },
    { "no_room", "no_room_total", "counter",
      "Packets for it that its ring had no room for" },
    { "flows", "flows", "gauge", "Entries in its table of flows" },
    { "flows_max", "flows_max", "gauge", "And how many there can be" },
};

static void print_head(const char *name, const char *help, const char *type)
{
    printf("# HELP ringfence_vif_%s %s.\n# TYPE ringfence_vif_%s %s\n", name,
           help, name, type);
}

static void print_value(const char *name, const char *line, const char *reason,
                        u64 value)
{
    char tenant[NAME_BYTES];

    (void)answer_value(line, "name", tenant, sizeof(tenant));
    printf("ringfence_vif_%s{name=\"%s\",vif=\"%llu\"", name, tenant,
           (unsigned long long)answer_number(line, "vif"));
    if (reason != NULL) {
        printf(",reason=\"%s\"", reason);
    }
    printf("} %llu\n", (unsigned long long)value);
}

static void print_drops(const char *line)
{
    for (u32 i = 1; i < DROP_COUNT; i++) {
        const char *const word = drop_word((enum drop)i);
        char *const key = text_format("drop-%s", word);
        const u64 value = answer_number(line, key);
        if (value != 0) {
            print_value("drops_total", line, word, value);
        }
        free(key);
    }
}

void control_net_metrics(const struct answer *answer)
{
    if (answer->count == 0) {
        return;
    }
    for (size_t m = 0; m < ARRAY_COUNT(metrics); m++) {
        print_head(metrics[m].name, metrics[m].help, metrics[m].type);
        for (size_t i = 0; i < answer->count; i++) {
            print_value(metrics[m].name, answer->line[i], NULL,
                        answer_number(answer->line[i], metrics[m].key));
        }
    }
    print_head("drops_total", "Packets of the tenant that were dropped, by why",
               "counter");
    for (size_t i = 0; i < answer->count; i++) {
        print_drops(answer->line[i]);
    }
}
