/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a small guest needs: its start, console, exceptions, page tables.
 *
 * The guest begins on one vCPU (smp.h brings up more), on the tables it was
 * given, with all of its image and the start area mapped at VIRT_BASE +
 * (pfn << 12). Exceptions that nobody waits for are reported and end the
 * domain.
 *
 * Each vCPU has a room, 64 KiB of its own: pages to play with, stacks, and what
 * is known of it. Which room is told by the stack pointer, so a stack must lie
 * in the room of its vCPU: in one of its stacks or one of its pages.
 */
#ifndef GUESTS_LIB_GUEST_H
#define GUESTS_LIB_GUEST_H

#include "core/base.h"
#include "core/xen.h"
#include "guests/lib/hypercalls.h"
#include "guests/lib/rings.h"

#define VIRT_BASE 0xffffffff80000000ull
#define M2P ((const u64 *)0xffff800000000000ull)
#define HV_START 0xffff800000000000ull
#define HV_END 0xffff880000000000ull
#define SELF 0x7ff0u

#define CS_KERNEL 0xe033u
#define SS_KERNEL 0xe02bu

#define P_PRESENT 1ull
#define P_WRITE 2ull
#define P_USER 4ull
#define P_ACCESSED 0x20ull
#define P_DIRTY 0x40ull
#define P_LARGE 0x80ull
#define P_TABLE (P_PRESENT | P_WRITE | P_USER | P_ACCESSED | P_DIRTY)
#define P_RW (P_PRESENT | P_WRITE | P_ACCESSED | P_DIRTY)
#define P_RO (P_PRESENT | P_ACCESSED)
#define P_FRAME 0x000ffffffffff000ull

#define GP 13u
#define PF 14u
#define UD 6u
#define DB 1u
#define EVENT 256u
#define SYSCALL 257u
#define FAILSAFE 258u

struct trap_frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

/* What the last try_call of a vCPU met. */
struct seen {
    u64 vector, error, cr2, rip, cs, rax;
};

#define VCPUS 4u
#define PAGES 8u
#define LINE_BYTES 240u
#define ROOM_BYTES 65536u

struct room {
    u8 own[PAGES][PAGE_BYTES];
    u8 stack[16384];
    u8 user_stack[PAGE_BYTES]; /* entry from user mode */
    u64 try_stack;             /* 0: nobody waits for an exception */
    struct seen seen;
    u8 (*pages)[PAGE_BYTES]; /* own, or of the vCPU that is helped (smp.h) */
    bool may_fault; /* whatever exception it meets, it begins anew (smp.h) */
    u64 nmi_count;
    u32 passing; /* exceptions that are counted, and nothing else: bits */
    u64 passed[32];
    char line[LINE_BYTES];
    u32 line_used;
} __attribute__((aligned(65536)));

/* start.S knows them as numbers. */
_Static_assert(offsetof(struct room, user_stack) == 49152, "ROOM_STACK");
_Static_assert(offsetof(struct room, try_stack) == 53248, "ROOM_TRY");
_Static_assert(sizeof(struct room) == ROOM_BYTES, "told by the stack pointer");

extern struct start_info *start_info;
extern struct shared_info *shared;
extern struct room rooms[VCPUS];
extern const u64 trap_stubs[256];
extern volatile u64 event_count;
/* Ports whose events were taken since who looks here cleared their bits. */
extern u64 port_events[PORT_WORDS];

/* The guest's own beginning; it ends by guest_end. */
void guest_main(void);
void guest_start(struct start_info *s);
void guest_end(u32 reason) NO_RETURN;
/* Let others run, for about that many turns. */
void guest_wait(u32 turns);

/* Nanoseconds since the host's start, by the vCPU's time record. */
u64 time_ns(void);
/* Sleep until then; may be woken before. */
void sleep_until(u64 ns);

/* Console: text up to a newline is kept and sent in one piece. */
void say(const char *text);
/* Send what has no newline yet. */
void say_flush(void);
/* A character that was typed, -1 for none. */
s32 typed(void);
void say_dec(s64 n);
void say_hex(u64 n);

/* Call f(argument); 0 when it returned, 1 when an exception ended it, which
 * room()->seen then describes. */
u64 try_call(void (*f)(u64), u64 argument);
void try_recover(void);
void raw_iret(const u64 frame[9]) NO_RETURN;
void iret_at(u64 rsp) NO_RETURN;
void vcpu_entry(void); /* smp.h: where the other vCPUs begin */
void event_entry(void);
void syscall_entry(void);
void failsafe_entry(void);
void trap_handle(struct trap_frame *f);
/* Take the events that are pending, as the handler does: for who keeps them
 * masked. */
void pending_take(void);
/* Register all handlers again, as at the start. */
void traps_setup(void);

/* Memory: address, frame and entry of a page of the image. */
u64 frame_of_page(const volatile void *page);
void *page_of_frame(u64 frame);
/* Frame of the table of the level (4..1) on the way to va, 0 for none, and the
 * machine address of the entry there. */
u64 table_of(u64 va, u32 level);
u64 entry_of(u64 va, u32 level);
/* The entry itself, as the guest's read-only mapping shows it. */
u64 entry_value(u64 va, u32 level);

s64 mmu_write(u64 entry, u64 value);
s64 mmu_ext(u32 cmd, u64 arg1, u64 arg2);
s64 map_va(u64 va, u64 value, u64 flags);
/* Change how a page of the image is mapped. */
s64 page_protect(const volatile void *page, u64 flags);

void fill(void *to, u8 byte, u64 bytes);
bool text_equal(const char *a, const char *b);
/* Value of key= in the command line, "" when it is not there. Kept until the
 * next call. */
const char *option(const char *key);
/* The same as a number; when it is not there, otherwise. */
u64 option_number(const char *key, u64 otherwise);

/* The room of the vCPU that asks, and its number. */
static inline struct room *room(void)
{
    u64 rsp;
    __asm__ volatile("mov %%rsp, %0" : "=r"(rsp));
    return (struct room *)(rsp & ~(u64)(ROOM_BYTES - 1));
}

static inline u32 me(void)
{
    return (u32)(room() - rooms);
}

static inline struct vcpu_info *my_info(void)
{
    return &shared->vcpu_info[me()];
}

static inline void barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

#endif
