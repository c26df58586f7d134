/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest does to its own processor, through the entry that all guests
 * come in by (trap_from_guest): hypercalls on traps, segments and registers,
 * privileged instructions, faults, page-table writes by instruction, returns.
 * After each, the registers that would be loaded must be ones that keep ring 0
 * safe, and the descriptor copies ones that only describe ring 3.
 */
#include <string.h>

#include "core/arch.h"
#include "core/pgtable.h"
#include "fuzz/machine.h"
#include "fuzz/seq.h"
#include "tests/host_arch.h"
#include "x86/context.h"
#include "x86/desc.h"
#include "x86/private.h"

#define BIT(n) (1ull << (n))
#define NUMBERS_CPU                                                            \
    (BIT(0) | BIT(2) | BIT(3) | BIT(5) | BIT(8) | BIT(9) | BIT(10) | BIT(23) | \
     BIT(24) | BIT(25) | BIT(30) | BIT(33))
#define CODE_AT 0x20000u /* offsets of the guest buffer */
#define STACK_AT 0x21000u
#define OPS_MAX 24u

static struct seq q;
static u32 rows[HCROW_COUNT], row_count;
static struct regs *r;
static struct vcpu *v;

static void begin(void)
{
    static const struct world_kind kind = { 0 };
    static const struct family family = { .numbers = NUMBERS_CPU };

    world_begin(&kind);
    machine_reset();
    if (row_count == 0) {
        grammar_init();
        for (u32 i = 1; i < HCROW_COUNT; i++) {
            if ((NUMBERS_CPU >> grammar[i].nr & 1) != 0 || i == HCROW_set_ldt ||
                i == HCROW_new_user_baseptr) {
                rows[row_count++] = i;
            }
        }
    }
    memset(&q, 0, sizeof(q));
    q.family = &family;
    v = actor(0);
    v->user_root = mfn(MFN_NONE);
    actor(1)->state = VCPU_EMPTY; /* to be initialised */
    r = machine_run(v);
    r->cs = SEL_GUEST_CS64;
    r->ss = SEL_GUEST_DS;
    r->rflags = RFLAGS_IF | RFLAGS_ONE;
    /* A kernel that has set up what every kernel does. */
    for (u32 i = 0; i < 256; i++) {
        private_traps(v)[i] =
            (struct trap_info){ (u8)i, (u8)(i % 8), SEL_GUEST_CS64, 0, 0x1000 };
    }
    for (u32 i = 0; i < CALLBACK_COUNT; i++) {
        v->callback[i].address = 0x2000;
    }
    v->kernel_sp = HOST_GUEST_BASE + STACK_AT;
}

/* ---- what must hold
 * ------------------------------------------------------------ */

static void check_copy(const u64 *copy, u32 entries, const char *what)
{
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        const u64 d = copy[i];
        const u64 wanted =
            DESC_PRESENT | DESC_SEGMENT | DESC_DPL | DESC_ACCESSED;
        const u64 reserved = DESC_CODE | DESC_LONG | DESC_BIG;

        if (d == 0) {
            continue;
        }
        if ((d & wanted) != wanted || (d & reserved) == reserved) {
            fuzz_fail("%s entry %u is %016llx", what, i, (unsigned long long)d);
        }
        if (i >= entries) {
            fuzz_fail("%s entry %u is beyond its end", what, i);
        }
    }
}

static void check_debug(void)
{
    for (u32 i = 0; i < 4; i++) {
        const u64 a = v->debugreg[i];

        if (!address_is_guest(a)) {
            fuzz_fail("a watchpoint at %llx", (unsigned long long)a);
        }
    }
    for (u32 i = 0; i < 4; i++) {
        if ((v->debugreg[7] >> (16 + 4 * i) & 3) == 2) {
            fuzz_fail("a watchpoint on ports");
        }
    }
}

static void check_regs(void)
{
    const u64 flags = RFLAGS_GUEST | RFLAGS_IF | RFLAGS_ONE;

    if ((r->cs & 3) != 3 || (r->ss & 3) != 3 || r->cs > 0xffff ||
        r->ss > 0xffff) {
        fuzz_fail("a return to cs %llx, ss %llx", (unsigned long long)r->cs,
                  (unsigned long long)r->ss);
    }
    if ((r->rflags & ~flags) != 0 ||
        (r->rflags & (RFLAGS_IF | RFLAGS_ONE)) != (RFLAGS_IF | RFLAGS_ONE)) {
        fuzz_fail("a return with rflags %llx", (unsigned long long)r->rflags);
    }
    for (u32 i = 0; i < 256; i++) {
        const struct trap_info *t = &private_traps(v)[i];

        if (t->address != 0 &&
            (!address_is_guest(t->address) || t->cs != SEL_GUEST_CS64)) {
            fuzz_fail("trap %u goes to %x:%llx", i, t->cs,
                      (unsigned long long)t->address);
        }
    }
    if (v->iopl > 3) {
        fuzz_fail("IOPL %u", v->iopl);
    }
}

static void check_all(void)
{
    for (u32 i = 0; i < WORLD_VCPUS; i++) {
        const struct vcpu *w = actor(i);

        check_copy(private_gdt(w), w->gdt_entries, "GDT");
        check_copy(private_ldt(w), w->ldt_entries, "LDT");
    }
    check_debug();
    check_regs();
    (void)world_check(v->domain);
}

/* ---- operations
 * ----------------------------------------------------------------- */

static void say(const char *what, const u8 *code)
{
    if (fuzz_log == FUZZ_QUIET) {
        return;
    }
    fuzz_say("%4u  %s: vector %x error %x at %llx, %s mode", q.step, what,
             r->vector, r->error, (unsigned long long)r->rip,
             v->in_kernel ? "kernel" : "user");
    for (u32 i = 0; code != NULL && i < 15; i++) {
        fuzz_say(" %02x", code[i]);
    }
    fuzz_say("\n");
}

static void enter(u32 vector, u32 error)
{
    r->vector = vector;
    r->error = error;
    if (vector == VECTOR_SYSCALL && v->in_kernel) {
        trap_hypercall(r); /* as entry.S chooses */
    } else {
        trap_from_guest(r);
    }
    fuzz_say("       -> rip %llx cs %llx rflags %llx rsp %llx rax %llx%s\n",
             (unsigned long long)r->rip, (unsigned long long)r->cs,
             (unsigned long long)r->rflags, (unsigned long long)r->rsp,
             (unsigned long long)r->rax,
             v->domain->state == DOMAIN_RUNNING ? "" : ", domain ended");
}

static void hypercall(struct input *rec, u32 row)
{
    static struct call c;

    if (!v->in_kernel) {
        ctxsw_to_kernel(v);
    }
    call_make(&q, rec, 0, row, ACTOR_AT(0), &c);
    call_write(&c, ACTOR_AT(0));
    oplog_call(&q, 0, &c, 512, 0);
    fuzz_say("\n");
    r->rax = c.nr;
    r->rdi = c.arg[0];
    r->rsi = c.arg[1];
    r->rdx = c.arg[2];
    r->r10 = c.arg[3];
    for (u32 i = 0; i < 64; i++) { /* until it is through */
        enter(VECTOR_SYSCALL, 0);
        if (c.nr == NR_IRET || r->rip != HOST_GUEST_BASE + CODE_AT - 2) {
            break;
        }
        r->rip += 2;
        r->rax = c.nr;
    }
}

/* A context for a new vCPU that will do, but for a word or two. */
static void write_context(struct input *rec)
{
    const u32 at = ACTOR_AT(0) + DATA_AT;
    const u64 root = host_mfn(v->domain, ROOT_PFN).v << PAGE_BITS;
    const u64 flags = CONTEXT_IN_KERNEL;
    const u32 changes = take8(rec) % 4u;

    memset(host_guest(at), 0, CONTEXT_BYTES);
    memcpy(host_guest(at + CONTEXT_REGS), &flags, 8);
    memcpy(host_guest(at + CONTEXT_TABLES +
                      (u32)offsetof(struct context_tables, ctrlreg[3])),
           &root, 8);
    for (u32 i = 0; i < changes; i++) {
        const u32 where = take16(rec) % (CONTEXT_BYTES / 8u);
        const u64 word = value_of(&q, rec, 0, KIND_MFN, 0, 0) << PAGE_BITS;

        memcpy(host_guest(at + where * 8), &word, 8);
    }
}

/* A frame for iret, or descriptors, or a context, in the guest's memory. */
static void write_words(struct input *rec)
{
    const u8 c = take8(rec);
    const u32 at = c < 0x80   ? STACK_AT + c % 16u * 8
                   : c < 0xc0 ? ACTOR_AT(0) + DATA_AT + c % 64u * 8
                              : ACTOR_AT(0) + DATA_AT + take16(rec) % 5200u;

    for (u32 i = 0; i < 9; i++) {
        static const u64 odd[] = { 0,
                                   SEL_GUEST_CS64,
                                   SEL_GUEST_DS,
                                   0x202,
                                   HOST_GUEST_BASE + STACK_AT,
                                   U64_MAX,
                                   0x0000800000000000ull,
                                   0xe008,
                                   0x33,
                                   0x100,
                                   0x3202,
                                   0x9090 };
        const u8 b = take8(rec);
        const u64 word =
            b < 0xf0 ? odd[b % ARRAY_COUNT(odd)] + b / 64u : take64(rec);

        memcpy(host_guest(at + i * 8), &word, 8);
    }
}

static void write_descriptors(struct input *rec)
{
    u64 *to = host_frame(host_mfn(v->domain, MAPPED_FIRST + take8(rec) % 8u));

    for (u32 i = 0; i < 4; i++) {
        to[take8(rec) * 2u] = value_of(&q, rec, 0, KIND_DESC, 0, 0);
    }
}

/* An instruction that faults, at code in the guest's memory. */
static void fault(struct input *rec, u32 kind)
{
    static const u32 vectors[] = { TRAP_GP, TRAP_UD, TRAP_PF, TRAP_PF };
    static const u8 errors[] = { 7, 3, 5, 6, 4, 2, 0x15, 15 };
    const u8 c = take8(rec);
    u8 *code = host_guest(CODE_AT);

    v->in_kernel = (c & 1) != 0;
    r->rip = HOST_GUEST_BASE + CODE_AT;
    r->rdi = WORLD_VA + (ROOT_PFN + 3) * PAGE_BYTES + (c & 0xfe) * 8u;
    r->rsp = HOST_GUEST_BASE + STACK_AT - (c & 8u);
    r->rax = take16(rec);
    r->rcx = (c & 64) != 0 ? take64(rec) : take16(rec) | 0xc0000000;
    r->rdx = take8(rec);
    r->rsi = value_pte(&q, rec, 0);
    machine.cr2 = (c & 32) != 0 ? take64(rec) : r->rdi;
    for (u32 i = 0; i < 15; i++) {
        code[i] = take8(rec);
    }
    say("fault", code);
    enter(vectors[kind % 4], vectors[kind % 4] == TRAP_PF ? errors[c / 32u]
                             : (c & 16) != 0              ? c * 8u + 2
                                                          : 0);
}

/* Map the L1 table where the guest can see it, read-only, as kernels do. */
static void show_table(void)
{
    u64 *l1 = host_table(host_mfn(v->domain, ROOT_PFN + 3));

    if (l1[ROOT_PFN + 3] == 0) {
        struct arg_mmu_update a = {
            (host_mfn(v->domain, ROOT_PFN + 3).v << PAGE_BITS) +
                (ROOT_PFN + 3) * 8,
            host_mfn(v->domain, ROOT_PFN + 3).v << PAGE_BITS | 5
        };
        struct hc_call c = { .v = v };

        v->budget = 512;
        (void)hc_mmu_normal(&c, &a);
    }
}

static void one(struct input *in)
{
    const u8 what = take8(in);

    host_run(v);
    r->rip = HOST_GUEST_BASE + CODE_AT;
    if (what < 0x80) {
        struct input rec = { in->data + in->at, left(in) < 12 ? left(in) : 12,
                             0 };

        in->at += rec.bytes;
        hypercall(&rec, rows[what % row_count]);
    } else if (what < 0xc0) {
        fault(in, what);
    } else if (what < 0xd0) {
        write_words(in);
    } else if (what < 0xe0) {
        write_descriptors(in);
    } else if (what < 0xe4) {
        show_table();
    } else if (what < 0xe8) {
        write_context(in);
    } else {
        const u32 vector = take8(in);

        machine.dr6 = take16(in);
        v->in_kernel = (what & 1) != 0;
        r->rsp = HOST_GUEST_BASE + STACK_AT;
        say("trap", NULL);
        enter(vector == VEC_HALT ? TRAP_DB
              : vector == 0xff   ? VECTOR_SYSCALL32
              : vector == 0xfe   ? VECTOR_SYSENTER
              : vector == 0xfd   ? VECTOR_SYSCALL
                                 : vector,
              take8(in));
    }
}

void target_trap(const u8 *data, size_t bytes)
{
    struct input in = { data, bytes, 0 };

    begin();
    if ((take8(&in) & 1) != 0) { /* it has a user mode, with the same root */
        v->budget = 512;
        (void)pgtable_set_root(v, v->kernel_root, true);
    }
    for (q.step = 0; q.step < OPS_MAX && left(&in) != 0; q.step++) {
        if (v->domain->state != DOMAIN_RUNNING) {
            break;
        }
        one(&in);
        if (v->domain->state == DOMAIN_RUNNING) {
            check_all();
        }
    }
    world_check_victim();
}

/* Every descriptor there can be, and every way to one. */
void target_desc(const u8 *data, size_t bytes)
{
    struct input in = { data, bytes, 0 };

    begin();
    for (q.step = 0; q.step < OPS_MAX && left(&in) != 0; q.step++) {
        const u8 what = take8(&in);
        const u64 desc = take64(&in);
        const u32 index = what % 16u;
        u64 *frame = host_frame(host_mfn(v->domain, MAPPED_FIRST));
        struct hc_call c = { .v = v };

        host_run(v);
        if (desc_is_allowed(desc) && desc_sanitise(desc) != 0 &&
            (desc_sanitise(desc) & ~(DESC_DPL | DESC_ACCESSED)) !=
                (desc & ~(DESC_DPL | DESC_ACCESSED))) {
            fuzz_fail("a good descriptor came out as another");
        }
        if (what < 0x60) {
            frame[index] = desc;
        } else if (what < 0x90) {
            c.arg[0] = HOST_GUEST_BASE + ACTOR_AT(0);
            c.arg[1] = index + (what & 1u) * 504u;
            memcpy(host_guest(ACTOR_AT(0)),
                   &(u64){ host_mfn(v->domain, MAPPED_FIRST).v }, 8);
            (void)hc_set_gdt(&c);
        } else if (what < 0xb0) {
            struct arg_mmuext_op a = { .arg1 =
                                           WORLD_VA + MAPPED_FIRST * PAGE_BYTES,
                                       .arg2 = index };

            (void)hc_set_ldt(&c, &a);
        } else {
            c.arg[0] = (host_mfn(v->domain, MAPPED_FIRST).v << PAGE_BITS) +
                       index * 8 + (what == 0xff ? 4 : 0);
            c.arg[1] = desc;
            (void)hc_update_descriptor(&c);
        }
        check_all();
    }
}
