/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the filter's place for the router's tests: a switch by the last byte of a
 * MAC address, which is the domain's number, and blocks the receivers that a
 * test names.
 */
#ifndef TESTS_ROUTER_STANDIN_H
#define TESTS_ROUTER_STANDIN_H

#include "tests/router_fixture.h"

static struct rules_header header;
static struct rules_vif binding[DOMS];
static bool blocked[DOMS]; /* as receivers */
static bool is_logged;     /* by the rule that decides */
static enum drop malformed;
static u32 dropped[DOMS][DROP_COUNT];
static u32 forgotten[DOMS + 1]; /* by domain */
static u32 resumed[DOMS];

const char *filter_load(struct filter *f, const void *blob, u32 bytes)
{
    (void)bytes;
    f->rules = (struct rules){ .header = &header, .vif = binding };
    return blob;
}

void filter_attach(struct filter *f, u32 vif, struct states *states)
{
    f->states[vif] = states;
}

void filter_take_over(struct filter *f, const struct filter *old)
{
    (void)f;
    (void)old;
}

void filter_count(struct filter *f, u32 from, enum drop drop)
{
    (void)f;
    dropped[from][drop]++;
}

void filter_forget(struct filter *f, u16 domid)
{
    assert_non_null(f);
    forgotten[domid]++;
}

void filter_resume(struct filter *f, u32 vif, u64 now_ns)
{
    assert_non_null(f);
    assert_int_equal(now_ns, fake.now);
    resumed[vif]++;
}

void states_init(struct states *states, u64 secret)
{
    states->secret = secret;
}

u32 rules_find(const struct rules *rules, u32 domid, u32 handle)
{
    for (u32 i = 0; i < header.vif_count; i++) {
        if (binding[i].domid == domid && binding[i].handle == handle) {
            return i;
        }
    }
    (void)rules;
    return RULES_NO_VIF;
}

enum drop packet_parse(struct packet *out, const u8 *bytes, u32 have,
                       u32 frame_bytes)
{
    assert_true(have >= 14 && have <= frame_bytes);
    memset(out, 0, sizeof(*out));
    memcpy(out->to_mac, bytes, 6);
    memcpy(out->from_mac, bytes + 6, 6);
    out->is_group = bytes[0] % 2 == 1;
    return malformed;
}

enum drop filter_source(struct filter *f, u32 from, const struct packet *p)
{
    (void)f;
    return p->from_mac[5] == binding[from].domid ? DROP_NONE : (enum drop)1;
}

bool filter_accepts(const struct filter *f, u32 to, const struct packet *p)
{
    (void)f;
    return p->is_group || p->to_mac[5] == binding[to].domid;
}

bool filter_pass(struct filter *f, u32 from, u32 to, const struct packet *p,
                 u64 now_ns, struct filter_answer *a)
{
    (void)f;
    (void)from;
    (void)p;
    (void)now_ns;
    *a = (struct filter_answer){ .rule = 3, .is_log = is_logged };
    a->drop = blocked[binding[to].domid] ? DROP_RULE : DROP_NONE;
    return a->drop == DROP_NONE;
}

u32 filter_text(const struct filter *f, const struct packet *p,
                const struct filter_answer *a, char *text, u32 room)
{
    (void)f;
    (void)p;
    return (u32)snprintf(text, room, "%s by %u",
                         a->drop == DROP_NONE ? "said" : "denied", a->rule);
}

/* ---- begin -----------------------------------------------------------------
 */

static void look(void)
{
    assert_true(backend_look(&router));
}

static void turn(void)
{
    wake = U64_MAX;
    (void)switch_turn(&router, &wake);
}

static void begin_router(void)
{
    memset(&router, 0, sizeof(router));
    memset(fake.mapped, 0, sizeof(fake.mapped));
    memset(fake.port_of, 0, sizeof(fake.port_of));
    for (u32 i = 0; i < RULES_VIFS_MAX; i++) {
        router.vif_of[i] = NO_VIF;
    }
    xs_open(&router.xs, &store_ring, 1);
    assert_null(ruleset_take(&router, NULL, 0, 1));
}

static void begin(u32 count)
{
    memset(&fake, 0, sizeof(fake));
    memset(&store_ring, 0, sizeof(store_ring));
    memset(blocked, 0, sizeof(blocked));
    memset(binding, 0, sizeof(binding));
    memset(dropped, 0, sizeof(dropped));
    memset(forgotten, 0, sizeof(forgotten));
    memset(resumed, 0, sizeof(resumed));
    is_logged = false;
    malformed = DROP_NONE;
    header.vif_count = (u16)count;
    for (u32 i = 0; i < count; i++) {
        binding[i].domid = (u16)(i + 1);
    }
    fake.now = 1000000000;
    begin_router();
}

/* Front-ends 1 to count, connected. */
static void begin_connected(u32 count)
{
    begin(count);
    for (u32 dom = 1; dom <= count; dom++) {
        front_ready(dom);
        front_set(dom, "state", "4");
    }
    look();
    for (u32 dom = 1; dom <= count; dom++) {
        assert_string_equal(back_get(dom, "state"), "4");
        assert_int_equal(fake.port_of[dom], 20 + dom);
    }
}

static inline u32 windows_used(void)
{
    u32 used = 0;

    for (u32 i = 0; i < MACHINE_WINDOWS; i++) {
        used += fake.mapped[i] != 0;
    }
    return used;
}

#endif
