/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that takes the ways into ring 0 and out of it, round after round, and
 * looks whether it is still itself: tests/fire raises events in the hypervisor
 * at each instruction of these ways meanwhile. With victim=yes it is the
 * neighbour, which sleeps and computes. It says
 *
 *     fire: round N            from time to time
 *     fire: BAD way what ...   when something is not what it must be
 *
 * and goes on until it is stopped. Of #DB, #BP and #NM it only wants to know
 * that they come: a #DB may also be one that was aimed at the hypervisor's last
 * instruction, and is then the guest's by the architecture.
 */
#include "guests/lib/guest.h"

#define NM 7u
#define BP 3u
#define FLAG_TF 0x100u
#define FLAG_IF 0x200u
#define CR4_FSGSBASE 0x10000ull
#define FLAGS_COMPARED 0xcd5u
#define FLAGS_SET 0x8d5u
#define PIN_L1 0u
#define NEW_USER_BASEPTR 15u
#define CS_32 0xe023u
#define LOW_CODE 0x400000u
#define DR7_WATCH_WORD 0x00070001u /* DR0 on, any access, 2 bytes */
#define TICK_NS 100000u
#define ROUNDS_A_LINE 16u
#define EFAULT 14

#define RAX (1u << 0)
#define RBX (1u << 1)
#define RCX (1u << 2)
#define RDX (1u << 3)
#define RDI (1u << 5)
#define RSI (1u << 4)
#define R11 (1u << 10)
#define BY_CALL (RAX | RCX | RDI | RSI | R11)
#define BY_CPUID (RAX | RBX | RCX | RDX)

enum { KEPT_FLAGS = 15, KEPT_FS, KEPT_GS, KEPT_COUNT };

/* ways.S */
u64 kept[KEPT_COUNT];
u16 stack_selector = SS_KERNEL;
void way_hypercall(void);
void way_int3(void);
void way_spin(void);
void way_cpuid(void);
void way_control(void);
void way_float(void);
void way_watched(void);
void way_target(void);
void program_call(void);
void program_spin(void);
void program_int3(void);
void program_cpuid(void);
void program_target(void);
void program_fault(void);
void program_sysenter(void);
void program_32(void);

static const u64 word_fs = 0xf5f5f5f5;
static const u64 word_kernel = 0x6b6b6b6b;
static const u64 word_user = 0x75757575;
static u8 low_l3[PAGE_BYTES] __attribute__((aligned(4096)));
static u8 low_l2[PAGE_BYTES] __attribute__((aligned(4096)));
static u8 low_l1[PAGE_BYTES] __attribute__((aligned(4096)));
static u8 low_code[PAGE_BYTES] __attribute__((aligned(4096)));

static u64 va_of(const volatile void *p)
{
    return (u64)(uintptr_t)p;
}

static void expect(const char *way, const char *what, u64 got, u64 wanted)
{
    if (got != wanted) {
        say("fire: BAD ");
        say(way);
        say(" ");
        say(what);
        say(" is ");
        say_hex(got);
        say(", not ");
        say_hex(wanted);
        say("\n");
    }
}

/* What a way has left, but for the registers it may change. */
static void compare(const char *way, u32 changed, u64 gs)
{
    static const char *const names[] = { "rax", "rbx", "rcx", "rdx", "rsi",
                                         "rdi", "rbp", "r8",  "r9",  "r10",
                                         "r11", "r12", "r13", "r14", "r15" };
    for (u32 i = 0; i < KEPT_FLAGS; i++) {
        if ((changed >> i & 1) == 0) {
            expect(way, names[i], kept[i], 0x1111111111111111 * (i + 1));
        }
    }
    expect(way, "flags", kept[KEPT_FLAGS] & FLAGS_COMPARED, FLAGS_SET);
    expect(way, "fs", kept[KEPT_FS], word_fs);
    expect(way, "gs", kept[KEPT_GS], gs);
}

static void take(const char *way, void (*f)(void), u32 changed)
{
    f();
    compare(way, changed, word_kernel);
}

static void go(u64 frame)
{
    raw_iret((const u64 *)frame);
}

/* Go there by the iret hypercall, until an exception: which one? */
static u32 go_there(const char *way, u64 rip, u64 cs, u64 rflags)
{
    const u64 stack = va_of(&room()->own[1]);
    const u64 frame[9] = { 0, 0, 0, 0, rip, cs, rflags, stack, SS_KERNEL };
    expect(way, "try_call", try_call(go, va_of(frame)), 1);
    return (u32)room()->seen.vector;
}

static void program(const char *way, void (*f)(void), u64 rflags, u32 changed)
{
    const u32 met = go_there(way, va_of((void *)f), CS_KERNEL, rflags);
    expect(way, "vector", met, SYSCALL);
    compare(way, changed, word_user);
}

static void programs(void)
{
    program("program", program_call, 0, 0);
    program("program-spin", program_spin, 0, RCX);
    program("program-int3", program_int3, 0, 0);
    program("program-cpuid", program_cpuid, 0, BY_CPUID);
    program("program-target", program_target, 0, 0);
    const u64 before = room()->passed[DB];
    (void)go_there("steps", va_of((void *)program_call), CS_KERNEL, FLAG_TF);
    compare("steps", 0, word_user);
    expect("steps", "taken", room()->passed[DB] > before + 10, true);
    u32 met = go_there("fault", va_of((void *)program_fault), CS_KERNEL, 0);
    expect("fault", "vector", met, PF);
    expect("fault", "address", room()->seen.cr2, 0x1000);
    /* Processors differ in whether the instruction exists. */
    met = go_there("sysenter", va_of((void *)program_sysenter), CS_KERNEL, 0);
    expect("sysenter", "vector", met == UD ? GP : met, GP);
    (void)go_there("sysenter", va_of((void *)program_sysenter), CS_KERNEL,
                   FLAG_TF);
    met = go_there("program-32", LOW_CODE, CS_32, 0);
    expect("program-32", "vector", met, UD);
}

static void write_cr4(u64 value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value));
}

/* A system call as Linux makes it: with FSGSBASE, and open to events. */
static void straight(void)
{
    write_cr4(CR4_FSGSBASE);
    program("straight", program_call, FLAG_IF, 0);
    my_info()->upcall_mask = 1;
    write_cr4(0);
}

/* Returns that the processor refuses. */
static void bad_returns(void)
{
    u32 met = go_there("bad-cs", va_of((void *)way_spin), 0xe008, 0);
    expect("bad-cs", "vector", met, FAILSAFE);
    met = go_there("bad-rip", 0x0000800000000000, CS_KERNEL, 0);
    expect("bad-rip", "vector", met == PF || met == GP ? FAILSAFE : met,
           FAILSAFE);
}

static void store_nowhere(u64 address)
{
    *(volatile u64 *)address = 1;
}

static void do_rdmsr(u64 number)
{
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
}

static void faults(void)
{
    expect("store", "fault", try_call(store_nowhere, 0x2000), 1);
    expect("store", "vector", room()->seen.vector, PF);
    expect("store", "address", room()->seen.cr2, 0x2000);
    (void)try_call(do_rdmsr, 0x12345);
    /* One that ring 0 meets and goes round. */
    expect("pointer", "answer", (u64)call_set_trap_table(0x1000, 0, 0, 0),
           (u64)-EFAULT);
}

/* A store to a page table of its own, which the hypervisor carries out. */
static void table_store(void)
{
    volatile u64 *const entry = (volatile u64 *)(void *)low_l1;
    const u64 value = frame_of_page(low_code) << PAGE_BITS | P_RO;
    entry[7] = value;
    expect("table", "entry", entry[7] & P_FRAME, value & P_FRAME);
    entry[7] = 0;
}

static void watched(void)
{
    const u64 before = room()->passed[DB];
    (void)call_set_debugreg(0, va_of(&stack_selector), 0, 0);
    (void)call_set_debugreg(7, DR7_WATCH_WORD, 0, 0);
    take("watched", way_watched, BY_CALL);
    (void)call_set_debugreg(7, 0, 0, 0);
    expect("watched", "taken", room()->passed[DB] > before, true);
}

static void segments(void)
{
    (void)call_segbase_gs_sel(SS_KERNEL, 0, 0, 0);
    (void)call_segbase_fs(va_of(&word_fs), 0, 0, 0);
    (void)call_segbase_gs_kernel(va_of(&word_kernel), 0, 0, 0);
    (void)call_segbase_gs_user(va_of(&word_user), 0, 0, 0);
}

/* An event while it runs, then one while the CPU has nothing to do. */
static void events(void)
{
    const u64 before = event_count;
    const u64 nmis = room()->nmi_count;
    my_info()->upcall_mask = 0;
    (void)call_set_timer_op(time_ns() + TICK_NS, 0, 0, 0);
    while (event_count == before) {
        take("event", way_spin, RCX);
    }
    my_info()->upcall_mask = 1;
    (void)call_vcpu_send_nmi(me(), 0, 0, 0);
    expect("nmi", "count", room()->nmi_count, nmis + 1);
    sleep_until(time_ns() + TICK_NS);
}

static void round(void)
{
    segments();
    take("hypercall", way_hypercall, BY_CALL);
    take("int3", way_int3, 0);
    take("spin", way_spin, RCX);
    take("cpuid", way_cpuid, BY_CPUID);
    take("control", way_control, RAX);
    (void)call_fpu_taskswitch(1, 0, 0, 0);
    take("float", way_float, 0);
    take("target", way_target, 0);
    programs();
    straight();
    bad_returns();
    faults();
    table_store();
    watched();
    events();
}

static u64 entry_for(const volatile void *page, u64 flags)
{
    return frame_of_page(page) << PAGE_BITS | flags;
}

static void setup(void)
{
    struct arg_evtchn_virq virq = { .virq = 0, .vcpu = 0 };
    expect("setup", "virq", (u64)call_evtchn_bind_virq(1, &virq), 0);
    struct arg_evtchn_port port = { virq.port };
    expect("setup", "unmask", (u64)call_evtchn_unmask(0, &port), 0);
    const u8 *const code = (const u8 *)(uintptr_t)program_32;
    for (u32 i = 0; i < 4; i++) {
        low_code[i] = code[i];
    }
    ((u64 *)(void *)low_l1)[(LOW_CODE >> PAGE_BITS) % 512] =
        entry_for(low_code, P_RO);
    ((u64 *)(void *)low_l2)[LOW_CODE >> 21] = entry_for(low_l1, P_TABLE);
    ((u64 *)(void *)low_l3)[0] = entry_for(low_l2, P_TABLE);
    s64 rc = page_protect(low_l1, P_RO);
    rc |= page_protect(low_l2, P_RO);
    rc |= page_protect(low_l3, P_RO);
    rc |= mmu_write(entry_of(0, 4), entry_for(low_l3, P_TABLE));
    rc |= mmu_ext(NEW_USER_BASEPTR, table_of(0, 4), 0);
    expect("setup", "tables", (u64)rc, 0);
    room()->passing = 1u << DB | 1u << BP | 1u << NM;
}

static void neighbour(void)
{
    sleep_until(time_ns() + 2 * TICK_NS);
    take("victim", way_spin, RCX);
    take("victim", way_hypercall, BY_CALL);
}

void guest_main(void)
{
    const bool is_victim = text_equal(option("victim"), "yes");
    setup();
    segments();
    for (u64 rounds = 1;; rounds++) {
        if (is_victim) {
            neighbour();
        } else {
            round();
        }
        if (rounds % ROUNDS_A_LINE == 0) {
            say("fire: round ");
            say_dec((s64)rounds);
            say("\n");
        }
    }
}
