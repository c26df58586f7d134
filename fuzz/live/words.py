# SPDX-License-Identifier: Apache-2.0
"""What each record of a program became, in words: the guest tells it, the
tables of core/ name it."""
import os
import re
import struct

from machine import TOP

HEAD = struct.Struct("<IIQQQQ")        # program, actor, first frames
TOLD = struct.Struct("<II6QqIII8I768s4x")  # struct told
LISTED = 2  # enum told_when
SIZES = {"u8": 1, "u16": 2, "s16": 2, "u32": 4, "u64": 8, "bytes32_t": 32,
         "bytes80_t": 80}
ERRORS = {1: "EPERM", 2: "ENOENT", 3: "ESRCH", 7: "E2BIG", 11: "EAGAIN",
          12: "ENOMEM", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST", 22: "EINVAL",
          28: "ENOSPC", 38: "ENOSYS"}


def source(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def rows_of():
    """Rows of core/hypercalls.def."""
    text = re.sub(r"/\*.*?\*/", "", source("core/hypercalls.def"), flags=re.S)
    for m in re.finditer(r"^HC_(\w+)\((.*)\)$", text, re.M):
        p = [x.strip() for x in m.group(2).split(",")]
        shape = {"R": "R", "RL": "R", "S": "S", "SL": "S", "P": "S",
                 "F": "F"}.get(m.group(1), "B")
        yield {"nr": int(p[0]), "sub": int(p[1]), "where": p[2], "name": p[3],
               "shape": shape, "pointer": int(p[4]) if shape in "SF" else 0,
               "arg": p[5] if shape in "SF" else p[4] if shape == "B" else None}


def registers():
    """Kinds of the registers of rows without a structure."""
    return {m[0]: m[1:] for m in re.findall(
        r"REGISTERS\((\w+),\s*(\w+),\s*(\w+),\s*(\w+),\s*(\w+)\)",
        source("fuzz/registers.def"))}


class Tables:
    def __init__(self):
        self.rows = [None]  # (name, structure, doc), by enum hc_row
        text = re.sub(r"/\*.*?\*/", "", source("core/hypercalls.def"),
                      flags=re.S)
        shapes = {m for m in re.findall(r"#define ARGS_(\w+)\(F\)",
                                        source("core/args.def"))}
        for m in re.finditer(r"^HC_\w+\((.*)\)$", text, re.M):
            parts = [p.strip() for p in m.group(1).split(",")]
            shape = next((p for p in parts[4:7] if p in shapes), None)
            self.rows.append((parts[3], shape,
                              m.group(1).rsplit('"', 2)[1]))
        names = re.search(r"enum act \{(.*?)\}", source("fuzz/seq.h"), re.S)
        self.acts = [a.lower() for a in
                     re.findall(r"\bACT_(\w+)[,\n ]", names.group(1))
                     if a != "COUNT"]
        self.live = ["code", "bytes", "iret"]
        self.fields = {}
        args = re.sub(r"/\*.*?\*/", "", source("core/args.def"), flags=re.S)
        for m in re.finditer(r"#define ARGS_(\w+)\(F\)((?:.*\\\n)*.*)", args):
            self.fields[m.group(1)] = [
                (name, kind, SIZES[kind_type]) for kind_type, name, kind in
                re.findall(r"F\((\w+), (\w+), (\w+),", m.group(2))]

    def menu(self):
        """Names in the order of the guest's menu (guests/bytecode/run.c)."""
        wanted = re.search(r"#define ACTS(.*?)\n\n",
                           source("guests/bytecode/run.c"), re.S).group(1)
        own = [a.lower() for a in re.findall(r"ACT_(\w+)", wanted)]
        return [r[0] for r in self.rows[1:] if r[0] != "multicall"] + \
            [a for a in self.acts if a in own] + self.live

    def name(self, what):
        if what < len(self.rows):
            return self.rows[what][0] if what else "?"
        what -= len(self.rows)
        return (self.acts + self.live)[what]


class Words:
    def __init__(self):
        self.tables = Tables()
        self.first = [0] * 4

    def frame(self, m):
        for d in (1, 2, 3):
            if self.first[d] <= m < self.first[d] + 2560:
                return f"frame {m - self.first[d]} of domain {d}"
        return f"frame {m:#x}"

    def value(self, kind, v):
        if kind == "MFN":
            return self.frame(v)
        if kind == "MADDR":
            return f"{self.frame(v >> 12)} entry {(v & 0xff8) // 8}"
        if kind == "PTE" and v & 1:
            return self.frame(v >> 12 & (1 << 40) - 1) + \
                (" writable" if v & 2 else "") + (" large" if v & 0x80 else "")
        return f"{v:#x}"

    def element(self, row, data):
        name, shape, doc = self.tables.rows[row]
        out, at = [], 0
        for field, kind, size in self.tables.fields.get(shape, []):
            v = int.from_bytes(data[at:at + min(size, 8)], "little")
            at += size
            if kind not in ("PAD", "TEXT"):
                out.append(f"{field}={self.value(kind, v)}")
        return f"\n       {name} ({doc}): " + " ".join(out)

    def line(self, head, told):
        _, actor, *self.first = head
        what, nr, *rest = told
        args, result, vector, done, count = rest[:6], *rest[6:10]
        rows, data = rest[10:18], rest[18]
        out = f"  domain {1 + actor // 2} vCPU {actor % 2} " \
              f"{self.tables.name(what)}"
        if nr or what < len(self.tables.rows) and not vector:
            known = ERRORS.get(-result)
            out += f": call {nr} ({', '.join(f'{a:#x}' for a in args[:5])})"
            if done == LISTED:
                out += ", in a list"
            elif done:
                out += f" = {'-' + known if known else result}"
            for i in range(min(count, 8)):
                if rows[i] and rows[i] < len(self.tables.rows):
                    out += self.element(rows[i], data[i * 96:i * 96 + 96])
        if vector:
            out += f": ended by exception {vector - 256}"
        return out if done else out + "\n       has not come back"

    def read(self, path):
        """(program's id, line) of each record told of; of those told before
        and after, the latter."""
        before = {}
        for number, actor, done, line in self.lines(path):
            if done:
                before.pop(actor, None)
                yield number, line
            else:
                if actor in before:
                    yield before[actor]
                before[actor] = (number, line)
        yield from before.values()

    def lines(self, path):
        size = HEAD.size + TOLD.size
        with open(path, "rb") as f:
            while True:
                data = f.read(size)
                if len(data) < size:
                    return
                head = HEAD.unpack_from(data)
                told = TOLD.unpack_from(data, HEAD.size)
                yield head[0], head[1], told[10], self.line(head, told)
