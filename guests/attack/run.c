/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One action: run, judged, told, marked in the audit log.
 *
 * The mark is a hypercall of a number that nobody has, MARK and the action's
 * place in the table. It is refused, and the kernel writes a sample of it with
 * the count of refusals so far, provided that it lets a sample through: ten a
 * second are. So the guest waits as long as that takes.
 */
#include "guests/attack/attack.h"
#include "guests/lib/refusals.h"

#define FLUSH_LOCAL 6u
#define MARK 0x41000000ull
#define SAMPLE_NS 110000000ull

enum {
#define ACTION(id, name, ...) AT_##name,
#include "guests/attack/actions.def"
#undef ACTION
    ACTIONS
};

static const u8 company[ACTIONS] = {
#define COMPANY(name, flags, why) [AT_##name] = (flags),
#include "guests/attack/company.def"
#undef COMPANY
};

const struct action actions[] = {
#define ACTION(id, name, expected, xsa, what)                                  \
    { id, attack_##name, expected, what },
#include "guests/attack/actions.def"
#undef ACTION
};

static const bool paired[ACTIONS] = {
#define ACTION(id, name, ...) false,
#define PAIR(id, name, ...) true,
#include "guests/attack/actions.def"
#undef ACTION
};

const u32 action_count = ACTIONS;
u32 failures;

static const struct {
    s64 number;
    const char *name;
} errors[] = {
    { EPERM, "EPERM" },   { ENOENT, "ENOENT" }, { ESRCH, "ESRCH" },
    { EFAULT, "EFAULT" }, { EBUSY, "EBUSY" },   { EEXIST, "EEXIST" },
    { EINVAL, "EINVAL" }, { ENOSPC, "ENOSPC" }, { ENOSYS, "ENOSYS" },
};

u32 action_company(const struct action *a)
{
    return company[a - actions];
}

static void say_result(s64 r)
{
    if (r >= TRAPPED && r <= TRAPPED + 300) {
        say("trap-");
        say_dec(r - TRAPPED);
        return;
    }
    for (u32 i = 0; i < ARRAY_COUNT(errors); i++) {
        if (errors[i].number == -r) {
            say("-");
            say(errors[i].name);
            return;
        }
    }
    say_dec(r);
}

static void say_outcome(const struct action *a, s64 got)
{
    say("ATTACK ");
    say(a->id);
    say(" expect=");
    say_result(a->expected);
    say(" got=");
    say_result(got);
}

s64 trapped(void (*f)(u64), u64 argument)
{
    return try_call(f, argument) == 0 ? 0 : TRAPPED + (s64)room()->seen.vector;
}

static void page_restore(void *page)
{
    u64 *const words = page;
    u64 all = 0;
    const u64 frame = frame_of_page(page);
    if ((entry_value((u64)(uintptr_t)page, 1) & (P_FRAME | P_RW)) !=
        (frame << PAGE_BITS | P_RW)) {
        (void)page_protect(page, P_RW);
    }
    for (u32 i = 0; i < PAGE_BYTES / 8; i++) {
        all |= words[i];
    }
    if (all != 0) {
        /* It may have become writable without a flush. */
        (void)mmu_ext(FLUSH_LOCAL, 0, 0);
        fill(page, 0, PAGE_BYTES);
    }
}

/* Every action finds the scratch pages, the handlers and the debug registers
 * as the first one did. */
static void restore(void)
{
    (void)call_set_debugreg(7, 0, 0, 0);
    struct arg_set_iopl iopl = { 0 };
    (void)call_set_iopl(0, &iopl);
    traps_setup();
    for (u32 i = 0; i < PAGES; i++) {
        page_restore(scratch[i]);
    }
}

bool action_run(const struct action *a, bool is_open, const char *place)
{
    const s64 got = a->run();
    restore();
    if (got == a->expected || is_open) {
        return true;
    }
    (void)__atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
    say_outcome(a, got);
    say(" vcpu=");
    say_dec(me());
    say(place);
    say(" FAILED: ");
    say(a->what);
    say("\n");
    return false;
}

void action_report(const struct action *a, u64 started_ns, bool ok)
{
    if (!ok) {
        return; /* action_run has said it */
    }
    say_outcome(a, a->expected);
    say(" ok ms=");
    say_dec((s64)((time_ns() - started_ns) / 1000000));
    say(" refused=");
    say_dec((s64)refusals_ever);
    say("\n");
}

bool action_possible(const struct action *a)
{
    return !paired[a - actions] || option("helper")[0] != '\0';
}

bool action_wanted(const struct action *a)
{
    if (!action_possible(a)) {
        return false;
    }
    const char *only = option("only");
    u32 i = 0;
    while (only[i] != '\0' && only[i] == a->id[i]) {
        i++;
    }
    return only[i] == '\0';
}

void action_mark(const struct action *a)
{
    static u64 last_ns;
    static u64 last_count;
    if (option_number("marks", 0) == 0) {
        return;
    }
    if (refusals_ever != last_count) {
        last_ns = time_ns();
    }
    while (time_ns() < last_ns + SAMPLE_NS) {
        sleep_until(last_ns + SAMPLE_NS);
    }
    (void)hypercall(MARK + (u64)(a - actions), 0, 0, 0, 0, 0);
    last_count = refusals_ever;
    last_ns = time_ns();
}
