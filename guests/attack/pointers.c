/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks by addresses, numbers and quantities: A56..A69.
 */
#include "guests/attack/attack.h"

#define NR_TIMER 15u
#define FLUSH_MULTI 8u
#define NR_LIMIT 256u

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

/* Nothing that a guest can read is at any of these. */
static const u64 bad_addresses[] = {
    0x0,
    0x10000,
    0x00007ffffffffffcull, /* runs into the hole */
    0x0000800000000000ull,
    0xffff7ffffffffffcull, /* runs into the hypervisor */
    0xffff800000000000ull - 4096,
    0xffff808000000000ull,
    0xffff810000000000ull,
    0xffff820000200000ull,
    0xffff828000000000ull,
    0xffff87fffffffffcull,
    0xfffffffffffffffcull, /* wraps */
};

#define BAD_COUNT ARRAY_COUNT(bad_addresses)

/* The rows of the table, as far as these attacks want to know them. */
struct row {
    u8 nr, sub, shape, pointer, right;
    bool a0; /* the sub-operation is the first argument */
};

#define WHERE_NONE false
#define WHERE_A0 true
#define WHERE_A1 false
#define WHERE_ELEM false
#define WHERE_FIELD false
static const struct row rows[] = {
#define HC_R(n, s, w, name, r, o, g, d) { n, s, 'R', 0, RIGHT_##r, WHERE_##w },
#define HC_S(n, s, w, name, p, a, r, o, g, d)                                  \
    { n, s, 'S', p, RIGHT_##r, WHERE_##w },
#define HC_B(n, s, w, name, a, r, o, g, d)                                     \
    { n, s, 'B', WHERE_##w ? 1 : 0, RIGHT_##r, WHERE_##w },
#include "core/hypercalls.def"
#undef HC_R
#undef HC_S
#undef HC_B
};

static s64 call_at(const struct row *r, u64 at)
{
    if (r->shape == 'B') {
        return r->a0 ? hypercall(r->nr, r->sub, at, 1, 0, 0)
                     : hypercall(r->nr, at, 1, 0, SELF, 0);
    }
    const u64 first = r->a0 ? r->sub : 0;
    return r->pointer == 1 ? hypercall(r->nr, first, at, 0, 0, 0)
                           : hypercall(r->nr, first, 0, at, 0, 0);
}

static s64 try_shape(u8 shape)
{
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *r = &rows[i];
        const s64 expected = is_denied(r->right) ? -EPERM : -EFAULT;
        for (u32 j = 0; r->shape == shape && j < BAD_COUNT; j++) {
            if (call_at(r, bad_addresses[j]) != expected) {
                return r->nr * 10000 + r->sub * 100 + (s64)j;
            }
        }
    }
    return 0;
}

s64 attack_pointers(void)
{
    return try_shape('S');
}

s64 attack_lists(void)
{
    return try_shape('B');
}

static bool refused(u64 at)
{
    struct arg_memory_map map = { .nr_entries = 1, .buffer = at };
    struct arg_runstate_area area = { at };
    const bool areas = at == 0 || call_vcpu_runstate(me(), &area) == -EFAULT;
    return areas && (at == 0 || call_set_trap_table(at, 0, 0, 0) == -EFAULT) &&
           call_set_gdt(at, 1, 0, 0) == -EFAULT &&
           call_multicall(at, 1, 0, 0) == -EFAULT &&
           call_console_write(16, at, 0, 0) == -EFAULT &&
           mmu_ext(FLUSH_MULTI, 0, at) == -EFAULT &&
           call_memory_map(0, &map) == -EFAULT &&
           (at == 0 || hypercall(1, 0, 0, at, SELF, 0) == -EFAULT);
}

s64 attack_tables(void)
{
    for (u32 i = 0; i < BAD_COUNT; i++) {
        if (bad_addresses[i] % 4096 != 4092 && !refused(bad_addresses[i])) {
            return i + 1;
        }
    }
    return 0;
}

static u32 ports_free(void)
{
    static u32 ports[4096];
    u32 count = 0;
    for (; count < 4096; count++) {
        struct arg_evtchn_unbound a = { .dom = SELF, .remote_dom = SELF };
        if (call_evtchn_alloc_unbound(0, &a) != 0) {
            break;
        }
        ports[count] = a.port;
    }
    for (u32 i = 0; i < count; i++) {
        struct arg_evtchn_port p = { ports[i] };
        (void)call_evtchn_close(0, &p);
    }
    return count;
}

s64 attack_read_only_out(void)
{
    struct arg_evtchn_unbound *a = (void *)scratch[1];
    a->dom = SELF;
    a->remote_dom = SELF;
    const u32 before = ports_free();
    (void)page_protect(scratch[1], P_RO);
    const s64 rc = call_evtchn_alloc_unbound(0, a);
    return ports_free() == before ? rc : 1;
}

/* ---- A57, A58: memory
 * ---------------------------------------------------------- */

s64 attack_exchange(void)
{
    return hypercall(12, 11, va_of(scratch[1]), 0, 0, 0);
}

static struct arg_memory_reservation one(u64 *list)
{
    return (struct arg_memory_reservation){ .extent_start = va_of(list),
                                            .nr_extents = 1,
                                            .domid = SELF };
}

s64 attack_far_along(void)
{
    u64 list[1] = { 0 };
    struct arg_memory_reservation a = one(list);
    return hypercall(12, 1 | 100 << 6, va_of(&a), 0, 0, 0);
}

s64 attack_big_extent(void)
{
    u64 list[1] = { frame_of_page(scratch[1]) };
    struct arg_memory_reservation a = one(list);
    a.extent_order = 31;
    return call_decrease_reservation(0, &a);
}

s64 attack_balloon_limit(void)
{
    u64 list[1] = { start_info->nr_pages - 1 };
    struct arg_memory_reservation a = one(list);
    return call_populate_physmap(0, &a);
}

static s64 cycle(u64 pfn_number)
{
    const u64 va = va_of(scratch[1]);
    u64 word[1] = { frame_of_page(scratch[1]) };
    struct arg_memory_reservation a = one(word);
    fill(scratch[1], 0x5a, PAGE_BYTES);
    if (map_va(va, 0, 2) != 0 || call_decrease_reservation(0, &a) != 1) {
        return 1;
    }
    if (map_va(va, word[0] << PAGE_BITS | P_RW, 2) != -EBUSY) {
        return 2; /* it is not this domain's memory now */
    }
    word[0] = pfn_number;
    if (call_populate_physmap(0, &a) != 1) {
        return 3;
    }
    const u64 frame = *(volatile u64 *)word;
    ((u64 *)start_info->mfn_list)[pfn_number] = frame;
    if (M2P[frame] != pfn_number || map_va(va, frame << PAGE_BITS | P_RW, 2)) {
        return 4;
    }
    u8 all = 0;
    for (u32 i = 0; i < PAGE_BYTES; i++) {
        all |= *(volatile u8 *)&scratch[1][i];
    }
    return all == 0 ? 0 : 5;
}

s64 attack_balloon_cycle(void)
{
    for (u32 i = 0; i < 50; i++) {
        const s64 r = cycle((va_of(scratch[1]) - VIRT_BASE) >> PAGE_BITS);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* ---- A59, A61: numbers
 * ------------------------------------------------------------- */

static bool number_known(u64 nr)
{
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].nr == nr) {
            return true;
        }
    }
    return false;
}

static bool pair_known(u64 nr, u64 sub)
{
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].nr == nr && rows[i].sub == sub) {
            return true;
        }
    }
    return false;
}

s64 attack_unknown(void)
{
    static const u64 far[] = { 1ull << 32, (1ull << 32) + 17, 1ull << 63,
                               U64_MAX };
    for (u64 nr = 0; nr < NR_LIMIT; nr++) {
        if (!number_known(nr) && hypercall(nr, 0, 0, 0, 0, 0) != -ENOSYS) {
            return (s64)nr + 1;
        }
    }
    for (u32 i = 0; i < ARRAY_COUNT(far); i++) {
        if (hypercall(far[i], 0, 0, 0, 0, 0) != -ENOSYS) {
            return -(s64)(i + 1000);
        }
    }
    return 0;
}

s64 attack_unknown_sub(void)
{
    static const u8 numbers[] = { 12, 17, 18, 20, 24, 25, 29, 32, 33 };
    for (u32 i = 0; i < ARRAY_COUNT(numbers); i++) {
        for (u64 sub = 0; sub < 64; sub++) {
            if (!pair_known(numbers[i], sub) &&
                hypercall(numbers[i], sub, 0, 0, 0, 0) != -ENOSYS) {
                return numbers[i] * 100 + (s64)sub;
            }
        }
    }
    return 0;
}

s64 attack_registers(void)
{
    u64 wrong = 0;
    __asm__ volatile("movabs $0x1111222233334444, %%r9\n\t"
                     "mov %%r9, %%r12\n\t"
                     "mov %%r9, %%r13\n\t"
                     "mov %%r9, %%r14\n\t"
                     "mov %%r9, %%r15\n\t"
                     "mov %%r9, %%rbx\n\t"
                     "mov $17, %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n\t"
                     "movabs $0x1111222233334444, %%rcx\n\t"
                     "xor %%rcx, %%r9\n\t"
                     "xor %%rcx, %%r12\n\t"
                     "xor %%rcx, %%r13\n\t"
                     "xor %%rcx, %%r14\n\t"
                     "xor %%rcx, %%r15\n\t"
                     "xor %%rcx, %%rbx\n\t"
                     "or %%r12, %%r9\n\t"
                     "or %%r13, %%r9\n\t"
                     "or %%r14, %%r9\n\t"
                     "or %%r15, %%r9\n\t"
                     "or %%rbx, %%r9\n\t"
                     "mov %%r9, %0"
                     : "=r"(wrong)
                     :
                     : "rax", "rbx", "rcx", "rdi", "r9", "r11", "r12", "r13",
                       "r14", "r15", "memory");
    return (s64)wrong;
}

s64 attack_nested_lists(void)
{
    struct multicall_entry *const list = (void *)scratch[1];
    list[0] =
        (struct multicall_entry){ .op = 13, .args = { va_of(&list[1]), 1 } };
    list[1] = (struct multicall_entry){ .op = 17 };
    const s64 rc = call_multicall(va_of(list), 1, 0, 0);
    return rc != 0 ? rc - 100 : *(volatile s64 *)&list[0].result;
}

s64 attack_long_list(void)
{
    static struct multicall_entry list[5000];
    for (u32 i = 0; i < ARRAY_COUNT(list); i++) {
        list[i] = (struct multicall_entry){ .op = NR_TIMER, .result = 1 };
    }
    const s64 rc = call_multicall(va_of(list), ARRAY_COUNT(list), 0, 0);
    for (u32 i = 0; rc == 0 && i < ARRAY_COUNT(list); i++) {
        if (*(volatile s64 *)&list[i].result != 0) {
            return i + 1;
        }
    }
    return rc;
}

/* ---- A63..A69: quantities
 * ------------------------------------------------------------ */

s64 attack_timers(void)
{
    static const u64 times[] = { 1, 1ull << 62, 1ull << 63, U64_MAX - 1,
                                 U64_MAX };
    for (u32 round = 0; round < 1000; round++) {
        for (u32 i = 0; i < ARRAY_COUNT(times); i++) {
            if (call_set_timer_op(times[i], 0, 0, 0) != 0) {
                return i + 1;
            }
        }
    }
    return call_set_timer_op(0, 0, 0, 0);
}

s64 attack_yields(void)
{
    const u64 until = time_ns() + 500000000;
    for (u32 i = 0; i < 20000 && time_ns() < until; i++) {
        if (call_sched_yield(0, 0, 0, 0) != 0) {
            return 1;
        }
    }
    return 0;
}

s64 attack_other_vcpus(void)
{
    return call_vcpu_up(VCPUS, 0, 0, 0) == -ENOENT
               ? call_vcpu_up(U32_MAX, 0, 0, 0)
               : 1;
}

s64 attack_console_bad(void)
{
    return call_console_write(64, 0xffff820000200000ull, 0, 0);
}

s64 attack_console_flood(void)
{
    static const char evil[] = "\x1b[2J\x1b]0;x\x07\x1bP\x9b"
                               "31m\r\b\x7f";
    for (u32 i = 0; i < 20; i++) {
        say("ATTACK noise ");
        say(evil);
        say("\n");
    }
    return 0;
}

s64 attack_control_calls(void)
{
    static const u8 numbers[] = { 7, 27, 34, 35, 36, 37, 38, 39, 40, 41, 48 };
    for (u32 i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (hypercall(numbers[i], va_of(scratch[1]), 0, 0, 0, 0) != -ENOSYS) {
            return numbers[i];
        }
    }
    return 0;
}

s64 attack_suspend(void)
{
    struct arg_sched_shutdown a = { SHUTDOWN_SUSPEND };
    return call_sched_shutdown(0, &a);
}

s64 attack_refusals(void)
{
    for (u32 i = 0; i < 20000; i++) {
        if (hypercall(200, i, 0, 0, 0, 0) != -ENOSYS) {
            return 1;
        }
    }
    return 0;
}

s64 attack_store_ring(void)
{
    struct store_ring *r = page_of_frame(start_info->store_mfn);
    struct arg_evtchn_port p = { start_info->store_evtchn };
    r->req_prod = r->req_cons + 0x80000000u;
    barrier();
    return call_evtchn_send(0, &p);
}
