#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Blocks and edges of the hypervisor's image, for fuzz/live/plugin.c.

  fuzz/live/edges.py IMAGE [-o FILE]

A block begins where a jump goes to, behind a jump that may not be taken, at a
function, and behind a call. The last two count by themselves; the others by
the block one came from. Since ring 0 has no indirect jump or call, this is all
there is: an edge that is missing here cannot be taken.
"""
import argparse
import re
import subprocess
import sys

LINE = re.compile(r"^\s*([0-9a-f]+):\t(\S+)(?:\s+([0-9a-f]+) <)?")
SYMBOL = re.compile(r"^([0-9a-f]+) <(.*)>:$")
ENDS = ("ret", "iretq", "ud2", "sysretq", "hlt")


class Image:
    def __init__(self, path):
        self.blocks = []   # addresses, sorted
        self.alone = set()  # entered by call, return or trap
        self.edges = []    # (from index or None, to index), by id
        self.function = {}  # block's address: function
        self.dispatch = None
        self.read(path)

    def read(self, path):
        text = subprocess.run(
            ["objdump", "-d", "-j", ".text", "--no-show-raw-insn", path],
            stdout=subprocess.PIPE, check=True, text=True).stdout
        insns, starts, name = [], {}, "?"
        names = {}
        for line in text.splitlines():
            m = SYMBOL.match(line)
            if m:
                name = m.group(2)
                starts[int(m.group(1), 16)] = name
                continue
            m = LINE.match(line)
            if m:
                at = int(m.group(1), 16)
                target = int(m.group(3), 16) if m.group(3) else None
                insns.append((at, m.group(2), target))
                names[at] = name
        self.cut(insns, starts)
        self.function = {at: names[at] for at in self.blocks}
        self.dispatch = next((a for a, n in starts.items()
                              if n == "dispatch_entry"), None)

    def cut(self, insns, starts):
        known = {at for at, _, _ in insns}
        leaders, self.alone = set(), set(starts) & known
        for i, (_, op, target) in enumerate(insns):
            after = insns[i + 1][0] if i + 1 < len(insns) else None
            if op.startswith("j"):
                leaders.add(target)
                if op != "jmp":
                    leaders.add(after)
            elif op.startswith("call"):
                self.alone.add(after)
        self.alone &= known
        leaders = (leaders & known) | self.alone
        self.blocks = sorted(leaders)
        index = {at: i for i, at in enumerate(self.blocks)}
        into = {i: set() for i in range(len(self.blocks))}
        current = None
        for i, (at, op, target) in enumerate(insns):
            if at in index:
                current = index[at]
            after = insns[i + 1][0] if i + 1 < len(insns) else None
            if current is None:
                continue
            if op.startswith("j") and target in index:
                into[index[target]].add(current)
            if op in ENDS or op == "jmp":
                current = None
            elif after in index:
                into[index[after]].add(current)
        for i, at in enumerate(self.blocks):
            if at in self.alone:
                self.edges.append((None, i))
            else:
                self.edges += [(f, i) for f in sorted(into[i])]

    def write(self, f):
        edge = 0
        for i, at in enumerate(self.blocks):
            kind = "B" if at in self.alone else "b"
            f.write(f"{'D' if at == self.dispatch else kind} {at:x}\n")
            edge += kind == "B"
            while kind == "b" and edge < len(self.edges) and \
                    self.edges[edge][1] == i:
                f.write(f"e {self.edges[edge][0]:x}\n")
                edge += 1


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("image")
    p.add_argument("-o", dest="out")
    args = p.parse_args()
    image = Image(args.image)
    with (open(args.out, "w") if args.out else sys.stdout) as f:
        image.write(f)
    print(f"{len(image.blocks)} blocks, {len(image.edges)} edges",
          file=sys.stderr)


if __name__ == "__main__":
    main()
