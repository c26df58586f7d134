/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain0: the store, the consoles, the lives of all domains, the audit log's
 * collector, and who asks for them over the control channel. One vCPU, one
 * loop: take what happened, go round everybody, sleep.
 *
 * It holds named privileges and no other domain's memory, but for the two
 * pages that each offers to it. When it ends, a new one is started; everything
 * it knew is asked for anew (life.h), or told by the domains.
 */
#include "guests/domain0/blob.h"
#include "guests/domain0/client.h"
#include "guests/domain0/collect.h"
#include "guests/domain0/control.h"
#include "guests/domain0/life.h"
#include "guests/domain0/line.h"
#include "guests/domain0/machine.h"
#include "guests/domain0/txn.h"
#include "guests/lib/guest.h"
#include "rf/mux.h"

#define VIRQ_CONSOLE 2u
#define VIRQ_DOM_EXC 3u
#define IDLE_NS 1000000000ull

static u32 console_port, life_port, timer_port;

/* Nobody is selected until the first mark: a Domain0 that comes after another
 * does not know for whom the next bytes are. */
static struct mux_decoder decoder = { .channel = MUX_CHANNELS };

/* True: there may be more. */
static bool take_typed(void)
{
    u8 bytes[256];
    const u32 count = line_read(bytes, sizeof(bytes));
    for (u32 i = 0; i < count; i++) {
        u8 c;
        if (!mux_decode(&decoder, bytes[i], &c)) {
            continue;
        }
        if (decoder.channel == 0) {
            line_typed(&c, 1);
        } else {
            life_typed(decoder.channel, &c, 1);
        }
    }
    return count == sizeof(bytes);
}

static void start(void)
{
    const bool has_blob = start_info->mod_len != 0 &&
                          (start_info->flags & SIF_MOD_START_PFN) == 0;
    u32 rules_bytes;
    timer_port = port_bind_virq(VIRQ_TIMER);
    console_port = port_bind_virq(VIRQ_CONSOLE);
    life_port = port_bind_virq(VIRQ_DOM_EXC);
    (void)blob_open(has_blob ? (const u8 *)start_info->mod_start : NULL,
                    start_info->mod_len);
    store_reset(life_count() - 1);
    store_set_epoch((u32)tenant[0].incarnation);
    life_begin();
    const u8 *const rules = blob_rules(&rules_bytes);
    if (rules != NULL && rules_bytes != 0) {
        control_first_rules(rules, rules_bytes);
    }
}

void guest_main(void)
{
    bool more_typed = true;
    start();
    for (;;) {
        u64 due = time_ns() + IDLE_NS;
        ports_take();
        /* The line's own word, and once a second without it. */
        if (port_heard(console_port) || port_heard(timer_port)) {
            life_line_ready();
            more_typed = true;
        }
        if (more_typed) {
            more_typed = take_typed();
        }
        if (port_heard(life_port) || port_heard(timer_port)) {
            life_scan();
        }
        collect_work();
        bool again = life_serve(&due);
        again |= control_work(&due);
        if (!again && !more_typed) {
            sleep_for_event(due);
        }
    }
}
