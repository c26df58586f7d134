/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest in Domain0's place, with all of Domain0's rights, that wants a
 * tenant's memory, registers and life. The tenant is the victim
 * (guests/victim), whose memory is full of words that follow from each other,
 * so that a page of it is known when it is seen.
 *
 * It finds the tenant by domain_info and takes the rings that it offers; the
 * mapping tells their frame, and so where the tenant's memory is. Then it makes
 * the attempts of attempts.def in order. Each says `ok`, or `NOT OK` and why;
 * the last line says how many there were and how many bytes of the tenant's
 * pattern were seen in whatever it could map or copy. When the tenant has had
 * time to notice, it is told to end, as by a key pressed at its console.
 */
#include "guests/hostile0/hostile0.h"
#include "guests/lib/refusals.h"

#define DOMAINS_MAX 64u
#define PATTERN_STEP 0x9e3779b97f4a7c15ull /* word to word: guests/victim */
#define AROUND 2048u                       /* frames */
#define STATE_RUNNING 2u
#define LIVED_NS 100000000ull  /* then its memory is full of the pattern */
#define PEACE_NS 2000000000ull /* for the tenant to look at all it has */

enum record { QUIET, REFUSED, INTENT };

static const struct {
    const char *name, *what;
    s64 (*make)(void);
    s64 expected;
    enum record record;
} attempts[] = {
#define ATTEMPT(name, expected, record, what)                                  \
    { #name, what, try_##name, expected, record },
#include "guests/hostile0/attempts.def"
};

struct prey prey;
u8 window[PAGE_BYTES] __attribute__((aligned(4096)));
u8 bytes[PAGE_BYTES] __attribute__((aligned(4096)));
u64 asked;
static u8 ring[PAGE_BYTES] __attribute__((aligned(4096)));
static u64 obtained;

/* ---- what attempts share
 * ---------------------------------------------------- */

u64 pattern_bytes(const volatile u64 *words, u64 count)
{
    u64 found = 0;
    for (u64 i = 1; i < count; i++) {
        found += words[i] - words[i - 1] == PATTERN_STEP ? sizeof(*words) : 0;
    }
    return found;
}

void look(const volatile void *page)
{
    obtained += pattern_bytes(page, PAGE_BYTES / 8);
}

s64 both(s64 a, s64 b)
{
    asked++;
    return a == b ? a : MIXED;
}

s64 each(s64 (*f)(u64), u64 first, u64 beyond)
{
    s64 answer = f(first);
    for (u64 n = first + 1; n < beyond; n++) {
        answer = both(answer, f(n));
    }
    return answer;
}

s64 each_frame(s64 (*f)(u64))
{
    const u64 own = *(const u64 *)start_info->mfn_list;
    const u64 own_end = own + start_info->nr_pages;
    s64 answer = f(prey.ring);
    for (u64 n = prey.first; n < prey.beyond; n++) {
        if (n < own || n >= own_end) {
            answer = both(answer, f(n));
        }
    }
    return answer;
}

/* ---- the tenant
 * ------------------------------------------------------------- */

static bool find(void)
{
    struct arg_domain_info a = { .domid = 1 };
    for (; a.domid < DOMAINS_MAX; a.domid++) {
        if (call_domain_info(0, &a) == 0 &&
            text_equal((const char *)&a.name, option("prey"))) {
            prey.domid = a.domid;
            prey.console_port = a.console_port;
            prey.store_port = a.store_port;
            return a.state == STATE_RUNNING && a.cpu_ns > LIVED_NS;
        }
    }
    return false;
}

/* What is offered can be had: the console's ring, mapped. */
static bool take_ring(void)
{
    struct arg_gnttab_map m = { .host_addr = va_of(ring),
                                .flags = MAP_HOST,
                                .ref = REF_CONSOLE,
                                .dom = prey.domid };
    if (map_va(va_of(ring), 0, UVMF_INVLPG) != 0 ||
        call_grant_map(&m, 1, NULL) != 0 || m.status != 0) {
        return false;
    }
    prey.ring = m.dev_bus_addr >> PAGE_BITS;
    prey.first = prey.ring - AROUND;
    prey.beyond = prey.ring + AROUND;
    return true;
}

/* What the ring is offered for: say to the tenant that it shall end. */
static void type_poweroff(void)
{
    static const char text[] = "poweroff -f\r";
    struct console_ring *const r = (void *)ring;
    u32 prod = r->in_prod;
    for (u32 i = 0; i < sizeof(text) - 1; i++) {
        *(volatile char *)&r->in[prod++ % sizeof(r->in)] = text[i];
    }
    barrier();
    *(volatile u32 *)&r->in_prod = prod;
}

/* A page like the tenant's is known when it is seen. */
static bool knows_pattern(void)
{
    u64 *const words = (u64 *)(void *)bytes;
    for (u64 i = 0; i < PAGE_BYTES / 8; i++) {
        words[i] = i * PATTERN_STEP + 7;
    }
    const u64 seen = pattern_bytes(words, PAGE_BYTES / 8);
    fill(bytes, 0, PAGE_BYTES);
    return seen == PAGE_BYTES - 8;
}

/* ---- all of them
 * ------------------------------------------------------------ */

static bool record_fits(enum record record, u64 refused)
{
    return record == REFUSED ? refused != 0 : refused == 0;
}

static bool make(u32 i)
{
    const u64 refused = refusals_ever;
    const u64 before = obtained;
    asked = 1;
    const s64 got = attempts[i].make();
    const bool is_ok = got == attempts[i].expected && obtained == before &&
                       record_fits(attempts[i].record, refusals_ever - refused);
    (void)page_protect(window, P_RW);
    fill(bytes, 0, PAGE_BYTES);
    say(is_ok ? "ok " : "NOT OK ");
    say(attempts[i].name);
    say(": ");
    say(attempts[i].what);
    say(": ");
    say_dec(got);
    say(" of ");
    say_dec((s64)asked);
    say("\n");
    return is_ok;
}

void guest_main(void)
{
    u32 bad = 0;
    u32 intents = 0;
    may_connect = true;
    for (u32 i = 0; i < 100 && !find(); i++) {
        sleep_until(time_ns() + 100000000);
    }
    if (!knows_pattern() || !take_ring()) {
        say("hostile0: no tenant to attack\n");
        return;
    }
    for (u32 i = 0; i < ARRAY_COUNT(attempts); i++) {
        bad += make(i) ? 0 : 1;
        intents += attempts[i].record == INTENT ? 1 : 0;
    }
    say("hostile0 log: intents=");
    say_dec(intents);
    say(" ");
    refusals_say();
    say("\nhostile0 done: ");
    say_dec((s64)ARRAY_COUNT(attempts));
    say(" attempts, ");
    say_dec(bad);
    say(" NOT as expected, ");
    say_dec((s64)obtained);
    say(" bytes of the tenant's memory obtained\n");
    const u64 until = time_ns() + PEACE_NS;
    while (time_ns() < until) {
        sleep_until(until);
    }
    type_poweroff();
}
