/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random scenarios, and loads that were recorded; see check.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sched/check.h"

#define LOADS 8u          /* recorded */
#define LOAD_BURSTS 4096u /* of one load */
#define VCPUS_MAX 24u
#define BURSTS 64u
#define PICKS 20000u

struct load {
    const char *path;
    struct sim_burst burst[LOAD_BURSTS];
    u32 count;
};

static struct load loads[LOADS];
static u32 load_count;
static struct sim_burst drawn[VCPUS_MAX][BURSTS];
static const char *kinds[VCPUS_MAX];
static u64 state;

/* xorshift64* [Vigna 2016] */
static u64 draw(u64 below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 2685821657736338717ull >> 16) % below;
}

/* Between 1 and 2^bits, each power of two as likely as the next. */
static u64 draw_log(u32 bits)
{
    const u64 top = 1ull << draw(bits);
    return top + draw(top);
}

bool load_read(const char *path)
{
    FILE *f = fopen(path, "r");
    struct load *l = &loads[load_count];
    unsigned long run, sleep;
    if (f == NULL || load_count == LOADS) {
        fprintf(stderr, "%s: cannot be read, or is one too many\n", path);
        return false;
    }
    l->path = path;
    while (l->count < LOAD_BURSTS && fscanf(f, "%lu %lu", &run, &sleep) == 2) {
        l->burst[l->count].run_ns = run != 0 ? run : 1;
        l->burst[l->count].sleep_ns = sleep;
        l->count++;
    }
    fclose(f);
    if (l->count == 0) {
        fprintf(stderr, "%s: no line of the form \"run sleep\"\n", path);
        return false;
    }
    load_count++;
    return true;
}

/* What vCPU id does with its time. True: it sleeps at times, or yields. */
static bool make_load(u32 id)
{
    struct vcpu *v = &sim.vcpu[id];
    const u64 kind = draw(8);
    kinds[id] = "never sleeps";
    if (kind < 3) {
        return false;
    }
    if (kind == 3) { /* for a while, and then never */
        kinds[id] = "yields, then spins";
        for (u32 i = 0; i < BURSTS; i++) {
            drawn[id][i].run_ns = 1000 + draw_log(22);
            drawn[id][i].sleep_ns = 0;
        }
        drawn[id][BURSTS - 1].run_ns = draw_log(33);
        sim_follow(v, drawn[id], BURSTS, 0);
        return true;
    }
    if (kind < 6 && load_count != 0) {
        const struct load *l = &loads[draw(load_count)];
        kinds[id] = l->path;
        sim_follow(v, l->burst, l->count, (u32)draw(l->count));
        return true;
    }
    kinds[id] = "random";
    for (u32 i = 0; i < BURSTS; i++) {
        drawn[id][i].run_ns = 1000 + draw_log(27);
        drawn[id][i].sleep_ns = 1000 + draw_log(27);
    }
    sim_follow(v, drawn[id], BURSTS, 0);
    return true;
}

void scenario_make(struct scenario *sc, u64 number)
{
    state = number * 0x9e3779b97f4a7c15ull + 1;
    sim_reset(1 + (u32)draw(2) * (u32)draw(4));
    const u32 count = 2 + (u32)draw(VCPUS_MAX - 2);
    const bool has_masks = draw(3) == 0;
    const u32 weight_bits = 4 + (u32)draw(12);
    u32 sleepers = 0;
    *sc = (struct scenario){ .number = number,
                             .picks = PICKS,
                             .start = host.now,
                             .has_caps = draw(3) == 0,
                             .light = U32_MAX };
    for (u32 i = 0; i < count; i++) {
        struct vcpu *v = sim_add((u32)draw_log(weight_bits), 0, 0);
        if (i == 0 && draw(2) == 0) {
            kinds[i] = "light";
            v->sched.weight = 256;
            sc->light = i;
            sim.load[i].burst_ns = 1000 + draw(50000);
            sim.load[i].left = sim.load[i].burst_ns;
            sim.load[i].sleep_ns = 10 * MS + draw(90 * MS);
        } else if (make_load(i)) {
            sleepers++;
        }
        if (sc->has_caps && draw(3) == 0) {
            v->sched.cap_percent = 5 + (u32)draw(95);
        }
        if (has_masks) {
            v->sched.cpu_mask = 1 + draw((1u << sim.cpus) - 1);
        }
        sc->weights += v->sched.weight;
    }
    const struct sim_load *l = &sim.load[0];
    if (sc->light == 0 && (double)l->burst_ns * 4 * sc->weights >
                              256.0 * (double)(l->burst_ns + l->sleep_ns)) {
        sc->light = U32_MAX; /* not light enough among so many */
    }
    const double each =
        SCHED_CREDIT_NS + SCHED_WARP_NS + SCHED_ALLOWANCE_NS + SCHED_RATE_NS;
    sc->late_ns = count * each;
    /* All the others may have saved up, and one is running. */
    sc->light_bound_ns = sleepers == 0 ? (double)SCHED_RATE_NS
                                       : (double)SCHED_RUN_NS + sleepers * each;
}

void scenario_print(const struct scenario *sc)
{
    printf("scenario %lu: %u CPUs\n", sc->number, sim.cpus);
    for (u32 i = 0; i < sim.vcpu_count; i++) {
        const struct sched_unit *s = &sim.vcpu[i].sched;
        printf("  vCPU %u: weight %u, cap %u %%, mask %lx, %s; ran %.3f ms\n",
               i, s->weight, s->cap_percent, s->cpu_mask, kinds[i],
               (double)s->run_ns / 1e6);
    }
}
