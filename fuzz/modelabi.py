# SPDX-License-Identifier: Apache-2.0
"""The ABI as the model needs it: error numbers, structures, calls. From the
public headers of Xen's interface, not from core/args.def."""
import re
import struct

U64 = (1 << 64) - 1
PAGE = 4096
EPERM, ENOENT, ESRCH, E2BIG, ENOMEM, EFAULT = -1, -2, -3, -7, -12, -14
EBUSY, EEXIST, EINVAL, ENOSPC, ENOSYS = -16, -17, -22, -28, -38
CUT = -1000
SELF = 0x7ff0

# name:type, then > written by the hypervisor, = read and written; <=N: larger
# values are refused.
_STRUCTS = {
    "mmu": "ptr:Q val:Q",
    "ext": "cmd:I<=15 pad:I arg1:Q arg2:Q",
    "reservation": "extents:Q count:Q<=2147483647 order:I<=0 flags:I domid:H "
                   "pad0:H pad1:I",
    "memory_map": "entries:I= pad:I buffer:Q",
    "gmap": "va:Q flags:I ref:I dom:H status:h> handle:I> dev_bus_addr:Q>",
    "gunmap": "va:Q dev_bus_addr:Q handle:I status:h> pad:H",
    "gsetup": "dom:H pad0:H frames:I status:h> pad1:H pad2:I list:Q",
    "gcopy": "src_ref:Q src_dom:H src_offset:H pad0:I dst_ref:Q dst_dom:H "
             "dst_offset:H pad1:I len:H flags:H status:h> pad2:H",
    "gquery": "dom:H pad0:H frames:I> max_frames:I> status:h> pad1:H",
    "gversion": "version:I=",
    "area": "addr:Q",
    "info": "mfn:Q offset:I<=4032 rsvd:I",
    "shutdown": "reason:I",
    "poll": "ports:Q count:I<=128 pad:I timeout:Q",
    "inter": "remote_dom:H pad:H remote_port:I port:I>",
    "virq": "virq:I vcpu:I port:I>",
    "ipi": "vcpu:I port:I>",
    "port": "port:I",
    "unbound": "dom:H remote_dom:H port:I>",
    "pvcpu": "port:I vcpu:I",
    "callback": "type:H<=7 flags:H<=1 pad:I address:Q",
    "iopl": "iopl:I<=3",
}


class Struct:
    def __init__(self, text):
        self.fields, self.bytes = {}, 0  # name: (format, offset, mark, limit)
        for word in text.split():
            name, kind, mark, limit = re.fullmatch(
                r"(\w+):(\w)([>=]?)(?:<=(\d+))?", word).groups()
            self.fields[name] = "<" + kind, self.bytes, mark, int(limit or U64)
            self.bytes += struct.calcsize("<" + kind)

    def read(self, data):
        return {name: struct.unpack_from(f[0], data, f[1])[0]
                for name, f in self.fields.items()}

    def in_range(self, a):
        return all(a[name] <= f[3] for name, f in self.fields.items())

    def outputs(self, a):
        """(offset, bytes) of each field that is written."""
        return [(f[1], struct.pack(f[0], a[name]))
                for name, f in self.fields.items() if f[2]]


STRUCTS = {name: Struct(text) for name, text in _STRUCTS.items()}
# By the right of policy/rights.def that a call needs (0: none): number and
# sub-operation, name (-: handled in x86/, which is not here), structure.
_CALLS = {
    0: "13.0 multicall, 17.0 version, 17.1 extraversion, 17.6 get_features",
    1: "1.0 mmu mmu, 1.1 machphys mmu, 1.2 mmu mmu, 14.0 update_va_mapping,"
       "12.1 decrease reservation, 12.6 populate reservation, 21.2 -,"
       "12.9 memory_map memory_map, 26.0 pin ext, 26.2 pin ext, 26.3 pin ext,"
       "26.4 unpin ext, 26.5 root ext, 26.6 - ext, 26.7 - ext,"
       "26.8 flush_multi ext, 26.9 flush_multi ext, 26.15 root ext",
    2: "0.0 -, 2.0 -, 3.0 -, 5.0 -, 8.0 -, 9.0 -, 10.0 -, 23.0 -, 24.0 -,"
       "24.1 vcpu_up, 24.2 vcpu_down, 24.3 vcpu_is_up, 24.11 -, 25.0 -,"
       "25.1 -, 25.2 -, 25.3 -, 26.13 - ext, 30.0 - callback, 33.6 - iopl,"
       "30.1 - callback, 30.2 - callback, 30.5 - callback, 30.7 - callback",
    3: "29.0 -, 29.1 block, 29.2 shutdown shutdown, 29.3 poll poll",
    4: "15.0 set_timer, 24.5 area area, 24.13 area area",
    5: "24.10 info info, 32.1 bind_virq virq, 32.3 close port, 32.4 send port,"
       "32.6 alloc_unbound unbound, 32.7 bind_ipi ipi, 32.8 bind_vcpu pvcpu,"
       "32.9 unmask port",
    6: "20.2 setup gsetup, 20.6 query gquery, 20.8 version_grant gversion",
    7: "18.0 console_write",
    8: "20.0 map gmap, 20.1 unmap gunmap, 20.5 copy gcopy, 32.0 bind inter",
}
CALLS = {}  # (number, sub-operation): (name, right, structure)
for _right, _text in _CALLS.items():
    for _call in _text.split(","):
        _number, _name, *_shape = _call.split()
        CALLS[tuple(map(int, _number.split(".")))] = (
            _name, _right, STRUCTS[_shape[0]] if _shape else None)
