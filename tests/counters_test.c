/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the router counts, through its pages to Domain0's lines: everything
 * arrives, in numbers of one moment, and pages that lie are not believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guests/domain0/jsonline.h"
#include "guests/domain0/machine.h"
#include "guests/domain0/netview.h"
#include "guests/router/counters.h"
#include "guests/router/router.h"

static struct router router;
static struct filter filter;
static struct states states[2];
static struct rules_header header = { .vif_count = 2, .rule_count = 5 };
static struct rules_vif binding[2] = {
    { .out_first = 0, .out_count = 2, .in_first = 2, .in_count = 1 },
    { .out_first = 3, .out_count = 0, .in_first = 3, .in_count = 2 },
};
static const u8 *offered[COUNTERS_PAGES];
static u32 copies;
static u32 change_at; /* copy number after which the router counts anew */
static struct counters *lie; /* instead of the router's pages */

void machine_offer(u32 ref, const void *page)
{
    assert_true(ref >= COUNTERS_REF && ref < COUNTERS_REF + COUNTERS_PAGES);
    offered[ref - COUNTERS_REF] = page;
}

bool page_copy(u32 domid, u32 grant, void *page)
{
    if (domid != 1 || offered[grant - COUNTERS_REF] == NULL) {
        return false;
    }
    const u8 *const from =
        lie != NULL ? (const u8 *)lie + (grant - COUNTERS_REF) * PAGE_BYTES
                    : offered[grant - COUNTERS_REF];
    memcpy(page, from, PAGE_BYTES);
    if (++copies == change_at) {
        counters_take(&router, 5);
    }
    return true;
}

/* The lines of everything. */
static const char *lines(void)
{
    static char text[JSON_BYTES + 1];
    u32 bytes;

    netview_put_head();
    for (u32 i = 0; i < netview_vifs(); i++) {
        netview_put_vif(i, netview_domid(i) == 1 ? "web" : "db");
    }
    for (u32 i = 0; i < netview_rules(); i++) {
        netview_put_rule(i);
    }
    const u8 *const out = json_waiting(&bytes);
    memcpy(text, out, bytes);
    text[bytes] = '\0';
    json_gone(bytes);
    return text;
}

static int start(void **state)
{
    (void)state;
    memset(&filter, 0, sizeof(filter));
    memset(&router, 0, sizeof(router));
    filter.rules.header = &header;
    filter.rules.vif = binding;
    router.filter = &filter;
    router.rules_generation = 7;
    for (u16 i = 0; i < 2; i++) {
        states_init(&states[i], i);
        filter.states[i] = &states[i];
        router.vif[i] = (struct vif){ .state = VIF_CONNECTED,
                                      .domid = (u16)(i + 1),
                                      .index = i,
                                      .number = i };
    }
    memset(offered, 0, sizeof(offered));
    lie = NULL;
    copies = 0;
    change_at = 0;
    return 0;
}

static void test_everything_arrives(void **state)
{
    (void)state;
    assert_false(netview_take(1)); /* nothing is offered */
    counters_offer();
    assert_false(netview_take(2)); /* it is no router */
    filter.drops[0][DROP_ETH_LLDP] = 1;
    filter.drops[0][DROP_RULE_DEFAULT] = 1ull << 40;
    filter.drops[1][DROP_BIND_IP4] = 9;
    filter.rule_packets[1] = 3;
    filter.rule_bytes[1] = 150;
    filter.rule_packets[4] = 2;
    filter.rule_bytes[4] = 100;
    states[0].count = 3;
    states[0].rule_count[1] = 3;
    states[1].count = 1;
    states[1].rule_count[3] = 1;
    router.vif[0].tx_packets = 5;
    router.vif[0].tx_bytes = 6000000000;
    router.vif[0].denied = 2;
    router.vif[1].rx_packets = 3;
    router.vif[1].state = VIF_CLOSED;
    counters_take(&router, 99);
    assert_true(netview_take(1));
    assert_string_equal(
        lines(),
        "{\"generation\":7,\"rules\":5,\"taken_ns\":99}\n"
        "{\"id\":1,\"name\":\"web\",\"vif\":0,\"state\":\"connected\","
        "\"flows\":3,\"flows_max\":4096,\"sent_packets\":5,"
        "\"sent_bytes\":6000000000,\"received_packets\":0,"
        "\"received_bytes\":0,\"errors\":0,\"no_room\":0,\"refused\":2,"
        "\"drop-ethernet-lldp\":1,\"drop-no-rule\":1099511627776}\n"
        "{\"id\":2,\"name\":\"db\",\"vif\":0,\"state\":\"closed\",\"flows\":1,"
        "\"flows_max\":4096,\"sent_packets\":0,\"sent_bytes\":0,"
        "\"received_packets\":3,\"received_bytes\":0,\"errors\":0,"
        "\"no_room\":0,\"refused\":0,\"drop-spoofed-ipv4\":9}\n"
        "{\"rule\":1,\"packets\":3,\"bytes\":150,\"flows\":3}\n"
        "{\"rule\":3,\"packets\":0,\"bytes\":0,\"flows\":1}\n"
        "{\"rule\":4,\"packets\":2,\"bytes\":100,\"flows\":0}\n");
    /* An interface that is gone leaves nothing behind. */
    router.vif[0].state = VIF_UNUSED;
    counters_take(&router, 100);
    assert_true(netview_take(1));
    assert_int_equal(netview_vifs(), 1);
    assert_int_equal(netview_domid(0), 2);
    router.filter = NULL;
    counters_take(&router, 101);
    assert_true(netview_take(1));
    assert_int_equal(netview_vifs() + netview_rules(), 0);
}

static void test_numbers_of_one_moment(void **state)
{
    (void)state;
    counters_offer();
    counters_take(&router, 1);
    for (u32 at = 1; at <= COUNTERS_PAGES; at++) {
        copies = 0;
        change_at = at;
        assert_true(netview_take(1));
        assert_int_equal(copies, 2 * (COUNTERS_PAGES + 1));
    }
}

static void test_pages_that_lie(void **state)
{
    const struct {
        size_t at;
        u8 value;
    } lies[] = {
        { offsetof(struct counters_header, magic), 'X' },
        { offsetof(struct counters_header, version), 2 },
        { offsetof(struct counters_header, sequence), 1 },
        { offsetof(struct counters_header, drop_count), DROP_COUNT + 1 },
        { offsetof(struct counters_header, vif_count), COUNTERS_VIFS + 1 },
        { offsetof(struct counters_header, rule_count) + 1, 0xff },
    };

    (void)state;
    counters_offer();
    counters_take(&router, 1);
    for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
        u8 *const pages = calloc(COUNTERS_PAGES, PAGE_BYTES);
        memcpy(pages, offered[0], PAGE_BYTES);
        lie = (struct counters *)(void *)pages;
        assert_true(netview_take(1));
        pages[lies[i].at] = lies[i].value;
        assert_false(netview_take(1));
        assert_int_equal(netview_vifs() + netview_rules(), 0);
        /* Numbers alone are shown as they are. */
        memcpy(pages, offered[0], PAGE_BYTES);
        memset(pages + sizeof(struct counters_header), 0xff,
               PAGE_BYTES - sizeof(struct counters_header));
        assert_true(netview_take(1));
        assert_non_null(strstr(lines(), "\"state\":\"?\""));
        free(pages);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_everything_arrives, start),
        cmocka_unit_test_setup(test_numbers_of_one_moment, start),
        cmocka_unit_test_setup(test_pages_that_lie, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
