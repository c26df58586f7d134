/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts on the tenant's frames by their machine numbers, and on its vCPUs.
 * Whatever an attempt gets to see, it looks at.
 */
#include "guests/hostile0/hostile0.h"

#define SPARE_SLOT 508u /* of the L2 that maps the image: nothing there */
#define NR_MMU_UPDATE 1u
#define NR_MMUEXT_OP 26u
#define PIN_L1 0u
#define PIN_L3 2u
#define PIN_L4 3u
#define UNPIN 4u
#define BASEPTR 5u
#define USER_BASEPTR 15u
#define KEEP_AD 2u
#define CONTEXT_BYTES 5168u

static u64 entry(u64 frame, u64 flags)
{
    return frame << PAGE_BITS | flags;
}

/* ---- entries that name it
 * --------------------------------------------------- */

static s64 seen(s64 answer)
{
    if (answer == 0) {
        look(window);
    }
    return answer;
}

static s64 map_read(u64 frame)
{
    return seen(map_va(va_of(window), entry(frame, P_RO), UVMF_INVLPG));
}

static s64 map_write(u64 frame)
{
    return seen(map_va(va_of(window), entry(frame, P_RW), UVMF_INVLPG));
}

static s64 map_entry(u64 frame)
{
    const s64 r = mmu_write(entry_of(va_of(window), 1), entry(frame, P_RW));
    (void)mmu_ext(7, va_of(window), 0);
    return seen(r);
}

static s64 map_keep(u64 frame)
{
    const s64 r =
        mmu_write(entry_of(va_of(window), 1) | KEEP_AD, entry(frame, P_RO));
    (void)mmu_ext(7, va_of(window), 0);
    return seen(r);
}

static s64 map_table(u64 frame)
{
    const u64 va = VIRT_BASE + ((u64)SPARE_SLOT << 21);
    return mmu_write(entry_of(va, 2), entry(frame, P_TABLE));
}

static void load(u64 at)
{
    (void)*(const volatile u64 *)at;
}

/* Stored or refused, as the processor needs it; what it must not be is seen. */
static s64 map_absent(u64 frame)
{
    const s64 r = mmu_write(entry_of(va_of(window), 1), entry(frame, P_WRITE));
    if (r != 0 && r != -EINVAL) {
        return r;
    }
    return try_call(load, va_of(window)) != 0 ? FAULT : seen(0);
}

#define EACH_FRAME(name)                                                       \
    s64 try_##name(void)                                                       \
    {                                                                          \
        return each_frame(name);                                               \
    }

EACH_FRAME(map_read)
EACH_FRAME(map_write)
EACH_FRAME(map_entry)
EACH_FRAME(map_keep)
EACH_FRAME(map_table)

s64 try_map_absent(void)
{
    (void)map_va(va_of(window), 0, UVMF_INVLPG);
    return each_frame(map_absent);
}

/* ---- words
 * ------------------------------------------------------------------ */

static s64 write_word(u64 frame)
{
    return mmu_write(frame << PAGE_BITS, 0);
}

static s64 write_keep(u64 frame)
{
    return mmu_write(frame << PAGE_BITS | KEEP_AD, 0);
}

static s64 write_m2p(u64 frame)
{
    return mmu_write(frame << PAGE_BITS | 1, 5);
}

EACH_FRAME(write_word)
EACH_FRAME(write_keep)
EACH_FRAME(write_m2p)

s64 try_write_other(void)
{
    struct arg_mmu_update u = { prey.ring << PAGE_BITS, 0 };
    return hypercall(NR_MMU_UPDATE, va_of(&u), 1, 0, prey.domid, 0);
}

static void store(u64 at)
{
    *(volatile u64 *)at = 5;
}

s64 try_load_m2p(void)
{
    return try_call(load, va_of(&M2P[prey.ring])) != 0 ? FAULT : 0;
}

s64 try_store_m2p(void)
{
    return try_call(store, va_of(&M2P[prey.ring])) != 0 ? FAULT : 0;
}

/* ---- tables and roots
 * ------------------------------------------------------- */

static s64 pin_l1(u64 frame)
{
    return mmu_ext(PIN_L1, frame, 0);
}

static s64 pin_l3(u64 frame)
{
    return mmu_ext(PIN_L3, frame, 0);
}

static s64 pin_l4(u64 frame)
{
    return mmu_ext(PIN_L4, frame, 0);
}

static s64 unpin(u64 frame)
{
    return mmu_ext(UNPIN, frame, 0);
}

static s64 root(u64 frame)
{
    return mmu_ext(BASEPTR, frame, 0);
}

static s64 user_root(u64 frame)
{
    return mmu_ext(USER_BASEPTR, frame, 0);
}

EACH_FRAME(pin_l1)
EACH_FRAME(pin_l3)
EACH_FRAME(pin_l4)
EACH_FRAME(unpin)
EACH_FRAME(root)
EACH_FRAME(user_root)

s64 try_ext_other(void)
{
    struct arg_mmuext_op op = { .cmd = PIN_L1, .arg1 = prey.ring };
    return hypercall(NR_MMUEXT_OP, va_of(&op), 1, 0, prey.domid, 0);
}

/* ---- the balloon
 * ------------------------------------------------------------ */

static s64 release(u64 frame)
{
    struct arg_memory_reservation a = { .extent_start = va_of(&frame),
                                        .nr_extents = 1,
                                        .domid = SELF };
    return call_decrease_reservation(0, &a);
}

EACH_FRAME(release)

s64 try_release_other(void)
{
    u64 list[2] = { prey.ring, prey.first };
    struct arg_memory_reservation a = { .extent_start = va_of(list),
                                        .nr_extents = 2,
                                        .domid = prey.domid };
    return call_decrease_reservation(0, &a);
}

s64 try_populate_other(void)
{
    u64 list[2] = { 0, 1 };
    struct arg_memory_reservation a = { .extent_start = va_of(list),
                                        .nr_extents = 2,
                                        .domid = prey.domid };
    return call_populate_physmap(0, &a);
}

/* ---- vCPUs
 * ------------------------------------------------------------------ */

static s64 gdt(u64 frame)
{
    return call_set_gdt(va_of(&frame), 512, 0, 0);
}

static s64 info_page(u64 frame)
{
    struct arg_vcpu_info_place a = { .mfn = frame };
    return call_vcpu_info(0, &a);
}

EACH_FRAME(gdt)
EACH_FRAME(info_page)

/* Numbers that could be another domain's vCPU, if a number could. */
#define EACH_VCPU(name, call)                                                  \
    static s64 one_##name(u64 number)                                          \
    {                                                                          \
        static u8 context[CONTEXT_BYTES] __attribute__((aligned(16)));         \
        return call(number, va_of(context), 0, 0);                             \
    }                                                                          \
    s64 try_##name(void)                                                       \
    {                                                                          \
        const u64 other = (u64)prey.domid << 16;                               \
        return both(each(one_##name, 1, 64),                                   \
                    both(one_##name(other), one_##name(other | 1)));           \
    }

EACH_VCPU(registers, call_vcpu_initialise)
EACH_VCPU(vcpu_up, call_vcpu_up)
EACH_VCPU(vcpu_down, call_vcpu_down)
EACH_VCPU(vcpu_nmi, call_vcpu_send_nmi)
