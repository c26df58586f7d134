/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest in Domain0's place that looks at the log from its caller's side.
 *
 *   mode=full   privileged acts (the right of none is dropped), one after the
 *               other, until one is refused for want of room in the log; then
 *               until one finds room again. The second vCPU counts what time
 *               it gets meanwhile.
 *
 *   mode=liar   acknowledgements of what it was not given, and of less than
 *               before; then none, until nobody waits for it any more; then
 *               acts, and what it reads
 *   mode=cost   time-stamp counts (instructions, under --icount) of an act with
 *               its two records, and of a call without any that does as little
 *   mode=tenant no privileges: it sleeps until it is ended
 *
 * Domain 1 is destroyed at the end, with slots that are kept for that.
 */
#include "audit/record.h"
#include "guests/lib/guest.h"
#include "guests/lib/smp.h"

#define NS_PER_MS 1000000ull
#define GAP_NS 30000000ull /* between two looks at the clock: others ran */
#define EAGAIN 11
#define EFAULT 14
#define EINVAL 22
#define TRIES 100000u

static volatile u64 ran_ns;

/* On the second vCPU: the time that it has run. */
static void count_time(void)
{
    u64 before = time_ns();
    for (u32 i = 0; i < 1000; i++) {
        const u64 now = time_ns();
        if (now - before < GAP_NS) {
            ran_ns += now - before;
        }
        before = now;
    }
}

/* Its answer, and how long it took. */
static s64 act(u64 *took_ns)
{
    struct arg_rights none = { 0 };
    const u64 before = time_ns();
    const s64 rc = call_rights_drop(0, &none);
    *took_ns = time_ns() - before;
    return rc;
}

static void say_number(const char *text, u64 n)
{
    say(text);
    say_dec((s64)n);
}

static void fill_log(void)
{
    u64 acts = 0;
    u64 longest = 0;
    u64 took = 0;
    u64 ran = 0;
    s64 rc = 0;
    while (rc == 0 && acts < TRIES) {
        longest = took > longest ? took : longest;
        ran = ran_ns;
        rc = act(&took);
        acts += rc == 0 ? 1 : 0;
    }
    say_number("clerk: ", acts);
    say_number(" acts, the longest waited ms ", longest / NS_PER_MS);
    say_number("; then ", (u64)rc);
    say_number(" after ms ", took / NS_PER_MS);
    say(rc == -EAGAIN && took >= 5000 * NS_PER_MS ? ": waited\n" : ": NOT\n");
    say_number("clerk: the other vCPU ran ms ", (ran_ns - ran) / NS_PER_MS);
    say(ran_ns - ran > took / 4 ? ": went on\n" : ": NOT\n");
    u64 refused = 0;
    do {
        refused += rc == -EAGAIN ? 1 : 0;
        rc = act(&took);
    } while (rc == -EAGAIN && refused < 100);
    acts += rc == 0 ? 1 : 0;
    say_number("clerk: room again, acts ", acts);
    say_number(" refused ", refused);
    say("\n");
}

static s64 ack(u64 seq)
{
    struct arg_audit_ack a = { seq };
    return call_audit_ack(0, &a);
}

/* How many bytes were read from seq on, or the error. */
static s64 read_log(u64 seq, u32 bytes, u64 buffer)
{
    struct arg_audit_read a = { .seq = seq, .bytes = bytes, .buffer = buffer };
    const s64 rc = call_audit_read(0, &a);
    return rc == 0 ? (s64)a.bytes : rc;
}

static void expect(const char *what, bool good)
{
    say(good ? "clerk: ok " : "clerk: NOT ");
    say(what);
    say("\n");
}

static void lie(void)
{
    static struct audit_record r;
    const u64 to = (u64)(uintptr_t)&r;
    u64 took;
    sleep_until(time_ns() + 1500 * NS_PER_MS); /* for records to leave */
    expect("nothing acknowledged before it is read", ack(1) == -1);
    expect("not into the hypervisor", read_log(0, 256, HV_START) == -EFAULT);
    expect("no record in too little room", read_log(0, 100, to) == 0);
    expect("the first record", read_log(0, 256, to) >= 160 && r.seq == 0);
    expect("not beyond what was read", ack(2) == -EINVAL);
    expect("not far beyond", ack(~0ull) == -EINVAL);
    expect("what was read", ack(1) == 0);
    expect("nothing back", ack(0) == -EINVAL);
    expect("no record that is free again",
           read_log(0, 256, to) >= 160 && r.seq == 1);
    expect("out of order", read_log(3, 256, to) >= 160 && r.seq == 3);
    expect("which is not to be acknowledged", ack(4) == -EINVAL);
    const u64 from = time_ns();
    while (ack(2) != -1 && time_ns() - from < 100000 * NS_PER_MS) {
        sleep_until(time_ns() + 500 * NS_PER_MS);
    }
    say_number("clerk: given up after s ", (time_ns() - from) / 1000000000);
    say("\n");
    expect("nothing more to read", read_log(0, 256, to) == 0);
    for (u32 i = 0; i < 600; i++) { /* more than there are slots */
        if (act(&took) != 0) {
            expect("acts go on", false);
        }
    }
    expect("acts go on without it", true);
}

static u64 counter(void)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}

#define COUNTED 101u

/* Middle one of them. */
static u64 median(u64 *of)
{
    for (u32 i = 1; i < COUNTED; i++) {
        for (u32 k = i; k > 0 && of[k] < of[k - 1]; k--) {
            const u64 swap = of[k];
            of[k] = of[k - 1];
            of[k - 1] = swap;
        }
    }
    return of[COUNTED / 2];
}

/* Few enough for the log to have room, and far apart: records leave between. */
static void count_cost(void)
{
    static u64 with[COUNTED], without[COUNTED];
    struct arg_rights none = { 0 };
    struct arg_audit_ack nothing = { 0 };
    (void)read_log(0, 0, 0); /* from then on it may acknowledge */
    for (u32 i = 0; i < COUNTED; i++) {
        sleep_until(time_ns() + 50 * NS_PER_MS);
        (void)call_audit_ack(0, &nothing); /* what is due when one wakes */
        const u64 from = counter();
        const s64 rc = call_audit_ack(0, &nothing);
        const u64 between = counter();
        (void)call_rights_drop(0, &none);
        with[i] = counter() - between;
        without[i] = between - from;
        if (rc != 0) {
            expect("nothing is acknowledged", false);
            return;
        }
    }
    const u64 cost = median(with) - median(without);
    say_number("clerk: an act costs ", median(with));
    say_number(", without records ", median(without));
    say_number(": records ", cost);
    say(cost <= 2500 ? ": within 2500\n" : ": NOT within 2500\n");
}

void guest_main(void)
{
    struct arg_domain_of tenant = { 1 };
    while (text_equal(option("mode"), "tenant")) {
        sleep_until(time_ns() + 1000 * NS_PER_MS);
    }
    if (text_equal(option("mode"), "full")) {
        (void)vcpus_start(2);
        others_run(count_time);
        fill_log();
        others_stop();
    } else if (text_equal(option("mode"), "cost")) {
        count_cost();
    } else {
        lie();
    }
    const s64 rc = call_domain_destroy(0, &tenant);
    say_number("clerk: destroys: ", (u64)rc);
    say("\n");
    for (;;) {
        sleep_until(time_ns() + 1000 * NS_PER_MS);
    }
}
