/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A router's counters as JSON: see netview.h.
 */
#include "guests/domain0/netview.h"
#include "guests/domain0/jsonline.h"
#include "guests/domain0/machine.h"
#include "guests/router/counters.h"

#define TRIES 3u

static union {
    struct counters all;
    u8 page[COUNTERS_PAGES][PAGE_BYTES];
} copy __attribute__((aligned(4096)));

static const char *const states[] = { "unused",    "off",    "waiting",
                                      "connected", "closed", "leaving" };

static const char *const drops[] = {
#define DROP(name, word) "drop-" word,
#include "guests/router/drops.def"
};

_Static_assert(ARRAY_COUNT(drops) == DROP_COUNT, "a word for each");

static bool is_good(const struct counters_header *h)
{
    return h->magic == COUNTERS_MAGIC && h->version == COUNTERS_VERSION &&
           h->drop_count == DROP_COUNT && h->sequence % 2 == 0 &&
           h->vif_count <= COUNTERS_VIFS && h->rule_count <= RULES_MAX;
}

/* All pages, the first one twice: was it changed meanwhile? */
static bool take_once(u32 domid)
{
    bool good = page_copy(domid, COUNTERS_REF, copy.page[0]);
    const u32 before = copy.all.header.sequence;

    for (u32 i = 1; good && i < COUNTERS_PAGES; i++) {
        good = page_copy(domid, COUNTERS_REF + i, copy.page[i]);
    }
    return good && page_copy(domid, COUNTERS_REF, copy.page[0]) &&
           copy.all.header.sequence == before && is_good(&copy.all.header);
}

bool netview_take(u32 domid)
{
    for (u32 i = 0; i < TRIES; i++) {
        if (take_once(domid)) {
            return true;
        }
    }
    copy.all.header.vif_count = 0;
    copy.all.header.rule_count = 0;
    return false;
}

u32 netview_vifs(void)
{
    return copy.all.header.vif_count;
}

u32 netview_rules(void)
{
    return copy.all.header.rule_count;
}

u32 netview_domid(u32 vif)
{
    return copy.all.vif[vif].domid;
}

void netview_put_vif(u32 vif, const char *name)
{
    const struct counters_vif *const v = &copy.all.vif[vif];

    json_begin();
    json_number("id", v->domid);
    json_name("name", name);
    json_number("vif", v->handle);
    json_name("state", v->state < ARRAY_COUNT(states) ? states[v->state] : "?");
    json_number("flows", v->flows);
    json_number("flows_max", copy.all.header.flows_max);
    json_number("sent_packets", v->sent_packets);
    json_number("sent_bytes", v->sent_bytes);
    json_number("received_packets", v->received_packets);
    json_number("received_bytes", v->received_bytes);
    json_number("errors", v->errors);
    json_number("no_room", v->no_room);
    json_number("refused", v->refused);
    for (u32 i = 1; i < DROP_COUNT; i++) {
        if (v->drops[i] != 0) {
            json_number(drops[i], v->drops[i]);
        }
    }
    json_end();
}

void netview_put_rule(u32 rule)
{
    const struct counters_rule *const u = &copy.all.rule[rule];

    if (u->packets == 0 && u->flows == 0) {
        return;
    }
    json_begin();
    json_number("rule", rule);
    json_number("packets", u->packets);
    json_number("bytes", u->bytes);
    json_number("flows", u->flows);
    json_end();
}

void netview_put_head(void)
{
    json_begin();
    json_number("generation", copy.all.header.generation);
    json_number("rules", copy.all.header.rule_count);
    json_number("taken_ns", copy.all.header.taken_ns);
    json_end();
}
