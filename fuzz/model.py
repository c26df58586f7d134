#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second, independent text of what the hypervisor keeps of a domain.

It reads the log that a fuzz target prints (FUZZ_LOG=1, fuzz/README.md), carries
out each operation on a model of its own and demands that result, memory and
state are what the rules of docs/architecture.md and the ABI allow. Where these
leave freedom the log's choice is taken, and checked to be one that is allowed.

fuzz/modelrun feeds it.
"""
import re
import sys

from modelabi import U64
from modelcalls import Calls
from modelevents import MASK, PENDING, collect, pass_time, raise_virq
from modelstate import (HV_SLOTS, P, Disagreement, Domain, Memory,
                        Refused, stored)

# The n-th copy of guest memory fails, an exchange meets the processor, or what
# is read twice differs: in the first turn of a call that was cut, or in a list
# of writes to tables, which is read in groups and on from where a group ends.
STRUCK = re.compile(r" faults=([89a-f].|1[0-9ab]|[4-7]. cut) |"
                    r" nr=1 args=\w+,(?!1,).* faults=[4-7]. ")
_hashes = {}


def mix(x):
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & U64
    x = (x ^ x >> 27) * 0x94d049bb133111eb & U64
    return x ^ x >> 31


def hash_of(thing):
    h = _hashes.get(thing)
    if h is None:
        kind, n, a, b, c = thing
        h = mix(ord(kind[0]) + (ord(kind[1]) << 8) +
                0x9e3779b97f4a7c15 * (n + 1) & U64)
        h = (h ^ a * 0xd6e8feb86659fd93 & U64) + b * 0xa0761d6478bd642f & U64
        h = mix(h ^ ((c << 32 | c >> 32) & U64) * 0xe7037ed1a0b428db & U64)
        if len(_hashes) > 1 << 20:
            _hashes.clear()
        _hashes[thing] = h
    return h


def numbers(text):
    return [int(n, 16) for n in text.split(",")]


def changes(text):
    """{(page, index): word}"""
    words = [w.split(":") for w in text.split(",")] if text else []
    return {(int(at, 16) >> 12, int(at, 16) % 4096 // 8): int(word, 16)
            for at, word in words}


class Reader:
    """One run of a target: the lines from `world` on."""

    def __init__(self, f):
        self.m = Memory()
        self.m.per_domain = int(f["frames"])
        self.calls, self.last = Calls(self.m), None

    def line(self, text):
        m, words = self.m, text.split(" ")
        f = dict(w.split("=", 1) for w in words if "=" in w[1:])
        if words[0] == "domain":
            m.domains[int(words[1])] = Domain(m, int(words[1]), f)
            m.frames = (1 + len(m.domains)) * int(f["count"])
            self.take(changes(f.get("mem")))
            return
        d = m.domains[int(words[2][1:])] if words[2] != "-" else None
        v = m.current = d.vcpus[int(words[3][1:])] if d else m.current
        self.take(changes(f.get("in")))
        m.old, m.said = {}, changes(f.get("out"))
        same = self.last == (f["d1"], f["d2"]) and "out" not in f
        self.last = f["d1"], f["d2"]
        if same and STRUCK.search(text) and " = -14 " in text:
            return  # a copy failed, and nothing was done
        if words[4] == "act":
            getattr(self, "act_" + words[5])(d, v, words[6:])
        else:
            self.operation(v, f, words[words.index("=") + 1])
        self.compare(f)

    def take(self, words):
        for at, word in words.items():
            self.m.set_word(*at, word)

    def compare(self, f):
        m = self.m
        m.forget()
        for at in set(m.old) | set(m.said):
            word = m.said_word(*at)
            if word != m.word(*at):
                if not any(at[0] == d.shared and at[1] not in (PENDING, MASK)
                           and at[1] % 8 > 1 for d in m.domains.values()):
                    raise Disagreement(f"word {at[1]} of page {at[0]:x}: "
                                       f"{m.word(*at):x} expected")
                m.set_word(*at, word)  # the time
        for n in (1, 2):
            d = m.domains[n]
            got = ",".join(f"{v.sel & 1}:{v.poll}" for v in d.vcpus)
            if got != f[f"e{n}"]:
                raise Disagreement(f"events of domain {n}: {got}")
            if sum(map(hash_of, d.things())) & U64 != int(f[f"d{n}"], 16):
                raise Disagreement(f"state of domain {n}")

    # ---- operations

    def operation(self, v, f, said):
        faults = int(f["faults"], 16)
        self.m.trap, self.m.reads = faults & 0xc0 == 0x40, []
        self.same(self.calls.enter(v, int(f["nr"]),
                                   numbers(f["args"]) + [0, 0]), said)
        self.m.trap = False

    def same(self, got, said):
        if got != int(said):
            raise Disagreement(f"result {got} expected")

    # ---- what else happens: the guest's own writes are in memory already

    def adopt(self, *_):
        self.take(self.m.said)

    act_poke = act_grant = act_bits = act_masks = adopt

    def act_cache(self, _, __, args):
        self.m.l1tf = args[0] == "1"

    def act_trapped(self, d, _, args):
        table, index, said = int(args[0], 16), int(args[1]), int(args[5])
        old, pte = int(args[2], 16), int(args[3], 16)
        try:
            got = -11
            if d.level(table) == 1 and self.m.word(table, index) == old:
                d.write_entry(table, index, pte, False)
                got = 0
        except Refused as e:
            got = e.args[0]
        self.same(got, said)

    def act_time(self, _, __, args):
        pass_time(self.m, int(args[0]))

    def act_virq(self, _, v, args):
        c = int(args[0])
        if c >= 0xf0:  # an NMI, perhaps while another is handled
            v.nmi = c & 3 == 1
        else:
            raise_virq(self.m, v, c % 32)

    def act_collect(self, _, v, args):
        self.same(collect(self.m, v), args[0])

    def act_raw(self, _, v, args):
        regs = [int(word, 16) for word in args[1:4]]
        self.same(self.calls.enter(v, int(args[0]), regs + [0, 0, 0]), args[5])


class Judge:
    """All of a log; an input is given up where it first disagrees."""

    def __init__(self):
        self.inputs = self.operations = self.given_up = 0
        self.wrong = []  # (number of the input, what)
        self.reader = None

    def line(self, text):
        if text.startswith("world "):
            self.reader = Reader(dict(w.split("=") for w in
                                      text.split(" ")[2:]))
            self.inputs += 1
        elif self.reader and text.startswith(("op ", "domain ")):
            self.operations += text.startswith("op ")
            if len(text) > 20000:  # a list without an end: thousands of calls
                self.given_up, self.reader = self.given_up + 1, None
                return
            try:
                self.reader.line(text)
            except Exception as e:  # the model's own mistakes are some, too
                self.reader = None
                if STRUCK.search(text):
                    self.given_up += 1  # it may have struck anywhere
                    return
                what = str(e) if isinstance(e, Disagreement) else repr(e)
                self.wrong.append((self.inputs, f"{what}\n    {text}"))
