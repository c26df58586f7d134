/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rest of the rows, and the table of them: see faults_fixture.h.
 */
#ifndef TESTS_FAULTS_ROWS_H
#define TESTS_FAULTS_ROWS_H

#include "tests/faults_fixture.h"

/* ---- vCPUs, time, scheduling -----------------------------------------------
 */

static inline struct fill fill_set_timer_op(void)
{
    return registers(15, host.now + 1000000, 0, 0);
}

static inline struct fill fill_vcpu_up(void)
{
    d->vcpu[1].state = VCPU_DOWN;
    assert_int_equal(pgtable_set_root(&d->vcpu[1], host_mfn(d, L4_PFN), false),
                     0);
    return registers(24, 1, 1, 0);
}

static inline struct fill fill_vcpu_down(void)
{
    return registers(24, 2, 1, 0);
}

static inline struct fill fill_vcpu_is_up(void)
{
    return registers(24, 3, 1, 0);
}

/* An area of its own that crosses into a second page. */
static inline struct fill area(u64 sub)
{
    assert_int_equal(put(L1_PFN, 0, entry(60, RW)), 0);
    assert_int_equal(put(L1_PFN, 1, entry(61, RW)), 0);
    ARGS(runstate_area, .addr = VA + PAGE_BYTES - 8);
    return structure(24, sub, 2, "f|");
}

static inline struct fill fill_vcpu_runstate(void)
{
    return area(5);
}

static inline struct fill fill_vcpu_time_area(void)
{
    return area(13);
}

static inline struct fill fill_vcpu_info(void)
{
    ARGS(vcpu_info_place, .mfn = host_mfn(d, 60).v, .offset = 64);
    return structure(24, 10, 2, "f|");
}

static inline struct fill fill_sched_yield(void)
{
    return registers(29, 0, 0, 0);
}

static inline struct fill fill_sched_block(void)
{
    return registers(29, 1, 0, 0);
}

static inline struct fill fill_sched_shutdown(void)
{
    ARGS(sched_shutdown, .reason = 0);
    return structure(29, 2, 1, "f|");
}

static inline struct fill fill_sched_poll(void)
{
    *(u32 *)host_guest(AT2) = 5;
    ARGS(sched_poll, .ports = GUEST(AT2), .nr_ports = 1,
         .timeout = host.now + 1000);
    return structure(29, 3, 1, "ff|");
}

/* ---- information, console --------------------------------------------------
 */

static inline struct fill fill_version(void)
{
    return registers(17, 0, 0, 0);
}

static inline struct fill fill_extraversion(void)
{
    return structure(17, 1, 1, "s|");
}

static inline struct fill fill_get_features(void)
{
    return structure(17, 6, 1, "fs|");
}

static inline struct fill fill_console_write(void)
{
    memset(host_guest(AT), 'x', 3 * 256);
    struct fill f = structure(18, 0, 2, "f|f|f|");
    f.arg[1] = 3 * 256;
    f.count_arg = 1;
    f.count_unit = 256;
    return f;
}

/* ---- event channels --------------------------------------------------------
 */

static inline struct fill fill_evtchn_bind_interdomain(void)
{
    ARGS(evtchn_interdomain, .remote_dom = 2, .remote_port = OTHER_PORT);
    return structure(32, 0, 1, "fp|s");
}

static inline struct fill fill_evtchn_bind_virq(void)
{
    ARGS(evtchn_virq, .virq = 0);
    return structure(32, 1, 1, "fp|s");
}

static inline struct fill fill_evtchn_alloc_unbound(void)
{
    ARGS(evtchn_unbound, .dom = DOMID_SELF, .remote_dom = 2);
    return structure(32, 6, 1, "fp|s");
}

static inline struct fill fill_evtchn_bind_ipi(void)
{
    ARGS(evtchn_ipi, .vcpu = 1);
    return structure(32, 7, 1, "fp|s");
}

/* A call on the port of an own virtual interrupt, number 1. */
static inline struct fill on_port(u64 sub)
{
    const struct fill f = fill_evtchn_bind_virq();
    assert_int_equal(call(f.nr, f.arg[0], f.arg[1], 0, 0), 0);
    ARGS(evtchn_port, .port = 1);
    return structure(32, sub, 1, "f|");
}

static inline struct fill fill_evtchn_close(void)
{
    return on_port(3);
}

static inline struct fill fill_evtchn_unmask(void)
{
    const struct fill f = on_port(9);
    d->shared->evtchn_mask[0] |= 2;
    return f;
}

static inline struct fill fill_evtchn_send(void)
{
    const struct fill f = fill_evtchn_bind_interdomain();
    assert_int_equal(call(f.nr, f.arg[0], f.arg[1], 0, 0), 0);
    ARGS(evtchn_port, .port = 1);
    return structure(32, 4, 1, "f|");
}

static inline struct fill fill_evtchn_bind_vcpu(void)
{
    const struct fill f = fill_evtchn_bind_interdomain();
    assert_int_equal(call(f.nr, f.arg[0], f.arg[1], 0, 0), 0);
    ARGS(evtchn_vcpu, .port = 1, .vcpu = 1);
    return structure(32, 8, 1, "f|");
}

/* ---- services --------------------------------------------------------------
 */

static inline struct fill fill_domain_info(void)
{
    ARGS(domain_info, .domid = 2);
    return structure(55, 0, 1, "fpppppppppppp|ssssssssssss");
}

static inline struct fill of_e(u64 sub)
{
    ARGS(domain_of, .domid = 2);
    return structure(55, sub, 1, "f|");
}

static inline struct fill fill_domain_pause(void)
{
    return of_e(1);
}

static inline struct fill fill_domain_unpause(void)
{
    domain_pause(e, true);
    return of_e(2);
}

static inline struct fill fill_domain_destroy(void)
{
    return of_e(3);
}

static inline struct fill fill_domain_start(void)
{
    e->state = DOMAIN_ENDED;
    return of_e(4);
}

static inline struct fill fill_rights_drop(void)
{
    ARGS(rights, .mask = RIGHT_MASK(CONNECT));
    return structure(55, 5, 1, "f|");
}

static inline struct fill fill_serial_write(void)
{
    memset(host_guest(AT2), 'x', 100);
    ARGS(serial, .channel = 1, .bytes = 100, .buffer = GUEST(AT2));
    return structure(55, 6, 1, "ff|");
}

static inline struct fill fill_serial_read(void)
{
    ARGS(serial, .bytes = 3, .buffer = GUEST(AT2));
    return structure(55, 7, 1, "f|s");
}

static inline struct fill fill_rules_write(void)
{
    ARGS(rules_write, .bytes = 2048, .buffer = GUEST(AT2));
    return structure(55, 8, 1, "ff|");
}

static inline struct fill fill_rules_commit(void)
{
    const struct fill f = fill_rules_write();
    assert_int_equal(call(f.nr, f.arg[0], f.arg[1], 0, 0), 0);
    ARGS(rules_commit, .bytes = 2048);
    return structure(55, 9, 1, "fpp|ss");
}

static inline struct fill fill_rules_read(void)
{
    const struct fill f = fill_rules_commit();
    assert_int_equal(call(f.nr, f.arg[0], f.arg[1], 0, 0), 0);
    ARGS(rules_read, .offset = 48, .bytes = 2000, .buffer = GUEST(AT2));
    return structure(55, 10, 1, "fpps|ss");
}

static inline struct fill fill_net_report(void)
{
    ARGS(net_report, .domid = 2, .count = 1);
    return structure(55, 11, 1, "f|");
}

static inline struct fill fill_audit_read(void)
{
    ARGS(audit_read, .bytes = 4096, .buffer = GUEST(AT2));
    return structure(55, 12, 1, "fpps|ss");
}

static inline struct fill fill_audit_ack(void)
{
    ARGS(audit_ack, .seq = 0);
    return structure(55, 13, 1, "f|");
}

/* ---- x86 -------------------------------------------------------------------
 */

#define IN_REGISTERS(name, nr, sub)                                            \
    static inline struct fill fill_##name(void)                                \
    {                                                                          \
        return by_x86(registers(nr, sub, 0, 0));                               \
    }
#define IN_STRUCTURE(name, nr, sub)                                            \
    static inline struct fill fill_##name(void)                                \
    {                                                                          \
        memset(host_guest(AT), 0, 64);                                         \
        return by_x86(structure(nr, sub, 1, "f|"));                            \
    }
#define CALLBACK(name, kind)                                                   \
    static inline struct fill fill_callback_##name(void)                       \
    {                                                                          \
        ARGS(callback, .type = (kind), .address = 0x1000);                     \
        return by_x86(structure(30, 0, 1, "f|"));                              \
    }
IN_REGISTERS(set_trap_table, 0, 0)
IN_REGISTERS(set_gdt, 2, 0)
IN_REGISTERS(stack_switch, 3, 0)
IN_REGISTERS(fpu_taskswitch, 5, 0)
IN_REGISTERS(set_debugreg, 8, 0)
IN_REGISTERS(get_debugreg, 9, 0)
IN_REGISTERS(update_descriptor, 10, 0)
IN_REGISTERS(iret, 23, 0)
IN_REGISTERS(vcpu_initialise, 24, 0)
IN_REGISTERS(vcpu_send_nmi, 24, 11)
IN_REGISTERS(segbase_fs, 25, 0)
IN_REGISTERS(segbase_gs_user, 25, 1)
IN_REGISTERS(segbase_gs_kernel, 25, 2)
IN_REGISTERS(segbase_gs_sel, 25, 3)
IN_STRUCTURE(set_iopl, 33, 6)
CALLBACK(event, 0)
CALLBACK(failsafe, 1)
CALLBACK(syscall, 2)
CALLBACK(sysenter, 5)
CALLBACK(syscall32, 7)

/* ---- all rows --------------------------------------------------------------
 */

struct row {
    const char *name;
    struct fill (*fill)(void);
};

#define HC_ANY(nr, sub, where, name, shape, right, object, guest, doc)         \
    [HCROW_##name] = { #name, fill_##name },
static const struct row rows[HCROW_COUNT] = {
#include "core/hypercalls.def"
};

#endif
