/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For faults_test.c: two domains, a call that works for every row of the
 * table, and what each of its copies stands for.
 *
 * d makes the calls; e has offered it a port and two grants. fill_NAME puts
 * the arguments of row NAME in place; the table at the end is expanded from
 * core/hypercalls.def, so a row without one does not compile. How a call
 * proceeds is a text, a letter for each copy in order:
 *
 *   f  arguments are fetched
 *   p  OUT and IO fields are stored as they were fetched, before anything
 *      happens: this finds out whether the answer will fit
 *   s  an answer is stored
 *   |  no copy: here a step of the call takes effect, whole
 */
#ifndef TESTS_FAULTS_FIXTURE_H
#define TESTS_FAULTS_FIXTURE_H

#include "core/gnttab.h"
#include "tests/call_fixture.h"

#define AT 0x10000u  /* argument structures */
#define AT2 0x18000u /* what they point to */
#define OTHER_PORT 1u
#define NO_COPY U32_MAX

struct fill {
    u32 nr;
    u64 arg[4];
    const char *steps;
    u32 done_copy;    /* the copy that stores the count of done elements */
    u32 status_copy;  /* a failure of this copy is answered by a status */
    bool is_counted;  /* what was done is the result, not -EFAULT */
    u32 count_arg;    /* argument that says how many steps to make */
    u64 count_unit;   /* what it says for each step */
    u64 *count_place; /* instead of an argument: a word of the guest's */
    bool is_x86;      /* its handler is x86's: a stand-in counts its calls */
};

static struct domain *e;

static inline void *put_args(const void *from, u32 bytes)
{
    memcpy(host_guest(AT), from, bytes);
    return host_guest(AT);
}

#define ARGS(type, ...)                                                        \
    put_args(&(struct arg_##type){ __VA_ARGS__ }, sizeof(struct arg_##type))

static inline struct fill registers(u32 nr, u64 a0, u64 a1, u64 a2)
{
    return (struct fill){ .nr = nr,
                          .arg = { a0, a1, a2 },
                          .steps = "|",
                          .done_copy = NO_COPY,
                          .status_copy = NO_COPY,
                          .count_arg = NO_COPY };
}

/* One structure: its address is argument number at. */
static inline struct fill structure(u32 nr, u64 sub, u32 at, const char *steps)
{
    struct fill f = registers(nr, sub, 0, 0);
    f.arg[at] = GUEST(AT);
    f.steps = steps;
    return f;
}

static inline struct fill by_x86(struct fill f)
{
    f.is_x86 = true;
    return f;
}

/* ---- page tables --------------------------------------------------------- */

static inline struct fill batch(u32 nr, u64 count, const char *steps)
{
    struct fill f = registers(nr, GUEST(AT), count, GUEST(DONE_AT));
    f.arg[3] = DOMID_SELF;
    f.steps = steps;
    f.count_arg = 1;
    f.count_unit = 1;
    f.done_copy = 0; /* the last */
    for (const char *c = steps; *c != 0; c++) {
        f.done_copy += *c != '|' ? 1 : 0;
    }
    return f;
}

static inline struct fill updates(u32 sub, mfn_t m, u64 first, u64 step)
{
    struct arg_mmu_update a[3];
    for (u64 i = 0; i < 3; i++) {
        /* M2P: three frames; else three words of one */
        a[i].ptr = sub == 1 ? (m.v + i) << PAGE_BITS | 1
                            : (m.v << PAGE_BITS) + i * 8 + sub;
        a[i].val = first + i * step;
    }
    memcpy(host_guest(AT), a, sizeof(a));
    return batch(NR_MMU, 3, sub == 1 ? "f|f|f|s" : "f|||s");
}

static inline struct fill fill_mmu_normal(void)
{
    return updates(0, host_mfn(d, L1_PFN), entry(20, RW), PAGE_BYTES);
}

static inline struct fill fill_mmu_machphys(void)
{
    return updates(1, host_mfn(d, 20), 500, 1);
}

static inline struct fill fill_mmu_keep_ad(void)
{
    return updates(2, host_mfn(d, L1_PFN), entry(20, RO), PAGE_BYTES);
}

static inline struct fill fill_update_va_mapping(void)
{
    return registers(NR_UPDATE_VA, VA, entry(20, RW), 2);
}

static inline struct fill fill_assist_pagetables(void)
{
    return registers(21, 0, 2, 0);
}

/* Two elements of mmuext_op, on two frames. */
static inline struct fill ext_two(u32 cmd, u64 first, u64 second)
{
    const struct arg_mmuext_op a[2] = { { .cmd = cmd, .arg1 = first },
                                        { .cmd = cmd, .arg1 = second } };
    memcpy(host_guest(AT), a, sizeof(a));
    return batch(NR_MMUEXT, 2, "f|f|s");
}

static inline struct fill ext_one(u32 cmd, u64 arg1, u64 arg2,
                                  const char *steps)
{
    ARGS(mmuext_op, .cmd = cmd, .arg1 = arg1, .arg2 = arg2);
    return batch(NR_MMUEXT, 1, steps);
}

static inline struct fill fill_pin_l1(void)
{
    return ext_two(PIN_L1, host_mfn(d, 30).v, host_mfn(d, 31).v);
}

static inline struct fill fill_pin_l3(void)
{
    return ext_two(PIN_L3, host_mfn(d, 30).v, host_mfn(d, 31).v);
}

static inline struct fill fill_pin_l4(void)
{
    return ext_two(PIN_L4, host_mfn(d, 30).v, host_mfn(d, 31).v);
}

static inline struct fill fill_unpin(void)
{
    assert_int_equal(pin(PIN_L1, 30), 0);
    assert_int_equal(pin(PIN_L4, 31), 0);
    return ext_two(UNPIN, host_mfn(d, 30).v, host_mfn(d, 31).v);
}

static inline struct fill fill_new_baseptr(void)
{
    return ext_one(NEW_BASEPTR, host_mfn(d, 30).v, 0, "f|s");
}

static inline struct fill fill_new_user_baseptr(void)
{
    return ext_one(NEW_USER_BASEPTR, host_mfn(d, 30).v, 0, "f|s");
}

static inline struct fill fill_flush_local(void)
{
    return ext_one(6, 0, 0, "f|s");
}

static inline struct fill fill_invlpg_local(void)
{
    return ext_one(7, VA, 0, "f|s");
}

static inline struct fill fill_flush_multi(void)
{
    return ext_one(8, 0, GUEST(AT2), "ff|s");
}

static inline struct fill fill_invlpg_multi(void)
{
    return ext_one(9, VA, GUEST(AT2), "ff|s");
}

static inline struct fill fill_set_ldt(void)
{
    return by_x86(ext_one(13, 0, 0, "f|s"));
}

/* ---- memory and lists ------------------------------------------------------
 */

static inline struct fill reservation(u64 sub, const char *steps)
{
    struct arg_memory_reservation *a =
        ARGS(memory_reservation, .extent_start = GUEST(AT2), .nr_extents = 3,
             .domid = DOMID_SELF);
    u64 *words = host_guest(AT2);
    for (u64 i = 0; i < 3; i++) {
        words[i] = sub == 1 ? host_mfn(d, 40 + i).v : 40 + i;
    }
    struct fill f = structure(NR_MEMORY, sub, 1, steps);
    f.is_counted = true;
    f.count_place = &a->nr_extents;
    f.count_unit = 1;
    return f;
}

static inline struct fill fill_decrease_reservation(void)
{
    return reservation(1, "ff|f|f|");
}

static inline struct fill fill_populate_physmap(void)
{
    (void)reservation(1, "");
    assert_int_equal(call(NR_MEMORY, 1, GUEST(AT), 0, 0), 3);
    /* The frame is taken after the fetch, and given back without the store. */
    return reservation(6, "ffs|fs|fs|");
}

static inline struct fill fill_memory_map(void)
{
    ARGS(memory_map, .nr_entries = 1, .buffer = GUEST(AT2));
    return structure(NR_MEMORY, 9, 1, "fps|s");
}

static inline struct fill fill_multicall(void)
{
    struct multicall_entry *list = host_guest(AT);
    memset(list, 0, 3 * sizeof(*list));
    for (u64 i = 0; i < 3; i++) {
        list[i].op = NR_UPDATE_VA;
        list[i].args[0] = VA + i * PAGE_BYTES;
        list[i].args[1] = entry(20 + i, RW);
    }
    struct fill f = registers(NR_MULTICALL, GUEST(AT), 3, 0);
    f.steps = "f|sf|sf|s";
    f.count_arg = 1;
    f.count_unit = 1;
    return f;
}

/* ---- grants ----------------------------------------------------------------
 */

#define GRANT_EACH(type, sub, step, a0, a1)                                    \
    grant_two(sub, step step, &(struct arg_##type[2]){ a0, a1 },               \
              2 * sizeof(struct arg_##type))

static inline struct fill grant_two(u64 sub, const char *steps, const void *a,
                                    u32 bytes)
{
    (void)put_args(a, bytes);
    struct fill f = registers(20, sub, GUEST(AT), 2);
    f.steps = steps;
    f.count_arg = 2;
    f.count_unit = 1;
    return f;
}

#define MAP_OF(n)                                                              \
    { .host_addr = VA + (n) * PAGE_BYTES, .flags = 2, .ref = (n), .dom = 2 }

static inline struct fill fill_grant_map(void)
{
    const struct arg_gnttab_map a[2] = { MAP_OF(1), MAP_OF(2) };
    return grant_two(0, "fppp|sssfppp|sss", a, sizeof(a));
}

static inline struct fill fill_grant_unmap(void)
{
    struct arg_gnttab_map made[2];
    (void)fill_grant_map();
    assert_int_equal(call(20, 0, GUEST(AT), 2, 0), 0);
    memcpy(made, host_guest(AT), sizeof(made));
    struct arg_gnttab_unmap a[2] = { { 0 } };
    for (u32 i = 0; i < 2; i++) {
        assert_int_equal(made[i].status, 0);
        a[i].host_addr = made[i].host_addr;
        a[i].handle = made[i].handle;
    }
    return grant_two(1, "fp|sfp|s", a, sizeof(a));
}

static inline struct fill fill_grant_setup(void)
{
    const struct arg_gnttab_setup a = { .dom = DOMID_SELF,
                                        .nr_frames = 2,
                                        .frame_list = GUEST(AT2) };
    struct fill f = grant_two(2, "fps|s", &a, sizeof(a));
    f.arg[2] = 1;
    f.status_copy = 3;
    return f;
}

#define COPY_OF(n)                                                             \
    { .src_ref = (n),                                                          \
      .src_dom = 2,                                                            \
      .flags = 1,                                                              \
      .len = 64,                                                               \
      .dst_ref = host_mfn(d, 50 + (n)).v,                                      \
      .dst_dom = DOMID_SELF }

static inline struct fill fill_grant_copy(void)
{
    const struct arg_gnttab_copy a[2] = { COPY_OF(1), COPY_OF(2) };
    return grant_two(5, "fp|sfp|s", a, sizeof(a));
}

static inline struct fill fill_grant_query(void)
{
    const struct arg_gnttab_query a[2] = { { .dom = DOMID_SELF },
                                           { .dom = DOMID_SELF } };
    return grant_two(6, "fppp|sssfppp|sss", a, sizeof(a));
}

static inline struct fill fill_grant_version(void)
{
    const struct arg_gnttab_version a[2] = { { .version = 1 },
                                             { .version = 1 } };
    return grant_two(8, "fp|sfp|s", a, sizeof(a));
}

#endif
