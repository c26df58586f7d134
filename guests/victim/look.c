/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the victim looks at: see victim.h.
 */
#include "guests/victim/victim.h"

#define FIELD_WORDS (4u * 1024 * 1024 / 8)
#define PART_WORDS (FIELD_WORDS / 64)
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define DEBUG_REGISTERS 4u

static volatile u64 field[FIELD_WORDS];
static u32 at;
u64 memory_passes;

static u64 word_of(u32 index, u64 round)
{
    return (index + 1) * 0x9e3779b97f4a7c15ull + round * 0xd1342543de82ef95ull;
}

void memory_fill(void)
{
    for (u32 i = 0; i < FIELD_WORDS; i++) {
        field[i] = word_of(i, 0);
    }
}

void look_at_memory(void)
{
    for (u32 n = 0; n < PART_WORDS; n++, at++) {
        if (field[at] != word_of(at, memory_passes)) {
            harm("memory", (u64)(uintptr_t)&field[at], field[at]);
        }
        field[at] = word_of(at, memory_passes + 1);
    }
    if (at == FIELD_WORDS) {
        at = 0;
        memory_passes++;
    }
}

static void look_at_sum(const char *what, const volatile u64 *words, u64 count,
                        u64 ignored, u64 *before)
{
    u64 sum = 1;
    for (u64 i = 0; i < count; i++) {
        sum = sum * 31 + (words[i] & ~ignored);
    }
    if (*before != 0 && sum != *before) {
        harm(what, (u64)(uintptr_t)words, sum);
    }
    *before = sum;
}

/* This domain's words of the hypervisor's window: the rest has no page behind
 * it. */
static void look_at_m2p(void)
{
    const u64 *list = (const u64 *)start_info->mfn_list;
    for (u64 pfn = 0; pfn < start_info->nr_pages; pfn++) {
        if (M2P[list[pfn]] != pfn) {
            harm("machine-to-phys", list[pfn], M2P[list[pfn]]);
        }
    }
}

void look_at_tables(void)
{
    static u64 tables;
    static u64 start;
    static u64 frames;
    const u64 words = PAGE_BYTES / 8;
    look_at_sum("page table", (const u64 *)start_info->pt_base,
                start_info->nr_pt_frames * words, P_ACCESSED | P_DIRTY,
                &tables);
    look_at_sum("start page", (const u64 *)(const void *)start_info,
                sizeof(*start_info) / 8, 0, &start);
    look_at_sum("frame list", (const u64 *)start_info->mfn_list,
                start_info->nr_pages, 0, &frames);
    look_at_m2p();
}

void look_at_events(void)
{
    for (u32 word = 0; word < PORT_WORDS; word++) {
        u64 own = 0;
        for (u32 bit = 0; bit < 64; bit++) {
            const u32 port = word * 64 + bit;
            own |= port == start_info->console_evtchn ||
                           port == start_info->store_evtchn
                       ? 1ull << bit
                       : 0;
        }
        const u64 pending = *(volatile u64 *)&shared->evtchn_pending[word];
        if ((pending & ~own) != 0) {
            harm("events: ports pending of word", word, pending);
        }
    }
}

/* ---- registers
 * -------------------------------------------------------------------------- */

/* clang-format off */
#define EACH_XMM(X)                                                            \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)                                    \
    X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
/* clang-format on */

static u64 xmm_word(u32 n, u32 half)
{
    return word_of(n * 2 + half, memory_passes + 77);
}

#define XMM_FILL(n)                                                            \
    __asm__ volatile("movq %0, %%xmm" #n "\n\tpinsrq $1, %1, %%xmm" #n         \
                     :                                                         \
                     : "r"(xmm_word(n, 0)), "r"(xmm_word(n, 1)));
#define XMM_LOOK(n)                                                            \
    {                                                                          \
        u64 low;                                                               \
        u64 high;                                                              \
        __asm__ volatile("movq %%xmm" #n ", %0\n\tpextrq $1, %%xmm" #n ", %1"  \
                         : "=r"(low), "=r"(high));                             \
        if (low != xmm_word(n, 0) || high != xmm_word(n, 1)) {                 \
            harm("register xmm", n, low);                                      \
        }                                                                      \
    }

static u64 debug_word(u32 n)
{
    return (u64)(uintptr_t)&field[n * 64];
}

static void write_msr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

static u64 read_msr(u32 msr)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low | (u64)high << 32;
}

void registers_fill(void)
{
    for (u32 n = 0; n < DEBUG_REGISTERS; n++) {
        (void)call_set_debugreg(n, debug_word(n), 0, 0);
    }
    write_msr(MSR_FS_BASE, word_of(1, memory_passes) >> 20);
    write_msr(MSR_GS_BASE, word_of(2, memory_passes) >> 20);
    EACH_XMM(XMM_FILL)
}

void registers_look(void)
{
    EACH_XMM(XMM_LOOK)
    for (u32 n = 0; n < DEBUG_REGISTERS; n++) {
        const u64 is = (u64)call_get_debugreg(n, 0, 0, 0);
        if (is != debug_word(n)) {
            harm("debug register", n, is);
        }
    }
    if (read_msr(MSR_FS_BASE) != word_of(1, memory_passes) >> 20 ||
        read_msr(MSR_GS_BASE) != word_of(2, memory_passes) >> 20) {
        harm("segment base", MSR_FS_BASE, read_msr(MSR_FS_BASE));
    }
}
