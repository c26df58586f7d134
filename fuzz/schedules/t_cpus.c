/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target schedules: the input chooses what two or three guests do, and who goes
 * on when. Layout:
 *
 *   byte 0       what was there before (enum prep)
 *   byte 1       bit 0 CPU 1 is domain 2's, 1 three CPUs, 2 stores are late,
 *                3 switch inside of locks, 4.. who follows one that can not go
 * on byte 2..25   eight operations for each CPU; 0, or beyond the last: none
 *   then         pairs: so many switch points pass, then the CPU that goes on
 *
 * Runs are those of explore.c, with the same things looked at.
 */
#include "fuzz/schedules/ops.h"
#include "fuzz/schedules/race.h"

#define OPS_EACH 8u

static struct input in;
static u32 gap; /* points until the next preemption */
static u32 turn;
static bool choosing;

/* There when coverage is counted, or AFL++ counts: the counters are not kept
 * from races. */
extern const int __llvm_profile_runtime __attribute__((weak));
extern u8 *__afl_area_ptr __attribute__((weak));

u32 cpus_choose(u32 here, u32 others, bool must)
{
    if (!choosing || must) {
        const u32 from = choosing ? (here + turn) % CPUS : here + 1;
        const u32 behind = from < CPUS ? others >> from << from : 0;

        return must ? (u32)__builtin_ctz(behind != 0 ? behind : others) : here;
    }
    if (gap != 0) {
        gap--;
        return here;
    }
    if (left(&in) == 0) {
        return here;
    }
    const u32 wanted = take8(&in) % CPUS;

    gap = take8(&in);
    if ((others >> wanted & 1) == 0) {
        return here;
    }
    if (fuzz_log == FUZZ_WORDS) {
        fuzz_say("point %u: CPU %u is preempted by CPU %u\n", cpus_points, here,
                 wanted);
    }
    return wanted;
}

void target_schedules(const u8 *data, size_t bytes)
{
    in = (struct input){ data, bytes, 0 };
    const enum prep prep = (enum prep)(take8(&in) % PREP_COUNT);
    const u8 kind = take8(&in);
    const bool peer = (kind & 1) != 0;

    choosing = false;
    words_forget();
    words_all = true;
    race_watched = &__llvm_profile_runtime == NULL && &__afl_area_ptr == NULL;
    cpus_count = (kind & 2) != 0 ? 3 : 2;
    cpus_late = (kind & 4) != 0;
    cpus_fine = (kind & 8) != 0;
    turn = kind >> 4;
    ops_begin(prep, peer);
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
        for (u32 i = 0; i < OPS_EACH; i++) {
            const u8 op = take8(&in);

            if (op != 0 && op < OP_COUNT && cpu < cpus_count) {
                ops_give(cpu, (enum op)op);
                if (fuzz_log == FUZZ_WORDS) {
                    fuzz_say("CPU %u: %s\n", cpu, ops_name((enum op)op));
                }
            }
        }
    }
    gap = take8(&in);
    cpus_points = 0;
    choosing = true;
    ops_run();
    choosing = false;
    if (fuzz_log == FUZZ_WORDS) {
        for (u32 cpu = 0; cpu < cpus_count; cpu++) {
            for (u32 i = 0; i < ops_outcome.count[cpu] && i < RESULTS_MAX;
                 i++) {
                fuzz_say("CPU %u: result %lld\n", cpu,
                         (long long)ops_outcome.result[cpu][i]);
            }
        }
    }
}
