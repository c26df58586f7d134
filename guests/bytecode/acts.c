/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest does besides hypercalls: instructions that trap or that must
 * not work, frames for IRET that no guest should give, writes to its tables
 * and masks. All of it may end in an exception, which brings the vCPU back.
 */
#include "guests/bytecode/bytecode.h"
#include "guests/lib/guest.h"

#define NEW_USER_BASEPTR 15u
#define CODE_BYTES 16u
#define AS_PROGRAM 0x80u /* in user mode */

static u8 code[VCPUS][PAGE_BYTES] __attribute__((aligned(4096)));

/* ---- words ------------------------------------------------------------------
 */

static u64 word_of(u8 c)
{
    const u64 own = (u64)(uintptr_t)room()->pages[4];
    const u64 odd[32] = {
        0,
        1,
        own,
        own + PAGE_BYTES - 4,
        OPEN_PAGE * PAGE_BYTES,
        (ROOT_PAGE + 3) * PAGE_BYTES + VIRT_BASE + 16 * 8,
        HV_START,
        HV_START + (1ull << 39),
        HV_START + (2ull << 39),
        HV_START + (3ull << 39),
        HV_START + (4ull << 39),
        HV_START + (5ull << 39),
        HV_END - 8,
        0x0000800000000000ull,
        0xffff7fffffffffffull,
        U64_MAX,
        1ull << 63,
        0xe033,
        0xe02b,
        0x0b,
        0x13,
        0xc0000080u,
        0xc0000082u,
        0xc0000100u,
        0xc0000101u,
        0xc0000102u,
        0x10,
        0x1b,
        0x80,
        0x3f8,
        0xcf8,
        VIRT_BASE,
    };

    return c < 0xc0 ? odd[c % 32] : (u64)c << (c % 8 * 8);
}

/* ---- instructions -----------------------------------------------------------
 */

#define RET 0xc3
#define SYSCALL_UD2 0x0f, 0x05, 0x0f, 0x0b

/* Each instruction with what ends it, in kernel and in user mode: written once,
 * since an emulator translates anew what is written. */
static const u8 insns[][2][CODE_BYTES] = {
#define INSN(name, ...) { { __VA_ARGS__, RET }, { __VA_ARGS__, SYSCALL_UD2 } },
#include "guests/bytecode/insns.def"
};
static const u8 no_insn[] = { 0x0f, 0x0b }; /* UD2 */

/* Registers from words, then the code; it returns, or ends in an exception. */
static void code_run(const u8 *b, const u8 *what)
{
    u64 a = word_of(b[1]);
    u64 c = word_of(b[2]);
    u64 d = word_of(b[3]);
    u64 to = word_of(b[4]);
    u64 from = word_of(b[5]);

    __asm__ volatile("call *%[code]"
                     : "+a"(a), "+c"(c), "+d"(d), "+D"(to), "+S"(from)
                     : [code] "r"((u64)(uintptr_t)what)
                     : "rbx", "r8", "r9", "r10", "r11", "memory", "cc");
}

static void program_run(const u8 *b, const u8 *what)
{
    struct room *const r = room();
    u64 *const frame = (u64 *)(void *)(r->user_stack + 1024);

    (void)mmu_ext(NEW_USER_BASEPTR, table_of((u64)(uintptr_t)code, 4), 0);
    frame[0] = word_of(b[1]);
    frame[1] = 0;
    frame[2] = word_of(b[2]);
    frame[3] = 0;
    frame[4] = (u64)(uintptr_t)what;
    frame[5] = CS_KERNEL; /* privilege 3, and not of the kernel: a program */
    frame[6] = b[3] < 0x80 ? 0x200 : word_of(b[3]);
    frame[7] = (u64)(uintptr_t)(r->user_stack + 900);
    frame[8] = SS_KERNEL;
    raw_iret(frame);
}

static const u8 *code_put(const u8 *bytes, bool program)
{
    static const u8 ends[2][4] = { { RET }, { SYSCALL_UD2 } };
    u8 *const to = code[me()];

    for (u32 i = 0; i < CODE_BYTES; i++) {
        to[i] = i < 7 ? bytes[i] : ends[program][i % 4];
    }
    barrier();
    return to;
}

/* A frame for IRET with one or two words that are not right. */
static void iret_odd(const u8 *b)
{
    u64 *const frame = (u64 *)(void *)(room()->user_stack + 1024);
    const u64 usual[9] = { 0,
                           0,
                           0,
                           0,
                           (u64)(uintptr_t)no_insn,
                           CS_KERNEL & ~3u,
                           0,
                           (u64)(uintptr_t)frame - 128,
                           SS_KERNEL };

    for (u32 i = 0; i < 9; i++) {
        frame[i] = usual[i];
    }
    const bool daring = b[12] >= 0xf0; /* the stack, too */

    frame[b[0] % (daring ? 9 : 7)] = word_of(b[1]);
    if (b[2] >= 0xc0) {
        frame[b[3] % (daring ? 9 : 7)] = word_of(b[4]);
    }
    if (daring && b[0] >= 0x80) {
        iret_at(word_of(b[5])); /* no frame at all */
    }
    raw_iret(frame);
}

void live_act(enum live_act act, const u8 *b)
{
    if (act == LIVE_IRET) {
        iret_odd(b);
        return;
    }
    /* Bytes that mean anything at all: in user mode, unless it is daring. */
    const bool program =
        act == LIVE_BYTES ? b[12] < 0xf0 : (b[0] & AS_PROGRAM) != 0;
    const u8 *const what = act == LIVE_CODE
                               ? insns[b[6] % ARRAY_COUNT(insns)][program]
                               : code_put(b + 6, program);

    (program ? program_run : code_run)(b, what);
}

/* ---- memory and events ------------------------------------------------------
 */

void live_touch(u32 page)
{
    volatile u64 *const word =
        (volatile u64 *)((OPEN_PAGE + page % OPEN_COUNT) * (u64)PAGE_BYTES);

    *word = *word + 1;
}

void live_masks(u32 which, u64 word)
{
    if (which == 0) {
        shared->evtchn_mask[0] = word;
    } else if (which == 1) {
        shared->evtchn_pending[0] = word;
    } else if (which == 2) {
        my_info()->upcall_mask = (u8)(word & 1);
    } else {
        my_info()->upcall_pending = (u8)(word & 1);
    }
}

void live_collect(void)
{
    pending_take();
}

void live_sleep(u64 ns)
{
    sleep_until(time_ns() + ns);
}

void live_handlers(void)
{
    traps_setup();
}

void live_end(u32 reason)
{
    struct arg_sched_shutdown a = { reason };

    for (;;) {
        (void)call_sched_shutdown(0, &a);
    }
}
