#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second, independent text of what the hypervisor keeps of a domain.

It reads the log that a fuzz target prints (FUZZ_LOG=1, fuzz/README.md), carries
out each operation on a model of its own and demands the same result and the
same state after it: the digests of both domains, the contents of their frames,
open work, the first word of ports, and the guest's argument memory. It is
written from the rules of docs/architecture.md and the ABI.

Where the rules leave freedom the log's choice is taken, and checked to be one
that is allowed: where a long call is cut, and when a service of the hypervisor
sends an event.

    FUZZ_LOG=1 build/fuzz-lib/pgtable FILE... | fuzz/model.py

The last line is `N inputs, N operations, N disagreements`.
"""
import re
import struct
import sys
import zlib

from modelabi import NAMES, STRUCTS, U64
from modelcalls import Calls
from modelevents import (MASK, PENDING, collect, info_get, info_set,
                         notify, pass_time, raise_virq)
from modelstate import Disagreement, Machine, P, Refused

# ---- the log ---------------------------------------------------------------

_hashes = {}


def mix(x):
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & U64
    x = (x ^ x >> 27) * 0x94d049bb133111eb & U64
    return x ^ x >> 31


def hash_of(thing):
    h = _hashes.get(thing)
    if h is None:
        kind, n, a, b, c = thing
        tag = ord(kind[0]) | ord(kind[1]) << 8
        h = mix(tag + 0x9e3779b97f4a7c15 * (n + 1) & U64)
        h ^= a * 0xd6e8feb86659fd93 & U64
        h = h + b * 0xa0761d6478bd642f & U64
        c &= U64
        h ^= (c << 32 | c >> 32) * 0xe7037ed1a0b428db & U64
        h = mix(h)
        if len(_hashes) > 1 << 20:
            _hashes.clear()
        _hashes[thing] = h
    return h


class GivenUp(Exception):
    """The log does not say enough to go on with this input."""


def digest(d):
    return sum(map(hash_of, d.things())) & U64


def numbers(text, base=16):
    return [int(n, base) for n in text.split(",")]


def actor_at(who):
    return 0x2000 + who * 0x8000


class Reader:
    """One run of a target: the lines from `world` on."""

    def __init__(self, world):
        self.world, self.rows, self.m = world, [], None
        self.list, self.first = [], 0

    def line(self, text):
        if text.startswith("domain "):
            self.rows.append(text)
            return
        if self.m is None:
            self.start()
        words = text.split(" ")
        if words[4] == "act":
            self.act(int(words[2][1:]) if words[2] != "-" else 0,
                     int(words[3][1:]) if words[3] != "-" else 0,
                     words[5], words[6:])
        else:
            self.operation(text, words)
        if not text.endswith(" listed"):
            self.compare(text)

    def start(self):
        domains = []
        for row in self.rows:
            f = dict(w.split("=") for w in row.split(" ")[2:])
            domains.append({
                "domain": int(row.split(" ")[1]), "first": int(f["first"], 16),
                "count": int(f["count"]), "vcpus": int(f["vcpus"]),
                "rights": int(f["rights"], 16), "ports": int(f["ports"]),
                "shared": int(f["shared"], 16), "maps": int(f["maps"]),
                "grants": numbers(f["grants"])})
            if len(domains) == len(self.rows):
                self.m = Machine(self.world, domains)
        self.calls = Calls(self.m)
        for row in self.rows:
            n = int(row.split(" ")[1])
            want = int(row.rsplit("state=", 1)[1], 16)
            if digest(self.m.domains[n]) != want:
                raise Disagreement(f"domain {n} at the start")

    # ---- operations

    def write_elements(self, at, text):
        """Put the call's structures where the guest has them."""
        for element in re.findall(r"\[([^]]*)\]", text):
            name, *fields = element.split(" ")
            s = STRUCTS[NAMES[name][2]]
            values = dict(f.split("=") for f in fields)
            for field, kind, offset, _, _ in s.fields:
                n = struct.calcsize(kind)
                v = int(values.get(field, "0"), 16) & (1 << 8 * n) - 1
                self.m.buffer[at + offset:at + offset + n] = \
                    v.to_bytes(n, "little")
            at += s.bytes

    def operation(self, text, words):
        head, _, tail = text.partition(" = ")
        f = dict(w.split("=", 1) for w in re.sub(r" \[[^]]*\]", "", head)
                 .split(" ")[5:] if "=" in w)
        o = dict(w.split("=", 1) for w in tail.split(" ")[1:] if "=" in w)
        d, v = int(words[2][1:]), int(words[3][1:])
        who = (d - 1) * 2 + v
        nr, args = int(f["nr"]), numbers(f["args"]) + [0, 0]
        listed = words[-1] == "listed"
        at = actor_at(who)
        if words[4] != "again":
            self.write_elements(
                at + (0x4000 + len(self.list) * 0x400 if listed else 0), head)
            if "data" in f:
                self.m.buffer[at + 0x1000:at + 0x1040] = \
                    struct.pack("<8Q", *numbers(f["data"]))
        if listed:
            e = at + 0x2000 + len(self.list) * 64
            self.m.buffer[e:e + 64] = struct.pack("<8Q", nr, 0, *args)
            self.first = self.first if self.list else nr
            self.list.append(nr)
            return
        self.list = []
        faults = int(f["faults"], 16)
        self.m.fail_at = 1 + (faults & 15) if faults & 0x80 else 0
        self.m.trap, self.m.reads = faults & 0xc0 == 0x40, []
        self.m.raced = faults & 15 if 0x10 <= faults < 0x1c else 0
        if nr == 13 and words[4] != "again" and 0x1c <= faults < 0x1f:
            struct.pack_into("<Q", self.m.buffer, at + 0x2000,
                             self.first | 1 << 32 if faults % 2 else 13)
        result = int(tail.split(" ")[0])
        left = numbers(o["left"]) if "left" in o else None
        inner = numbers(o["inner"]) if "inner" in o else None
        for n, dom in self.m.domains.items():
            dom.target = o.get(f"w{n}")
        got = self.calls.enter(self.m.domains[d].vcpus[v], nr, args, left,
                               inner)
        self.m.fail_at, self.m.trap, self.m.raced = 0, False, 0
        if got != result and (nr, result) == (13, -14) and faults & 0x80:
            raise GivenUp  # the entry may have been cut; nobody says where
        if got != result:
            raise Disagreement(f"result {got} expected")

    # ---- what else happens

    def act(self, d, v, name, args):
        dom = self.m.domains.get(d)
        vcpu = dom.vcpus[v] if dom else None
        self.m.current = vcpu or self.m.current
        getattr(self, "act_" + name)(dom, vcpu, args)

    def act_poke(self, _, __, args):
        at = int(args[0], 16)
        self.m.buffer[at:at + 8] = struct.pack("<Q", int(args[1], 16))

    def act_cache(self, _, __, args):
        self.m.l1tf = args[0] == "1"

    def act_grant(self, d, _, args):
        self.m.set_word(d.grant_mfns[0], int(args[0]), int(args[1], 16))

    def act_trapped(self, d, _, args):
        table, index = int(args[0], 16), int(args[1])
        old, pte, result = int(args[2], 16), int(args[3], 16), int(args[5])
        try:
            got = -11
            if d.is_table(table, 1) and self.m.word(table, index) == old:
                d.write_entry(table, index, pte, False)
                got = 0
        except Refused as e:
            got = e.args[0]
        if got != result:
            raise Disagreement(f"result {got} expected")

    def act_bits(self, d, _, args):
        table, index = int(args[0], 16), int(args[1])
        if d.is_own(table) and table in d.level and table not in d.unsettled:
            pte = self.m.word(table, index)
            if pte & P:
                self.m.set_word(table, index, pte | int(args[2], 16))

    def act_time(self, _, __, args):
        pass_time(self.m, int(args[0]))

    def act_virq(self, _, v, args):
        c = int(args[0])
        if c >= 0xf0:  # an NMI, perhaps while another is handled
            v.nmi = c & 3 == 1
        else:
            raise_virq(self.m, v, c % 32)

    def act_collect(self, _, v, args):
        if collect(self.m, v) != (args[0] == "1"):
            raise Disagreement(f"collect {args[0]}")

    def act_masks(self, d, v, args):
        which, word = int(args[0]), int(args[1], 16)
        if which < 2:
            self.m.set_word(d.shared, PENDING if which else MASK, word)
        else:
            info_set(self.m, v, 1 if which == 2 else 0, word & 1)

    def act_raw(self, _, v, args):
        nr, regs, want = int(args[0]), numbers(",".join(args[1:4])), args[5]
        for d in self.m.domains.values():
            d.target = None
        got = self.calls.enter(v, nr, regs + [0, 0, 0], None, None)
        if got != int(want):
            raise Disagreement(f"result {got} expected")

    # ---- comparing

    def events(self, d, text):
        pending, mask, *vcpus = text.split(",")
        got = [f"{self.m.word(d.shared, w):x}" for w in (PENDING, MASK)]
        for v in d.vcpus:
            up, masked = (info_get(self.m, v, i) for i in (0, 1))
            got.append(f"{v.sel & 1:x}:{up}:{masked}:{v.poll}")
        if got != [pending, mask, *vcpus]:
            raise Disagreement(f"events of domain {d.id}: {','.join(got)}")

    def compare(self, text):
        o = dict(w.split("=", 1) for w in text.split(" ")[6:]
                 if re.match(r"[dmeg]?[gw12]\d?=|g=", w))
        for n in (1, 2):
            d = self.m.domains[n]
            if (o.get(f"w{n}")) != d.where():
                raise Disagreement(f"domain {n}: open work {d.where()} "
                                   f"expected, not {o.get(f'w{n}')}")
            self.events(d, o[f"e{n}"])
            if digest(d) != int(o[f"d{n}"], 16):
                raise Disagreement(f"state of domain {n}")
            data = b"".join(self.m.page(d.first + i)
                            for i in range(d.limit))
            if zlib.adler32(data) != int(o[f"m{n}"], 16):
                raise Disagreement(f"memory of domain {n}")
        data = memoryview(self.m.buffer)[actor_at(0):actor_at(4)]
        if zlib.adler32(data) != int(o["g"], 16):
            raise Disagreement("the guest's arguments")


class Judge:
    """All of a log; an input is given up where it first disagrees."""

    def __init__(self):
        self.inputs = self.operations = self.given_up = 0
        self.wrong = []  # (number of the input, what)
        self.reader = None

    def line(self, text):
        if text.startswith("world "):
            f = dict(w.split("=") for w in text.split(" ")[2:])
            self.reader = Reader({k: int(v) for k, v in f.items()})
            self.inputs += 1
        elif self.reader and text.startswith(("op ", "domain ")):
            self.operations += text.startswith("op ")
            try:
                self.reader.line(text)
            except GivenUp:
                self.given_up += 1
                self.reader = None
            except Exception as e:  # the model's own mistakes are some, too
                what = str(e) if isinstance(e, Disagreement) else repr(e)
                self.wrong.append((self.inputs, f"{what}\n    {text}"))
                self.reader = None


def main():
    judge = Judge()
    for text in sys.stdin:
        judge.line(text.rstrip("\n"))
    for number, what in judge.wrong:
        print(f"input {number}: {what}")
    print(f"{judge.inputs} inputs, {judge.operations} operations, "
          f"{judge.given_up} given up, {len(judge.wrong)} disagreements")
    return len(judge.wrong) != 0


if __name__ == "__main__":
    sys.exit(main())
