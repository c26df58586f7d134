/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control channel: see control.h. What takes longer than a moment is a job
 * that goes on with each round; there is one at a time.
 */
#include "guests/domain0/control.h"
#include "guests/domain0/bytes.h"
#include "guests/domain0/collect.h"
#include "guests/domain0/jsonline.h"
#include "guests/domain0/life.h"
#include "guests/domain0/line.h"
#include "guests/domain0/machine.h"
#include "guests/domain0/netview.h"
#include "guests/domain0/nodes.h"
#include "guests/domain0/rules.h"
#include "guests/domain0/storeview.h"
#include "guests/domain0/txn.h"
#include "guests/domain0/watch.h"
#include "guests/lib/guest.h"

#define RESTART_NS 10000000000ull
#define LEAVE_NS 2000000000ull

enum job { NO_JOB, LIST, RESTART, RULES, SHOW, STORE, NET, LEAVE, AUDIT };

static struct {
    enum job job;
    bool with_stats; /* LIST */
    bool is_rules;   /* NET: of rules, not of interfaces */
    u32 next;        /* LIST: domain; SHOW: byte; NET */
    u32 domid;       /* RESTART */
    u64 generation;  /* SHOW */
    u64 served_before, until_ns;
} now;

static const char *line; /* the request, or a line of its rules */

/* ---- answers ---- */

static void end_answer(void)
{
    json_empty_line();
    now.job = NO_JOB;
}

static void answer_ok(void)
{
    json_begin();
    json_bool("ok", true);
    json_end();
    end_answer();
}

static void answer_error(const char *text)
{
    json_begin();
    json_name("error", text);
    json_end();
    end_answer();
}

static const char *error_text(s64 rc)
{
    switch (rc) {
    case -1: /* EPERM */
        return "not permitted";
    case -3: /* ESRCH */
        return "no such domain";
    case -16: /* EBUSY */
        return "not in a state to do that";
    case -11: /* EAGAIN */
        return "not now, try again";
    default:
        return "refused";
    }
}

static void answer_rc(s64 rc)
{
    if (rc == 0) {
        answer_ok();
    } else {
        answer_error(error_text(rc));
    }
}

static void list_stats(u32 d)
{
    const struct tenant *const t = &tenant[d];
    const struct client *const c = &client[d];
    static const char *const rings[] = { "closed", "open", "broken" };
    json_name("console", rings[t->console.state]);
    json_number("console_out_bytes", t->console.out_bytes);
    json_number("console_in_bytes", t->console.in_bytes);
    json_number("console_lost_bytes", t->console.lost_bytes);
    json_name("store", rings[t->wire.state]);
    json_number("store_restored", t->restored);
    json_bool("store_is_saved", t->is_saved);
    json_number("store_requests", c->requests);
    json_number("store_errors", c->errors);
    json_number("store_nodes", c->nodes);
    json_number("store_bytes", (u64)c->blocks * BLOCK_BYTES);
    json_number("store_watches", c->watches);
    json_number("store_transactions", c->txns);
}

static void list_domain(u32 d)
{
    const struct tenant *const t = &tenant[d];
    json_begin();
    json_number("id", d);
    json_name("name", t->name);
    json_name("role", life_role_name(t->role));
    json_name("state", life_state_name(t->state));
    json_number("end_reason", t->end_reason);
    json_number("incarnation", t->incarnation);
    json_number("cpu_ns", t->cpu_ns);
    json_number("refused", t->refused);
    json_number("frames", t->frames);
    json_number("frames_max", t->frames_max);
    json_number("vcpus", t->vcpus);
    if (now.with_stats) {
        list_stats(d);
    }
    json_end();
}

/* ---- requests ---- */

/* What follows the word in the line, or NULL when it begins otherwise. */
static const char *after(const char *word)
{
    u32 i = 0;
    for (; word[i] != '\0'; i++) {
        if (line[i] != word[i]) {
            return NULL;
        }
    }
    return line + i;
}

static void begin_list(bool with_stats)
{
    now.job = LIST;
    now.with_stats = with_stats;
    now.next = 0;
}

static void begin_restart(u32 d)
{
    struct arg_domain_of a = { (u16)d };
    const bool runs =
        tenant[d].state == LIFE_RUNNING || tenant[d].state == LIFE_PAUSED;
    now.until_ns = time_ns() + RESTART_NS;
    now.domid = d;
    now.served_before = runs ? tenant[d].served : 0;
    if (d == 0) { /* the answer goes out before we do */
        answer_ok();
        now.job = LEAVE;
        now.until_ns = time_ns() + LEAVE_NS;
        return;
    }
    const s64 rc = runs ? call_domain_destroy(0, &a) : call_domain_start(0, &a);
    if (rc != 0) {
        answer_rc(rc);
    } else {
        now.job = RESTART;
    }
}

static void begin_shutdown(u32 d)
{
    if (tenant[d].served == 0 || tenant[d].wire.state != WIRE_OPEN) {
        answer_error("it does not use the store");
        return;
    }
    nodes_ask_shutdown(d, "poweroff");
    answer_ok();
}

/* pause, unpause, destroy, start, restart, shutdown. False: it is none of
 * these. */
static bool begin_act(void)
{
    static const char *const acts[] = { "pause ", "unpause ", "destroy ",
                                        "start ", "restart ", "shutdown " };
    u32 act = 0;
    while (act < ARRAY_COUNT(acts) && after(acts[act]) == NULL) {
        act++;
    }
    if (act == ARRAY_COUNT(acts)) {
        return false;
    }
    life_scan();
    struct arg_domain_of a = { (u16)life_find(after(acts[act])) };
    if (a.domid == CLIENTS_MAX) {
        answer_error("no such domain");
    } else if (act == 4) {
        begin_restart(a.domid);
    } else if (a.domid == 0) {
        answer_error("Domain0 can only be restarted");
    } else if (act == 5) {
        begin_shutdown(a.domid);
    } else {
        answer_rc(act == 0   ? call_domain_pause(0, &a)
                  : act == 1 ? call_domain_unpause(0, &a)
                  : act == 2 ? call_domain_destroy(0, &a)
                             : call_domain_start(0, &a));
    }
    return true;
}

static void begin_rules(const char *text)
{
    u32 bytes = 0;
    for (; *text >= '0' && *text <= '9' && bytes < RULES_BYTES_MAX; text++) {
        bytes = bytes * 10 + (u32)(*text - '0');
    }
    if (!rules_begin(bytes, text)) {
        answer_error("a size that no rule set has, or no digest");
        return;
    }
    now.job = RULES;
}

static void begin_store(const char *text)
{
    if (!storeview_begin(text)) {
        answer_error("not a path of the store");
        return;
    }
    now.job = STORE;
}

/* What the router counts. */
static void begin_net(bool is_rules)
{
    u32 d = 0;
    life_scan();
    while (d < tenant_count &&
           (tenant[d].role != ROLE_ROUTER || tenant[d].state != LIFE_RUNNING)) {
        d++;
    }
    if (d == tenant_count || !netview_take(d)) {
        answer_error("no router that counts");
        return;
    }
    now.job = NET;
    now.is_rules = is_rules;
    now.next = 0;
    if (is_rules) {
        netview_put_head();
    }
}

/* The rest of a rule set that was refused, or nothing: no answer. */
static bool is_rest_of_rules(void)
{
    u32 i = 0;
    while ((line[i] >= '0' && line[i] <= '9') ||
           (line[i] >= 'a' && line[i] <= 'f')) {
        i++;
    }
    return line[i] == '\0';
}

static void begin_request(void)
{
    if (!line_is_whole()) {
        answer_error("too long a request");
        return;
    }
    if (is_rest_of_rules()) {
        return;
    }
    if (text_equal(line, "ps")) {
        begin_list(false);
    } else if (text_equal(line, "stats")) {
        begin_list(true);
    } else if (text_equal(line, "audit")) {
        now.job = AUDIT;
        collect_show();
    } else if (text_equal(line, "net")) {
        begin_net(false);
    } else if (text_equal(line, "net rules")) {
        begin_net(true);
    } else if (text_equal(line, "rules")) {
        now.job = SHOW;
        now.next = 0;
    } else if (after("rules ") != NULL) {
        begin_rules(after("rules "));
    } else if (after("store ls ") != NULL) {
        begin_store(after("store ls "));
    } else if (!begin_act()) {
        answer_error("no such request");
    }
}

/* ---- jobs ---- */

static void go_on_list(void)
{
    if (now.next == 0) {
        life_scan();
    }
    while (now.next < tenant_count && json_has_room()) {
        if (tenant[now.next].state != LIFE_NONE) {
            list_domain(now.next);
        }
        now.next++;
    }
    if (now.next >= tenant_count && json_has_room()) {
        end_answer();
    }
}

static void go_on_restart(void)
{
    struct arg_domain_of a = { (u16)now.domid };
    const struct tenant *const t = &tenant[now.domid];
    life_scan();
    if (t->served != 0 && t->served != now.served_before) {
        answer_ok();
    } else if (time_ns() > now.until_ns) {
        answer_error("it did not come back");
    } else if (t->state == LIFE_ENDED) {
        const s64 rc = call_domain_start(0, &a);
        if (rc != 0 && rc != -16) {
            answer_rc(rc);
        }
    }
}

static void go_on_show(void)
{
    u8 part[RULES_PART];
    u64 generation;
    u32 bytes;
    while (now.job == SHOW && json_has_room()) {
        const s64 rc = rules_part(now.next, part, &generation, &bytes);
        json_begin();
        if (now.next == 0) {
            now.generation = generation;
            json_number("generation", generation);
            json_number("bytes", bytes);
        }
        json_digest("part", part);
        json_end();
        now.next += RULES_PART;
        if (rc != 0 || generation != now.generation) {
            answer_rc(rc != 0 ? rc : -11);
        } else if (now.next >= bytes) {
            end_answer();
        }
    }
}

static void go_on_net(void)
{
    const u32 count = now.is_rules ? netview_rules() : netview_vifs();
    for (; now.next < count && json_has_room(); now.next++) {
        if (now.is_rules) {
            netview_put_rule(now.next);
        } else {
            const u32 d = netview_domid(now.next);
            netview_put_vif(now.next, d < tenant_count ? tenant[d].name : "");
        }
    }
    if (now.next == count && json_has_room()) {
        end_answer();
    }
}

static void go_on_rules(void)
{
    u32 bytes;
    while (now.job == RULES && (line = line_take(&bytes)) != NULL) {
        if (!rules_hex(line, bytes)) {
            answer_error("not lines of hex digits of the size announced");
        } else if (rules_are_whole()) {
            u64 generation;
            u8 digest[32];
            const s64 rc = rules_commit(&generation, digest);
            if (rc != 0) {
                answer_rc(rc);
                return;
            }
            json_begin();
            json_bool("ok", true);
            json_number("generation", generation);
            json_digest("digest", digest);
            json_end();
            end_answer();
        }
    }
}

static void go_on_store(void)
{
    switch (storeview_put()) {
    case STOREVIEW_END:
        end_answer();
        break;
    case STOREVIEW_NOTHING:
        answer_error("no such node");
        break;
    case STOREVIEW_MORE:
    default:
        break;
    }
}

/* True: all is out. */
static bool write_out(void)
{
    u32 bytes;
    for (;;) { /* each turn takes something */
        const u8 *const from = json_waiting(&bytes);
        const u32 taken = bytes != 0 ? line_write(0, from, bytes) : 0;
        if (taken == 0) {
            return bytes == 0;
        }
        json_gone(taken);
    }
}

static void leave(void)
{
    if (write_out() || time_ns() > now.until_ns) {
        struct arg_sched_shutdown a = { SHUTDOWN_REBOOT };
        (void)call_sched_shutdown(0, &a);
    }
}

/* ---- a round ---- */

static void go_on(void)
{
    switch (now.job) {
    case LIST:
        go_on_list();
        break;
    case RESTART:
        go_on_restart();
        break;
    case RULES:
        go_on_rules();
        break;
    case SHOW:
        go_on_show();
        break;
    case STORE:
        go_on_store();
        break;
    case NET:
        go_on_net();
        break;
    case LEAVE:
        leave();
        break;
    case AUDIT:
        if (collect_put()) {
            end_answer();
        }
        break;
    case NO_JOB:
    default:
        break;
    }
}

bool control_work(u64 *due_ns)
{
    u32 bytes;
    bool began = false;
    (void)write_out();
    if (now.job == NO_JOB && json_has_room() &&
        (line = line_take(&bytes)) != NULL) {
        began = true;
        begin_request();
    }
    if (json_has_room()) {
        go_on();
    }
    (void)write_out();
    const u64 soon = time_ns() + 20000000ull;
    if ((now.job == RESTART || now.job == LEAVE) && soon < *due_ns) {
        *due_ns = soon; /* their end is not always an event */
    }
    return began;
}

void control_first_rules(const u8 *rules, u32 bytes)
{
    if (!rules_first(rules, bytes)) {
        log_line("domain0: the rules of the boot module were not taken");
    }
}
