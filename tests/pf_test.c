/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules as text: what is printed is read as the same; the compiled tables
 * decide as pf.conf(5) says a list of rules decides; blobs that were damaged.
 */
#include "tests/pf_fixture.h"
#include "tests/pfgen.h"

/* ---- text to rule to text ---- */

static void parse(struct fixture *x, const char *text)
{
    struct pf *const pf = x->tenant[0].pf;
    char *const copy = text_copy(text, strlen(text));
    const struct scalar line = { .kind = VALUE_STRING, .text = copy };

    pf_parse_line(pf, &line);
    if (x->set.diags.count != 0) {
        fail_msg("%s: %s", text, x->set.diags.item[0].text);
    }
    free(copy);
}

static char *print(const struct pf_rule *rule)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *const out = open_memstream(&text, &bytes);

    pf_print(out, rule);
    fclose(out);
    return text;
}

static bool sets_equal(const struct pf_set *a, const struct pf_set *b)
{
    return a->count == b->count &&
           (a->count == 0 ||
            memcmp(a->item, b->item, a->count * sizeof(*a->item)) == 0);
}

/* Addresses of a family that the rule has not are left out in print. */
static bool hosts_equal(const struct pf_host *a, const struct pf_host *b,
                        u32 families)
{
    return a->is_any == b->is_any && a->port_count == b->port_count &&
           (a->port_count == 0 ||
            memcmp(a->port, b->port, a->port_count * sizeof(*a->port)) == 0) &&
           ((families & RULE_IP4) == 0 || sets_equal(&a->ip4, &b->ip4)) &&
           ((families & RULE_IP6) == 0 || sets_equal(&a->ip6, &b->ip6));
}

static bool rules_equal(const struct pf_rule *a, const struct pf_rule *b)
{
    return a->ways == b->ways && a->vifs == b->vifs &&
           a->families == b->families && a->is_pass == b->is_pass &&
           a->is_quick == b->is_quick && a->is_log == b->is_log &&
           a->is_state == b->is_state && a->tcp_flags == b->tcp_flags &&
           a->tcp_mask == b->tcp_mask && a->max == b->max &&
           a->is_no_sync == b->is_no_sync && a->proto_count == b->proto_count &&
           memcmp(a->proto, b->proto, a->proto_count) == 0 &&
           a->type_count == b->type_count &&
           memcmp(a->type, b->type, a->type_count * sizeof(*a->type)) == 0 &&
           hosts_equal(&a->from, &b->from, a->families) &&
           hosts_equal(&a->to, &b->to, a->families) &&
           (a->label == NULL) == (b->label == NULL) &&
           (a->label == NULL || strcmp(a->label, b->label) == 0);
}

static u64 rounds(u64 few)
{
    const char *const asked = getenv("PF_ROUNDS");

    return asked != NULL ? strtoull(asked, NULL, 10) : few;
}

static void test_print_is_read_back(void **state)
{
    struct pfgen g = { 0x9e3779b97f4a7c15ull };
    const u64 count = rounds(20000);

    (void)state;
    for (u64 i = 0; i < count;) {
        struct fixture x = { .f = NULL };
        fix_tenant(&x, "web", "bridge=b,ip=10.0.0.2 2001:db8::2", "");
        pf_parse_set(&x.set);
        struct pf *const pf = x.tenant[0].pf;
        for (u32 k = 0; k < 100; k++, i++) {
            struct pftext t;
            gen_rule(&g, &t);
            parse(&x, t.text);
            char *const once = print(&pf->rule[2 * k]);
            parse(&x, once);
            char *const twice = print(&pf->rule[2 * k + 1]);
            if (!rules_equal(&pf->rule[2 * k], &pf->rule[2 * k + 1]) ||
                strcmp(once, twice) != 0) {
                fail_msg("%s\n  %s\n  %s", t.text, once, twice);
            }
            free(once);
            free(twice);
        }
        fix_free_set(&x);
    }
}

/* ---- the tables decide as pf does ---- */

static bool in_set(const struct pf_set *set, struct addr a)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct pf_range *const r = &set->item[i];
        const bool is_low = r->low.high < a.high ||
                            (r->low.high == a.high && r->low.low <= a.low);
        const bool is_high = r->high.high > a.high ||
                             (r->high.high == a.high && r->high.low >= a.low);
        if (is_low && is_high) {
            return true;
        }
    }
    return false;
}

static bool host_matches(const struct pf_host *h, const struct packet *p,
                         struct addr a, u16 port)
{
    bool is_port = h->port_count == 0;

    for (size_t i = 0; i < h->port_count; i++) {
        is_port =
            is_port || (port >= h->port[i].low && port <= h->port[i].high);
    }
    return is_port &&
           (h->is_any || in_set(p->flow.is_ip6 ? &h->ip6 : &h->ip4, a));
}

static bool rule_matches(const struct pf_rule *r, const struct packet *p,
                         u32 way)
{
    bool is_proto = r->proto_count == 0;
    bool is_type = r->type_count == 0;
    const bool is_tcp = p->flow.proto == IP_TCP;

    for (u32 i = 0; i < r->proto_count; i++) {
        is_proto = is_proto || r->proto[i] == p->flow.proto;
    }
    for (u32 i = 0; i < r->type_count; i++) {
        const struct pf_type *const t = &r->type[i];
        is_type = is_type || (t->type == p->icmp_type &&
                              (!t->has_code || t->code == p->icmp_code));
    }
    return (r->ways & way) != 0 &&
           (r->families & (p->flow.is_ip6 ? RULE_IP6 : RULE_IP4)) != 0 &&
           is_proto && is_type &&
           (p->tcp_flags & r->tcp_mask) == r->tcp_flags &&
           (!is_tcp || !r->is_state ||
            (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) &&
           host_matches(&r->from, p, p->flow.from, p->flow.from_port) &&
           host_matches(&r->to, p, p->flow.to, p->flow.to_port);
}

/* pf.conf(5): the last rule that matches decides, a quick one at once. */
static u32 pf_decides(const struct pf *pf, const struct packet *p, u32 way)
{
    u32 last = 0;

    for (u32 i = 0; i < pf->rule_count; i++) {
        if (rule_matches(&pf->rule[i], p, way)) {
            last = i + 1;
            if (pf->rule[i].is_quick) {
                break;
            }
        }
    }
    return last;
}

static void compare(const struct fixture *x, const struct packet *p, bool out)
{
    const u16 quick = filter_decide(x->f, 0, out, p);
    const u16 slow = filter_decide_slowly(&x->f->rules, 0, out, p);
    const u32 want =
        pf_decides(x->tenant[0].pf, p, out ? (u32)PF_OUT : (u32)PF_IN);
    const u32 got = quick == FILTER_NO_RULE ? 0 : x->f->rules.rule[quick].order;

    if (got != want || quick != slow) {
        char text[100];
        packet_text(p, text, sizeof(text));
        if (want != 0) {
            char *const rule = print(&x->tenant[0].pf->rule[want - 1]);
            print_error("%s\n", rule);
            free(rule);
        }
        fail_msg("%s: tables %u, list %u, pf %u", text, quick, slow, want);
    }
}

static void test_tables_decide_as_pf(void **state)
{
    struct pfgen g = { 77 };
    const u64 count = rounds(20000) / 100;

    (void)state;
    for (u64 i = 0; i < count; i++) {
        struct fixture x = { .f = NULL };
        const u32 n = i % 8 == 0 ? 130 : gen(&g, 20);
        fix_tenant(&x, "web", "bridge=b,ip=10.0.0.2 2001:db8::2", "");
        pf_parse_set(&x.set);
        struct tenant *const t = &x.tenant[0];
        free(t->firewall);
        t->firewall = mem_alloc((n + 1) * sizeof(*t->firewall));
        t->firewall_count = n;
        for (u32 k = 0; k < n; k++) {
            struct pftext text;
            gen_rule(&g, &text);
            t->firewall[k].text = text_copy(text.text, text.used);
        }
        pf_free(t->pf);
        t->pf = NULL;
        x.f = fix_load(&x);
        for (u32 k = 0; k < 500; k++) {
            struct packet p;
            gen_packet(&g, &p);
            compare(&x, &p, k % 2 == 0);
        }
        fix_end(&x);
    }
}

/* ---- tables, macros, names ---- */

static bool in_table(const struct pf_table *t, u32 ip)
{
    const struct addr a = { 0, ip };

    return in_set(&t->ip4, a);
}

static void test_tables_and_macros(void **state)
{
    struct fixture x = { .f = NULL };

    (void)state;
    fix_tenant(&x, "web", "bridge=b,ip=10.0.0.2",
               "'table <t> { 10.0.0.0/8, !10.1.0.0/16, 10.1.2.0/24, db }',"
               "'http = \"{ 80, 443 }\"', 'both = { tcp udp }',"
               "'pass out proto $both to <t> port $http',"
               "'set block-policy drop', 'antispoof for vif0', '# none',"
               "'pass in from self to (vif0)'");
    fix_tenant(&x, "db", "bridge=b,ip=192.168.0.1", "");
    x.f = fix_load(&x);
    const struct pf *const pf = x.tenant[0].pf;
    assert_int_equal(pf->rule_count, 2);
    assert_true(in_table(&pf->table[0], 0x0a000001));
    assert_false(in_table(&pf->table[0], 0x0a010001));
    assert_true(in_table(&pf->table[0], 0x0a010201));
    assert_true(in_table(&pf->table[0], 0xc0a80001));
    char *const text = print(&pf->rule[0]);
    assert_string_equal(text, "pass out inet proto { tcp udp } to { "
                              "10.0.0.0/16 10.1.2.0/24 10.2.0.0 - "
                              "10.255.255.255 192.168.0.1 } port { 80 443 }");
    free(text);
    fix_end(&x);
}

/* What forms of ports, addresses and flags come to, in their plain form. */
static void test_forms(void **state)
{
    static const char *const forms[][2] = {
        { "port 22", "port { 22 }" },
        { "port = 22", "port { 22 }" },
        { "port != 22", "port { <= 21 23:65535 }" },
        { "port < 22", "port { <= 21 }" },
        { "port <= 22", "port { <= 22 }" },
        { "port > 22", "port { 23:65535 }" },
        { "port >= 22", "port { 22:65535 }" },
        { "port 22 >< 25", "port { 23:24 }" },
        { "port 22 <> 25", "port { <= 21 26:65535 }" },
        { "port 22:25", "port { 22:25 }" },
        { "port { ssh, 23 https 23:24 }", "port { 22:24 443 }" },
    };
    static const char *const hosts[][2] = {
        { "to 10.0.0.0/8", "inet to { 10.0.0.0/8 }" },
        { "to ! 10.0.0.0/8", "inet to { 0.0.0.0 - 9.255.255.255 11.0.0.0 - "
                             "255.255.255.255 }" },
        { "to { 10.0.0.1 10.0.0.2, 10.0.0.3 }",
          "inet to { 10.0.0.1 - 10.0.0.3 }" },
        { "from 2001:db8::/33 to any", "inet6 from { 2001:db8::/33 }" },
        { "from self", "from { 10.0.0.2 2001:db8::2 }" },
        { "inet from (vif0)", "inet from { 10.0.0.2 }" },
        { "all", "" },
        { "from any to any", "" },
        { "proto tcp flags S/SAFR", "proto tcp flags S/FSRA" },
        { "inet6 proto ipv6-icmp icmp6-type echoreq",
          "inet6 proto icmp6 icmp6-type { 128 }" },
    };
    struct fixture x = { .f = NULL };

    (void)state;
    fix_tenant(&x, "web", "bridge=b,ip=10.0.0.2 2001:db8::2", "");
    pf_parse_set(&x.set);
    const struct pf *const pf = x.tenant[0].pf;
    for (size_t i = 0; i < ARRAY_COUNT(forms) + ARRAY_COUNT(hosts); i++) {
        const bool is_port = i < ARRAY_COUNT(forms);
        const char *const *const form =
            is_port ? forms[i] : hosts[i - ARRAY_COUNT(forms)];
        char *const text =
            text_format(is_port ? "pass proto tcp to %s" : "pass %s", form[0]);
        const char *const blank = form[1][0] != '\0' ? " " : "";
        char *const want = text_format(
            "pass%s%s%s", is_port ? " proto tcp to any" : "", blank, form[1]);
        parse(&x, text);
        char *const got = print(&pf->rule[pf->rule_count - 1]);
        assert_string_equal(got, want);
        free(text);
        free(want);
        free(got);
    }
    fix_free_set(&x);
}

/* ---- hostile blobs ---- */

/* One byte wrong: refused, or every decision stays within the blob. */
static void test_damaged_blobs(void **state)
{
    static struct filter f;
    struct fixture x = { .f = NULL };
    struct pfgen g = { 4711 };
    u32 refused = 0;

    (void)state;
    fix_tenant(&x, "web", "bridge=b,ip=10.0.0.2 2001:db8::2",
               "'block log', 'pass out proto { tcp udp } to { 10.0.0.3 "
               "2001:db8::/64 } port { 22 80:90 } label x',"
               "'pass inet proto icmp icmp-type 8 code 0'");
    x.f = fix_load(&x);
    const u32 bytes = x.f->rules.header->bytes;
    u8 *const blob = malloc(bytes);
    for (u32 i = 0; i < 20000; i++) {
        memcpy(blob, x.f->blob, bytes);
        blob[gen(&g, bytes)] ^= (u8)(1u << gen(&g, 8));
        if (i % 4 == 0) {
            blob[gen(&g, bytes)] = (u8)gen(&g, 256);
        }
        if (filter_load(&f, blob, bytes) != NULL) {
            refused++;
            continue;
        }
        for (u32 k = 0; k < 10; k++) {
            struct packet p;
            gen_packet(&g, &p);
            assert_int_equal(filter_decide(&f, 0, k % 2 == 0, &p),
                             filter_decide_slowly(&f.rules, 0, k % 2 == 0, &p));
        }
    }
    assert_in_range(refused, 5000, 19000);
    for (u32 cut = 0; cut < bytes; cut++) {
        assert_non_null(filter_load(&f, blob, cut));
    }
    free(blob);
    fix_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_is_read_back),
        cmocka_unit_test(test_tables_decide_as_pf),
        cmocka_unit_test(test_tables_and_macros),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_damaged_blobs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
