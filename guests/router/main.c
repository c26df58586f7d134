/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router: a domain that carries frames between tenants' interfaces, as far
 * as the rules let it. It has two rights, to read the rules and to connect to
 * what others grant it.
 *
 * One loop: serve every ring, sleep until somebody has something, now and then
 * look at the store. Each second it looks at everything, told or not.
 */
#include "core/atomic.h"
#include "guests/lib/guest.h"
#include "guests/router/line.h"
#include "guests/router/router.h"

#define VIRQ_RULES 16u
#define PART_BYTES 2048u
#define NS_PER_MS 1000000ull
#define LOOK_NS (1000 * NS_PER_MS)
#define RETRY_NS (250 * NS_PER_MS)
#define REAP_NS (200 * NS_PER_MS)
#define COUNT_NS (1000 * NS_PER_MS)
#define REST_NS                                                                \
    (10 * NS_PER_MS) /* between looks, whoever writes to the store */

static struct router router;
static u64 blob[RULES_BYTES_MAX / 8];
static u32 rules_port;

/* ---- sleep -----------------------------------------------------------------
 */

static void poll_ports(u64 until)
{
    static u32 ports[VIFS_MAX + 2];
    u32 count = 0;
    ports[count++] = router.xs.port;
    if (rules_port != 0) {
        ports[count++] = rules_port;
    }
    for (u32 i = 0; i < VIFS_MAX; i++) {
        if (router.vif[i].state == VIF_CONNECTED) {
            ports[count++] = router.vif[i].port;
        }
    }
    struct arg_sched_poll a = { .ports = (u64)(uintptr_t)ports,
                                .nr_ports = count,
                                .timeout = until };
    (void)call_sched_poll(0, &a);
}

void machine_wait(u64 until_ns)
{
    u64 wake = until_ns;
    if (!switch_turn(&router, &wake) && wake > machine_now()) {
        poll_ports(wake);
    }
    /* Cleared before the rings are looked at: what comes later is pending. */
    (void)machine_pending(router.xs.port);
    for (u32 i = 0; i < VIFS_MAX; i++) {
        if (router.vif[i].state == VIF_CONNECTED) {
            (void)machine_pending(router.vif[i].port);
        }
    }
}

/* ---- rules -----------------------------------------------------------------
 */

/* Generation and bytes of the rules in force; false: there are none. */
static bool ask_rules(u64 *generation, u32 *total)
{
    struct arg_rules_read a = { .buffer = (u64)(uintptr_t)blob };
    if (call_rules_read(0, &a) != 0 || a.generation == 0) {
        return false;
    }
    *generation = a.generation;
    *total = a.total;
    return a.total <= sizeof(blob);
}

/* All of them into blob; false when they change meanwhile. */
static bool read_rules(u64 generation, u32 total)
{
    for (u32 at = 0; at < total; at += PART_BYTES) {
        const u32 left = total - at;
        struct arg_rules_read a = { .offset = at,
                                    .bytes =
                                        left < PART_BYTES ? left : PART_BYTES,
                                    .buffer = (u64)(uintptr_t)blob + at };
        if (call_rules_read(0, &a) != 0 || a.generation != generation) {
            return false;
        }
    }
    return true;
}

static void say_rules(u64 generation, const char *wrong)
{
    struct line t = { 0 };
    line_add(&t, "rules ");
    line_add_number(&t, generation);
    line_add(&t, wrong != NULL ? " refused: " : " in force");
    line_add(&t, wrong != NULL ? wrong : "");
    machine_say(t.chars);
}

static void look_at_rules(void)
{
    u64 generation = 0;
    u32 total = 0;
    if (ask_rules(&generation, &total) &&
        generation != router.rules_generation &&
        read_rules(generation, total)) {
        say_rules(generation, ruleset_take(&router, blob, total, generation));
        router.xs.changed = true;
    }
}

/* ---- begin -----------------------------------------------------------------
 */

static bool somebody_lied(void)
{
    for (u32 i = 0; i < VIFS_MAX; i++) {
        const struct vif *v = &router.vif[i];
        if (v->state == VIF_CONNECTED &&
            (v->tx.lie != NETRING_OK || v->rx.lie != NETRING_OK)) {
            return true;
        }
    }
    return false;
}

void guest_main(void)
{
    struct arg_evtchn_virq virq = { .virq = VIRQ_RULES };
    u64 look_at = 0;
    u64 reap_at = 0;
    u64 count_at = 0;
    u64 rest_until = 0;
    if (call_evtchn_bind_virq(0, &virq) == 0) {
        rules_port = virq.port;
    }
    for (u32 i = 0; i < RULES_VIFS_MAX; i++) {
        router.vif_of[i] = NO_VIF;
    }
    xs_open(&router.xs, page_of_frame(start_info->store_mfn),
            start_info->store_evtchn);
    counters_offer();
    machine_say("router begins");
    for (;;) {
        const u64 now = machine_now();
        if (machine_pending(rules_port) || now >= look_at) {
            look_at_rules();
        }
        if (now >= count_at) {
            counters_take(&router, now);
            count_at = now + COUNT_NS;
        }
        xs_look(&router.xs);
        const bool is_due =
            router.xs.changed || now >= look_at || somebody_lied();
        if (is_due && now >= rest_until) {
            look_at = now + (backend_look(&router) ? LOOK_NS : RETRY_NS);
            rest_until = machine_now() + REST_NS;
            continue;
        }
        if (now >= reap_at) {
            router.xs.changed |= backend_reap(&router);
            reap_at = now + REAP_NS;
        }
        u64 next = look_at < reap_at ? look_at : reap_at;
        next = count_at < next ? count_at : next;
        machine_wait(is_due && rest_until < next ? rest_until : next);
    }
}
