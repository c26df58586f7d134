# SPDX-License-Identifier: Apache-2.0
"""Recorded hypercalls to records of the fuzz targets: fuzz/values.c backwards.
It cannot be exact, since a record has a byte where a call has a word: frames
become pages of the small world, in the order in which they appear and by what
they are used for, and other words the nearest that the menus have."""
import words

NR_MULTICALL = 13
SELF = 0x7ff0
PAYLOAD = 13  # bytes of a record behind the first three
ELEMENT_BYTES = {"mmu_update": 16, "mmuext_op": 24, "gnttab_map": 32,
                 "gnttab_unmap": 24, "gnttab_setup": 24, "gnttab_copy": 40,
                 "gnttab_query": 16, "gnttab_version": 4}
TABLES = {"pin_l1": (7, 11), "pin_l3": (5, 9), "pin_l4": (4, 8),
          "new_baseptr": (4, 8), "new_user_baseptr": (4, 8)}


class Frames:
    """Pages for the frames of one sequence."""

    def __init__(self):
        self.page = {}

    def role(self, m, row):
        for page in TABLES.get(row, ()):
            if m not in self.page and page not in self.page.values():
                self.page[m] = page
        return self.of(m)

    def of(self, m):
        if m not in self.page:
            self.page[m] = 12 + len(self.page) % 28
        return self.page[m]


def small(v, low=0):
    """A byte that small_value makes v of, or nearly."""
    v = (v - low) & 0xffffffff
    return v % 32 if v < 32 else 0x20 + v % 0x40


class Encoder:
    def __init__(self):
        t = words.Tables()
        self.rows = {}      # name: (number, sub, where, shape of call, structure)
        self.by_pair = {}
        for m in words.rows_of():
            self.rows[m["name"]] = m
            self.by_pair.setdefault((m["nr"], m["where"]), []).append(m)
        self.fields = t.fields
        self.registers = words.registers()

    # ---- which row a call is ----

    def row_of(self, nr, args, data):
        for where, sub in (("NONE", 0), ("A0", args[0]), ("A1", args[1]),
                           ("ELEM", None), ("FIELD", data[0] if data else 0)):
            for r in self.by_pair.get((nr, where), ()):
                if where == "ELEM" or r["sub"] == sub or where == "NONE":
                    return r
        return None

    def element_row(self, first, data):
        if first["where"] != "ELEM":
            return first
        sub = data[0] & 3 if first["nr"] == 1 else data[0]
        return next((r for r in self.by_pair[(first["nr"], "ELEM")]
                     if r["sub"] == sub), None)

    # ---- values ----

    def value(self, kind, v, frames, row, low=0):
        if kind in ("NONE", "OUT", "PAD", "SUB"):
            return []
        if kind == "PTE":
            flags = 3 if not v & 1 else 1 if v & 2 and not v >> 63 else \
                2 if v & 2 else 0
            return [frames.of(v >> 12 & (1 << 40) - 1), flags]
        if kind == "MFN":
            return [frames.role(v, row)]
        if kind == "MADDR":
            return [frames.of(v >> 12), v >> 3 & 0xff]
        if kind == "GVA":
            return [0x10] if v else [0x87, 0]
        if kind == "TIME":
            return [0x10, 1 + v % 8]
        if kind == "DESC":
            return [v >> 52 & 0xf, v >> 40 & 0xff]
        if kind == "DOM":
            return [2 if v == SELF else 0]
        if kind == "PORT":
            return [0x80 + v % 12]
        if kind == "VCPU":
            return [v % 2]
        if kind == "GREF":
            return [v % 8]
        if kind == "COUNT":
            return [v % 8 if v < 8 else 0xe1]
        return [small(v, low)]

    def special(self, row, name, kind, size, v):
        if name == "cmd" or row["shape"] == "F" and name == "type":
            return []
        if name == "handle":
            return [v % 8]
        if row["name"] == "grant_map" and name == "host_addr":
            return [v >> 12 & 0xf]
        if row["name"] == "grant_map" and name == "flags":
            return [v & 4]
        if row["name"] == "grant_copy":
            if size == 2 and (name == "len" or kind == "VAL"):
                return [v & 0xff, v >> 8 & 0x1f]
            if name == "flags":
                return [v & 3]
            if size == 8:
                return [v % 8]
        if name in ("dev_bus_addr", "extent_order", "version"):
            return [0]
        if row["name"] == "vcpu_info" and name == "offset":
            return [v // 64 % 64]
        if name == "addr":
            return [0, v >> 12 & 0xf]
        if name == "timeout":
            return [0x10, 1 + v % 8]
        if name == "domid":
            return [0]
        return None

    def kind_in(self, row, name, kind):
        if row in ("set_ldt", "invlpg_local") and name != "pad":
            return "COUNT" if name == "arg2" else "GVA"
        if row in ("flush_multi", "invlpg_multi"):
            return "GVA"
        return kind

    def element(self, row, data, frames):
        out, at = [], 0
        for name, kind, size in self.fields[row["arg"]]:
            v = int.from_bytes(data[at:at + min(size, 8)], "little")
            at += size
            if name == "ptr" and row["nr"] == 1:
                v &= ~3
            s = self.special(row, name, kind, size, v)
            out += s if s is not None else self.value(
                self.kind_in(row["name"], name, kind), v, frames, row["name"])
        if row["name"] == "grant_unmap":
            out.append(0)
        return out

    # ---- calls ----

    def batch(self, first, args, data, frames):
        """Records of a list: (row, payload, joins)."""
        count = args[1 if first["where"] == "ELEM" else 2]
        size = ELEMENT_BYTES[first["arg"]]
        out = []
        for i in range(min(count, 8, len(data) // size)):
            part = data[i * size:(i + 1) * size]
            row = self.element_row(first, part)
            if row is not None:
                out.append((row["name"], self.element(row, part, frames),
                            i > 0))
        return out

    def call(self, nr, args, data, frames):
        """[(row, payload, joins)] of one call; [] for what no row is."""
        row = self.row_of(nr, args, data)
        if row is None or nr == NR_MULTICALL:
            return []
        if row["shape"] == "B":
            return self.batch(row, args, data, frames)
        out = []
        if row["shape"] == "R":
            kinds = self.registers[row["name"]]
            for i, kind in enumerate(kinds):
                out += self.value(kind, args[i], frames, row["name"])
            if row["name"] == "update_va_mapping":
                out = [0x84, 16 + (args[0] >> 12) % 16] + \
                    self.value("PTE", args[1], frames, "") + [args[2] & 0x1f]
        else:
            out = self.element(row, data, frames)
            if row["pointer"] == 2:
                out.append(args[1] % 2)
        return [(row["name"], out, False)]
