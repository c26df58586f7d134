# SPDX-License-Identifier: Apache-2.0
"""The state of the model: words of memory, and of each domain what its calls
have set: pins, roots, areas, ports, mappings. What a frame is used for, how
often, and which tables are live follows from these and from the words, and is
never kept: a table is what a pin or a root reaches."""
import struct
from collections import Counter, defaultdict

from modelabi import EBUSY, EFAULT, EINVAL, PAGE, U64

NOBODY = 0xffffffffffff  # no frame
P, W, U, A, D, G = 1, 2, 4, 0x20, 0x40, 0x100
FRAME = 0x000ffffffffff000
NX = 1 << 63
# Present entries may have no cache bits, no large pages, no protection key.
FORBIDDEN = U64 & ~(P | W | U | A | D | G | 0xe00 | 0x07f << 52 | FRAME | NX)
PLAIN, WRITABLE = 5, 6
BUFFER, BUFFER_BYTES = 0x40000000, 0x100000
HV_SLOTS = range(256, 272)  # of an L4 table


class Disagreement(Exception):
    pass


class GivenUp(Exception):
    """The log does not say enough to go on with this input."""


class Refused(Exception):
    """An error number, or a grant status."""


def need(condition, error):
    if not condition:
        raise Refused(error)


def mfn_of(pte):
    return (pte & FRAME) >> 12


def stored(pte):
    """What is kept of an entry: a guest runs in ring 3, nothing is global."""
    return (pte | U) & ~G if pte & P else pte


class Vcpu:
    def __init__(self, dom, number, root):
        self.dom, self.id, self.state = dom, number, 2  # up
        self.roots = [root, NOBODY]  # of the kernel, of the user
        self.info, self.info_frame = (dom.shared, number * 8), NOBODY
        self.areas = {5: [NOBODY] * 2, 13: [NOBODY] * 2}  # runstate, time
        self.virq, self.sel, self.poll, self.timer = {}, 0, 0, None
        self.nmi = False  # one is pending, and none is being handled


class Port:
    def __init__(self, state, vcpu=0, virq=0, peer=0xffff, peer_port=0):
        self.state, self.vcpu, self.virq = state, vcpu, virq
        self.peer, self.peer_port = peer, peer_port


class Domain:
    def __init__(self, machine, number, f):
        self.m, self.id, self.state = machine, number, 2  # running
        self.first, self.rights = int(f["first"], 16), int(f["rights"], 16)
        self.pool, self.limit = int(f["count"]), machine.per_domain
        self.shared, self.kept = int(f["shared"], 16), None
        self.grant_mfns = [int(m, 16) for m in f["grants"].split(",")]
        self.port_max, self.maps_max = int(f["ports"]), int(f["maps"])
        self.pfn = {self.first + n: n for n in range(self.limit)}
        self.pinned, self.ports, self.maps = {}, {}, {}
        self.grant_frames = 1
        self.vcpus = [Vcpu(self, n, int(root, 16))
                      for n, root in enumerate(f["roots"].split(","))]

    # ---- what follows

    def entries(self, table, level):
        """(index, entry) of those that are not zero, in order."""
        return [(i, pte) for i, pte in sorted(self.m.words[table].items())
                if pte and not (level == 4 and i in HV_SLOTS)]

    def granted(self):
        return [r for d in self.m.domains.values() for r in d.maps.values()
                if r["granter"] is self]

    def look(self):
        """({table: level}, {frame: uses}, {frame: uses with a type})"""
        if self.kept:
            return self.kept
        tables = {}
        uses = [(r["frame"], r["writable"]) for r in self.granted()]
        todo = list(self.pinned.items())
        for v in self.vcpus:
            todo += [(root, 4) for root in v.roots if root != NOBODY]
            uses += [(m, 1) for m in (v.info_frame, *v.areas[5], *v.areas[13])]
        while todo:
            m, level = todo.pop()
            uses.append((m, 1))
            below = [] if m in tables else self.entries(m, level)
            tables[m] = level
            for pte in [pte for _, pte in below if pte & P]:
                if level > 1:
                    todo.append((mfn_of(pte), level - 1))
                else:
                    uses.append((mfn_of(pte), pte & W))
        self.kept = (tables, Counter(m for m, _ in uses),
                     Counter(m for m, typed in uses if typed))
        return self.kept

    def level(self, m):
        return self.look()[0].get(m, 0)

    def may_write(self, m):
        need(m in self.pfn, EINVAL)
        need(not self.level(m), EBUSY)

    # ---- entries and tables

    def leaf_ok(self, pte, begun=()):
        m = mfn_of(pte)
        if not pte & P:  # its address must not be read ahead
            need(not (self.m.l1tf and 0 < m % 2**24 < self.m.frames), EINVAL)
            return
        need(not pte & FORBIDDEN, EINVAL)
        if m in self.pfn:
            need(not pte & W or not (self.level(m) or m in begun), EBUSY)
        elif m != self.shared and m not in self.grant_mfns[:self.grant_frames]:
            raise Refused(EBUSY if m < self.m.frames else EINVAL)

    def table_ok(self, m, level, begun, writable):
        """m may be used as a table of the level, with all below it; what the
        guest wrote into them becomes what is kept of it, as far as one gets."""
        need(m in self.pfn, EINVAL)
        known = self.level(m) or begun.get(m, 0)
        if known == level:
            return
        need(not known, EINVAL)
        need(not self.look()[2][m] and m not in writable, EBUSY)
        begun[m] = level
        if level == 4:
            for i in HV_SLOTS:
                self.m.set_word(m, i, 0)
        for i, pte in self.entries(m, level):
            if not pte & P or level == 1:
                self.leaf_ok(pte, begun)
                writable.update([mfn_of(pte)] if pte & W and pte & P else [])
            else:
                need(not pte & FORBIDDEN, EINVAL)
                self.table_ok(mfn_of(pte), level - 1, begun, writable)
            self.m.set_word(m, i, stored(pte))

    def write_entry(self, table, index, pte, keep):
        level, old = self.level(table), self.m.word(table, index)
        need(level, EBUSY)
        need(not (level == 4 and index in HV_SLOTS), EINVAL)
        bits = P | FRAME | (W if level == 1 else 0)
        same = pte & old & P and not (pte ^ old) & bits
        if level > 1 or same:
            need(not pte & P or not pte & FORBIDDEN, EINVAL)
        if not pte & P or (level == 1 and not same):
            self.leaf_ok(pte)
        elif not same:
            self.table_ok(mfn_of(pte), level - 1, {}, set())
        self.m.set_word(table, index, stored(pte) | (
            old & (A | D) if keep and pte & P else 0))

    # ---- the state, as the log sums it

    def name(self, m):
        if m == NOBODY:
            return 0xffffffff
        n = m - self.first
        return n if 0 <= n < self.pool else m | 1 << 63

    def things(self):
        tables, uses, typed = self.look()
        yield "domain", self.id, len(self.pfn) | self.state << 32, \
            self.rights, 0
        for m, pfn in self.pfn.items():
            kind = tables.get(m, WRITABLE if typed[m] else PLAIN)
            yield ("frame", m - self.first, kind | (m in self.pinned) << 16,
                   uses[m] | typed[m] << 32, pfn)
        for m, level in tables.items():
            for i, pte in self.entries(m, level):
                if pte & P:
                    pte = pte & ~(FRAME | A | D) | \
                        self.name(mfn_of(pte)) << 12 & U64
                yield "entry", (m - self.first) * 512 + i, pte, 0, 0
        for v in self.vcpus:
            yield "vcpu", v.id, v.state, *map(self.name, v.roots)
            run, time = (self.name(a[0]) << 32 | self.name(a[1])
                         for a in v.areas.values())
            yield "area", v.id, self.name(v.info_frame), run, time
            for virq, port in v.virq.items():
                yield "virq", v.id * 32 + virq, port, 0, 0
        for n, p in self.ports.items():
            yield ("port", n, p.state | p.virq << 8,
                   p.peer | p.peer_port << 32, p.vcpu)
        granted = self.granted()
        yield "grants", 0, self.grant_frames, len(granted), 0
        for ref in {r["ref"] for r in granted}:
            those = [r for r in granted if r["ref"] == ref]
            writers = sum(r["writable"] for r in those)
            yield ("active", ref, len(those) - writers | writers << 32,
                   those[0]["by"].id, self.name(those[0]["frame"]))
        for r in self.maps.values():
            yield ("map", 0, r["granter"].id | r["ref"] << 32,
                   r["frame"] | (not r["writable"]) << 63, r["va"])


class Memory:
    """Words of frames, and of the guests' buffer at its address."""

    def __init__(self):
        self.words = defaultdict(dict)  # page: {index: word}
        self.old, self.said = {}, {}  # of this step: before it; by the log
        self.l1tf, self.now, self.current = False, 1000000000, None
        self.trap, self.reads, self.domains = False, [], {}

    def word(self, page, index):
        return self.words[page].get(index, 0)

    def set_word(self, page, index, value):
        self.old.setdefault((page, index), self.word(page, index))
        self.words[page][index] = value
        self.forget()

    def forget(self):
        """What follows from the state is to be looked up again."""
        for d in self.domains.values():
            d.kept = None

    def said_word(self, page, index):
        """What it is after this step, by the log."""
        at = page, index
        return self.said.get(at, self.old.get(at, self.word(*at)))

    # ---- guest addresses

    def leaf(self, v, va):
        """(L1 table, index) that translates va in the kernel's tables."""
        at = v.roots[0]
        for shift in (39, 30, 21):
            pte = self.word(at, va >> shift & 511)
            if not pte & P:
                return None
            at = mfn_of(pte)
        return at, va >> 12 & 511

    def page(self, va, write):
        if BUFFER <= va < BUFFER + BUFFER_BYTES:
            return va // PAGE
        at = self.leaf(self.current, va)
        pte = self.word(*at) if at else 0
        need(pte & P and (not write or pte & W), EFAULT)
        return mfn_of(pte)

    def copy(self, va, count, data=None, word=None):
        """count bytes at va, or data to va; word: from where."""
        out, done = b"", 0
        while done < count:
            page, at = self.page(va, data is not None), va % PAGE
            index, skip = at // 8, at % 8
            n = min(count - done, 8 - skip)
            old = struct.pack("<Q", (word or self.word)(page, index))
            if data is None:
                out += old[skip:skip + n]
            else:
                new = old[:skip] + data[done:done + n] + old[skip + n:]
                self.set_word(page, index, struct.unpack("<Q", new)[0])
            va, done = (va + n) & U64, done + n
        return out

    def fetch(self, va, count):
        if self.trap and BUFFER <= va and va + count <= BUFFER + BUFFER_BYTES:
            for begin, end in self.reads:  # read twice: another vCPU wrote
                for at in range(max(begin, va), min(end, va + count)):
                    byte = self.copy(at, 1)[0] ^ (0x55 + at) & 0xff
                    self.copy(at, 1, bytes([byte]))
            if count and len(self.reads) < 256:
                self.reads.append((va, va + count))
        return self.copy(va, count)

    def store(self, va, data):
        self.copy(va, len(data), bytes(data))

    def said_value(self, va, kind):
        return struct.unpack(kind, self.copy(va, struct.calcsize(kind),
                                             None, self.said_word))[0]
