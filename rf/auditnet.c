/* SPDX-License-Identifier: Apache-2.0 */
/* rf audit why: reports of the router, one line for each rule that made them,
 * and for each reason where a binding did. */
#include <stdlib.h>
#include <string.h>

#include "guests/router/packet.h"
#include "rf/auditlog.h"

#define NET_CAUSES_MAX 256u

struct net_cause {
    char *place;
    const char *reason; /* of guests/router/drops.def, "" for a rule's */
    char *text;         /* of the last sample */
    char *line;         /* of a tenant file, or NULL */
    u16 domain;         /* whose packets */
    bool is_passed;
    u64 samples;
    u64 last_seq;
};

struct net_causes {
    struct net_cause cause[NET_CAUSES_MAX];
    u32 used;
    u32 left_out; /* samples */
};

struct net_causes *net_why_begin(void)
{
    return mem_alloc(sizeof(struct net_causes));
}

/* The word before the last, if it is a drop's. */
static const char *reason_of(const char *text)
{
    const char *const last = strrchr(text, ' ');

    for (u32 i = 1; last != NULL && i < DROP_COUNT; i++) {
        const char *const word = drop_word((enum drop)i);
        const size_t bytes = strlen(word);
        if ((size_t)(last - text) > bytes &&
            strncmp(last - bytes, word, bytes) == 0 &&
            last[-1 - (ptrdiff_t)bytes] == ' ') {
            return word;
        }
    }
    return "";
}

bool net_why_add(struct net_causes *all, const struct audit_walk *walk,
                 const char *tenant, const struct audit_policy *policy)
{
    const struct audit_record *const r = &walk->r;
    const char *const text = net_text(r);
    const char *const place = net_place(text);
    const char *const reason = reason_of(text);
    const bool is_passed = strncmp(text, "passed ", 7) == 0;
    const u16 domain = record_domain(r);
    u32 i = 0;

    if (strcmp(walk_name(walk, domain), tenant) != 0 &&
        !audit_policy_owns(policy, tenant, place)) {
        return false;
    }
    while (i < all->used &&
           (strcmp(all->cause[i].place, place) != 0 ||
            all->cause[i].reason != reason || all->cause[i].domain != domain ||
            all->cause[i].is_passed != is_passed)) {
        i++;
    }
    if (i == NET_CAUSES_MAX) {
        all->left_out++;
        return true;
    }
    struct net_cause *const c = &all->cause[i];
    if (i == all->used) {
        all->used++;
        *c = (struct net_cause){ .place = text_copy(place, strlen(place)),
                                 .reason = reason,
                                 .line = audit_policy_line(policy, walk),
                                 .domain = domain,
                                 .is_passed = is_passed };
    }
    free(c->text);
    c->text = text_copy(text, strlen(text));
    c->samples++;
    c->last_seq = r->seq;
    return true;
}

void net_why_end(struct net_causes *all, const struct audit_walk *walk)
{
    for (u32 i = 0; i < all->used; i++) {
        struct net_cause *const c = &all->cause[i];
        printf("  packets of %s: %s%s%s %s; %llu samples, the last is #%llu: "
               "%s\n",
               walk_name(walk, c->domain), c->is_passed ? "passed" : "refused",
               c->reason[0] != '\0' ? " as " : "", c->reason,
               c->place[0] != '\0' ? c->place : "(no text)",
               (unsigned long long)c->samples, (unsigned long long)c->last_seq,
               c->text);
        if (c->line != NULL) {
            printf("    %s\n", c->line);
        }
        free(c->place);
        free(c->text);
        free(c->line);
    }
    if (all->left_out != 0) {
        printf("  and %u samples of other causes\n", all->left_out);
    }
    free(all);
}
