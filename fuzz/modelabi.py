# SPDX-License-Identifier: Apache-2.0
"""The ABI as the model needs it: error numbers, structures, calls. From the
public headers of Xen's interface, not from core/args.def."""
import struct

U64 = (1 << 64) - 1
PAGE = 4096
EPERM, ENOENT, ESRCH, ENOMEM, EFAULT = -1, -2, -3, -12, -14
EBUSY, EEXIST, EINVAL, ENOSPC, ENOSYS = -16, -17, -22, -28, -38
CUT = -1000

# name:type, then > written by the hypervisor, = read and written, _ neither;
# <=N: larger values are refused.
_STRUCTS = {
    "mmu": "ptr:Q val:Q",
    "ext": "cmd:I<=15 pad:I_ arg1:Q arg2:Q",
    "reservation": "extent_start:Q nr_extents:Q<=2147483647 "
                   "extent_order:I<=0 mem_flags:I domid:H pad0:H_ pad1:I_",
    "memory_map": "nr_entries:I= pad:I_ buffer:Q",
    "gmap": "host_addr:Q flags:I ref:I dom:H status:h> handle:I> "
            "dev_bus_addr:Q>",
    "gunmap": "host_addr:Q dev_bus_addr:Q handle:I status:h> pad:H_",
    "gsetup": "dom:H pad0:H_ nr_frames:I status:h> pad1:H_ pad2:I_ "
              "frame_list:Q",
    "gcopy": "src_ref:Q src_dom:H src_offset:H pad0:I_ dst_ref:Q dst_dom:H "
             "dst_offset:H pad1:I_ len:H flags:H status:h> pad2:H_",
    "gquery": "dom:H pad0:H_ nr_frames:I> max_nr_frames:I> status:h> pad1:H_",
    "gversion": "version:I=",
    "area": "addr:Q",
    "info": "mfn:Q offset:I<=4032 rsvd:I_",
    "shutdown": "reason:I",
    "poll": "ports:Q nr_ports:I<=128 pad:I_ timeout:Q",
    "inter": "remote_dom:H pad:H_ remote_port:I local_port:I>",
    "virq": "virq:I vcpu:I port:I>",
    "ipi": "vcpu:I port:I>",
    "port": "port:I",
    "unbound": "dom:H remote_dom:H port:I>",
    "pvcpu": "port:I vcpu:I",
    "callback": "type:H<=7 flags:H<=1 pad:I_ address:Q",
    "iopl": "iopl:I<=3",
}


class Struct:
    def __init__(self, text):
        self.fields, at = [], 0  # (name, format, offset, mark, limit)
        for word in text.split():
            name, rest = word.split(":")
            kind, _, limit = rest.partition("<=")
            mark = kind[1:]
            kind = kind[0]
            self.fields.append((name, "<" + kind, at, mark,
                                int(limit) if limit else None))
            at += struct.calcsize("<" + kind)
        self.bytes = at

    def read(self, data):
        return {f[0]: struct.unpack_from(f[1], data, f[2])[0]
                for f in self.fields}

    def in_range(self, a):
        return all(f[4] is None or a[f[0]] <= f[4] for f in self.fields)

    def outputs(self, a):
        """(offset, bytes) of each field that is written."""
        for name, kind, at, mark, _ in self.fields:
            if mark in (">", "="):
                yield at, struct.pack(kind, a[name])


STRUCTS = {name: Struct(text) for name, text in _STRUCTS.items()}

# (number, sub-operation): (name, right, structure, its argument). The numbers
# of rights are those of policy/rights.def.
MEMORY, CPU, SCHED, TIME, EVENT, GRANT, CONSOLE, CONNECT = range(1, 9)
CALLS = {
    (0, 0): ("set_trap_table", CPU, None, 0),
    (1, 0): ("mmu_normal", MEMORY, "mmu", 0),
    (1, 1): ("mmu_machphys", MEMORY, "mmu", 0),
    (1, 2): ("mmu_keep_ad", MEMORY, "mmu", 0),
    (2, 0): ("set_gdt", CPU, None, 0),
    (3, 0): ("stack_switch", CPU, None, 0),
    (5, 0): ("fpu_taskswitch", CPU, None, 0),
    (8, 0): ("set_debugreg", CPU, None, 0),
    (9, 0): ("get_debugreg", CPU, None, 0),
    (10, 0): ("update_descriptor", CPU, None, 0),
    (12, 1): ("decrease_reservation", MEMORY, "reservation", 1),
    (12, 6): ("populate_physmap", MEMORY, "reservation", 1),
    (12, 9): ("memory_map", MEMORY, "memory_map", 1),
    (13, 0): ("multicall", 0, None, 0),
    (14, 0): ("update_va_mapping", MEMORY, None, 0),
    (15, 0): ("set_timer_op", TIME, None, 0),
    (17, 0): ("version", 0, None, 0),
    (17, 1): ("extraversion", 0, None, 0),
    (17, 6): ("get_features", 0, None, 0),
    (18, 0): ("console_write", CONSOLE, None, 0),
    (20, 0): ("grant_map", CONNECT, "gmap", 1),
    (20, 1): ("grant_unmap", CONNECT, "gunmap", 1),
    (20, 2): ("grant_setup", GRANT, "gsetup", 1),
    (20, 5): ("grant_copy", CONNECT, "gcopy", 1),
    (20, 6): ("grant_query", GRANT, "gquery", 1),
    (20, 8): ("grant_version", GRANT, "gversion", 1),
    (21, 2): ("assist_pagetables", MEMORY, None, 0),
    (23, 0): ("iret", CPU, None, 0),
    (24, 0): ("vcpu_initialise", CPU, None, 0),
    (24, 1): ("vcpu_up", CPU, None, 0),
    (24, 2): ("vcpu_down", CPU, None, 0),
    (24, 3): ("vcpu_is_up", CPU, None, 0),
    (24, 5): ("vcpu_runstate", TIME, "area", 2),
    (24, 10): ("vcpu_info", EVENT, "info", 2),
    (24, 11): ("vcpu_send_nmi", CPU, None, 0),
    (24, 13): ("vcpu_time_area", TIME, "area", 2),
    (25, 0): ("segbase_fs", CPU, None, 0),
    (25, 1): ("segbase_gs_user", CPU, None, 0),
    (25, 2): ("segbase_gs_kernel", CPU, None, 0),
    (25, 3): ("segbase_gs_sel", CPU, None, 0),
    (26, 0): ("pin_l1", MEMORY, "ext", 0),
    (26, 2): ("pin_l3", MEMORY, "ext", 0),
    (26, 3): ("pin_l4", MEMORY, "ext", 0),
    (26, 4): ("unpin", MEMORY, "ext", 0),
    (26, 5): ("new_baseptr", MEMORY, "ext", 0),
    (26, 6): ("flush_local", MEMORY, "ext", 0),
    (26, 7): ("invlpg_local", MEMORY, "ext", 0),
    (26, 8): ("flush_multi", MEMORY, "ext", 0),
    (26, 9): ("invlpg_multi", MEMORY, "ext", 0),
    (26, 13): ("set_ldt", CPU, "ext", 0),
    (26, 15): ("new_user_baseptr", MEMORY, "ext", 0),
    (29, 0): ("sched_yield", SCHED, None, 0),
    (29, 1): ("sched_block", SCHED, None, 0),
    (29, 2): ("sched_shutdown", SCHED, "shutdown", 1),
    (29, 3): ("sched_poll", SCHED, "poll", 1),
    (30, 0): ("callback_event", CPU, "callback", 1),
    (30, 1): ("callback_failsafe", CPU, "callback", 1),
    (30, 2): ("callback_syscall", CPU, "callback", 1),
    (30, 5): ("callback_sysenter", CPU, "callback", 1),
    (30, 7): ("callback_syscall32", CPU, "callback", 1),
    (32, 0): ("evtchn_bind_interdomain", CONNECT, "inter", 1),
    (32, 1): ("evtchn_bind_virq", EVENT, "virq", 1),
    (32, 3): ("evtchn_close", EVENT, "port", 1),
    (32, 4): ("evtchn_send", EVENT, "port", 1),
    (32, 6): ("evtchn_alloc_unbound", EVENT, "unbound", 1),
    (32, 7): ("evtchn_bind_ipi", EVENT, "ipi", 1),
    (32, 8): ("evtchn_bind_vcpu", EVENT, "pvcpu", 1),
    (32, 9): ("evtchn_unmask", EVENT, "port", 1),
    (33, 6): ("set_iopl", CPU, "iopl", 1),
}
NAMES = {name: (nr, sub, shape, arg)
         for (nr, sub), (name, _, shape, arg) in CALLS.items()}
