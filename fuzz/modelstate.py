# SPDX-License-Identifier: Apache-2.0
"""The state of the model: memory, domains, tables, and the rules of a page
table's life. There are no counts: a frame has a set of named holders (an entry,
a pin, a root, an area, a mapping), and its type and counts are what they say.
"""
import struct

from modelabi import EBUSY, EFAULT, EINVAL, PAGE, U64

NOBODY = 0xffffffffffff  # no frame
SELF = 0x7ff0
P, W, U, A, D, G = 1, 2, 4, 0x20, 0x40, 0x100
FRAME = 0x000ffffffffff000
NX = 1 << 63
# Present entries may have no cache bits, no large pages, no protection key.
FORBIDDEN = U64 & ~(P | W | U | A | D | G | 0xe00 | 0x07f << 52 | FRAME | NX)
PLAIN, WRITABLE = 5, 6
VALIDATING, RELEASING = 1, 2
BUFFER, BUFFER_BYTES = 0x40000000, 0x100000


class Disagreement(Exception):
    pass


class Cut(Exception):
    pass


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
    def __init__(self, dom, number):
        self.dom, self.id, self.state = dom, number, 2  # up
        self.kernel_root = self.user_root = NOBODY
        self.info = (dom.shared, number * 64)
        self.info_frame = NOBODY
        self.areas = {"run": [NOBODY] * 2, "time": [NOBODY] * 2}
        self.virq, self.sel, self.poll, self.timer = {}, 0, 0, None
        self.nmi = False  # one is pending, and none is being handled


class Port:
    def __init__(self, state, vcpu=0, virq=0, peer=0xffff):
        self.state, self.vcpu, self.virq = state, vcpu, virq
        self.peer, self.peer_port = peer, 0


class Work:
    """The one walk over tables that a domain may have open: what validates or
    releases the tree under top. stack: [frame, entries taken]."""

    def __init__(self, mode, top, level, stack, result=0):
        self.mode, self.top, self.top_level = mode, top, level
        self.stack, self.result = stack, result

    def where(self):
        text = f"{self.mode},{self.result},{self.top:x},{self.top_level}"
        return text + "".join(f",{t:x}:{n}" for t, n in self.stack)


WALK, UNWALK, DONE = 1, 2, 3


class Domain:
    def __init__(self, machine, fields):
        self.m = machine
        self.id, self.first = fields["domain"], fields["first"]
        self.rights, self.shared = fields["rights"], fields["shared"]
        self.grant_mfns, self.maps_max = fields["grants"], fields["maps"]
        self.port_max, self.state = fields["ports"], 2  # running
        self.pool, self.limit = fields["count"], fields["frames"]
        self.pfn = {self.first + n: n for n in range(self.limit)}
        self.free = list(range(self.pool - 1, self.limit - 1, -1))
        self.holders, self.level, self.unsettled = {}, {}, {}
        self.pinned, self.work = set(), None
        self.ports, self.maps, self.free_maps = {}, {}, []
        self.generation = [0] * self.maps_max
        self.free_maps = list(range(self.maps_max - 1, -1, -1))
        self.grant_frames = 1
        self.vcpus = [Vcpu(self, n) for n in range(fields["vcpus"])]
        for n in range(len(self.vcpus)):
            machine.page(self.shared)[n * 64 + 1] = 1  # upcalls masked
        self.target = None  # where the log says that work was cut
        self.cut_here = False
        self.stop_quietly = False

    # ---- holders

    def is_own(self, m):
        return m in self.pfn

    def type(self, m):
        if m not in self.pfn:
            return 0
        if m in self.level:
            return self.level[m]
        return WRITABLE if "w" in self.holders.get(m, {}).values() else PLAIN

    def hold(self, m, key, kind):
        held = self.holders.setdefault(m, {})
        assert key not in held, (m, key)
        held[key] = kind

    def drop(self, m, key):
        del self.holders[m][key]

    def is_held(self, m, key):
        return key in self.holders.get(m, {})

    def may_write(self, m):
        need(self.is_own(m), EINVAL)
        need(m not in self.level, EBUSY)

    def is_table(self, m, level):
        return self.level.get(m) == level and m not in self.unsettled

    # ---- entries

    def absent_ok(self, pte):
        m = mfn_of(pte) & 0xffffff
        if self.m.l1tf and 0 < m < self.m.frames:
            raise Refused(EINVAL)

    def leaf_ok(self, pte):
        """What entry pte of an L1 table would hold: (frame, kind) or None."""
        if not pte & P:
            self.absent_ok(pte)
            return None
        need(not pte & FORBIDDEN, EINVAL)
        m = mfn_of(pte)
        if not self.is_own(m):
            if m == self.shared or m in self.grant_mfns[:self.grant_frames]:
                return None
            raise Refused(EBUSY if m < self.m.frames else EINVAL)
        need(not pte & W or m not in self.level, EBUSY)
        return m, "w" if pte & W else "r"

    def drop_entry(self, table, index, pte):
        if pte & P and self.is_held(mfn_of(pte), (table, index)):
            self.drop(mfn_of(pte), (table, index))

    # ---- open work

    def where(self):
        return self.work.where() if self.work else None

    def run(self):
        """Go on with open work to its end, or to where the log cut it."""
        w = self.work
        while w is not None and w.mode != DONE:
            if (self.cut_here or self.stop_quietly) and \
                    self.where() == self.target:
                raise Cut
            self.walk_step(w) if w.mode == WALK else self.unwalk_step(w)
            w = self.work

    def run_quietly(self):
        """After a put: the call has succeeded, whether this ends or not."""
        try:
            self.run()
        except Cut:
            if not self.stop_quietly:
                raise

    def walk_step(self, w):
        table, taken = w.stack[-1]
        level = w.top_level - len(w.stack) + 1
        if taken == 512:
            del self.unsettled[table]
            w.stack.pop()
            if w.stack:
                self.drop(table, "work")
                self.hold(table, (w.stack[-1][0], w.stack[-1][1]), "t")
                w.stack[-1][1] += 1
            else:
                w.mode = DONE
            return
        pte = self.m.word(table, taken)
        try:
            pushed = self.walk_entry(w, table, level, taken, pte)
        except Refused as e:
            w.mode, w.result = UNWALK, e.args[0]
            return
        if pte & P and not (level == 4 and 256 <= taken < 272):
            self.m.set_word(table, taken, stored(pte))
        if not pushed:
            w.stack[-1][1] += 1

    def walk_entry(self, w, table, level, index, pte):
        if not pte & P:
            self.absent_ok(pte)
        elif level == 4 and 256 <= index < 272:
            pass
        elif level == 1:
            held = self.leaf_ok(pte)
            if held:
                self.hold(held[0], (table, index), held[1])
        else:
            need(not pte & FORBIDDEN, EINVAL)
            child = mfn_of(pte)
            need(self.is_own(child), EINVAL)
            if self.is_table(child, level - 1):
                self.hold(child, (table, index), "t")
            else:
                self.begin_table(child, level - 1)
                w.stack.append([child, 0])
                return True
        return False

    def begin_table(self, m, level):
        need(m not in self.level, EINVAL)
        need(self.type(m) == PLAIN, EBUSY)
        self.level[m] = level
        self.unsettled[m] = VALIDATING
        self.hold(m, "work", "t")
        if level == 4:
            self.m.page(m)[256 * 8:272 * 8] = bytes(128)

    def unwalk_step(self, w):
        table, taken = w.stack[-1]
        level = w.top_level - len(w.stack) + 1
        if taken == 0:
            if level == 4:
                self.m.page(table)[256 * 8:272 * 8] = bytes(128)
            self.drop(table, "work")
            del self.level[table], self.unsettled[table]
            w.stack.pop()
            if not w.stack:
                w.mode = DONE
                if w.result == 0:
                    self.work = None
            return
        taken -= 1
        w.stack[-1][1] = taken
        pte = self.m.word(table, taken)
        if not pte & P or (level == 4 and 256 <= taken < 272):
            return
        if level == 1:
            self.drop_entry(table, taken, pte)
        elif self.lose_table(mfn_of(pte), (table, taken)):
            w.stack.append([mfn_of(pte), 512])

    def lose_table(self, m, key):
        """Drop a holder of a table; true: it was the last, work holds it."""
        self.drop(m, key)
        if "t" in self.holders[m].values():
            return False
        self.unsettled[m] = RELEASING
        self.hold(m, "work", "t")
        return True

    def release(self, m):
        self.work = Work(UNWALK, m, self.level[m], [[m, 512]])

    def ready(self, m=NOBODY, level=0):
        """End open work; a result for another than (m, level) is dropped."""
        self.run()
        w = self.work
        if w and (w.top, w.top_level) != (m, level):
            self.work = None
            if w.result == 0 and self.lose_table(w.top, "work"):
                self.release(w.top)
                self.run()

    def get(self, m, level, key):
        """Hold m as a table of the level, by name key."""
        self.ready(m, level)
        if self.work is None:
            need(self.is_own(m), EINVAL)
            if self.is_table(m, level):
                self.hold(m, key, "t")
                return
            self.begin_table(m, level)
            self.work = Work(WALK, m, level, [[m, 0]])
            self.run()
        result = self.work.result
        self.work = None
        need(result == 0, result)
        self.drop(m, "work")
        self.hold(m, key, "t")

    def put(self, m, key):
        if self.lose_table(m, key):
            self.release(m)
            self.run_quietly()

    # ---- writes

    def write_entry(self, table, index, pte, keep):
        level = self.level[table]
        if level > 1:
            self.ready(mfn_of(pte) if pte & P else NOBODY, level - 1)
        need(self.is_table(table, level), EBUSY)
        old = self.m.word(table, index)
        if level == 1:
            if old & P and not (old ^ pte) & (P | W | FRAME):
                need(not pte & FORBIDDEN, EINVAL)
                held = None
                self.m.exchange(table, index)
            else:
                held = self.leaf_ok(pte)
                self.m.exchange(table, index)
                self.drop_entry(table, index, old)
                if held:
                    self.hold(held[0], (table, index), held[1])
            now = self.m.word(table, index)  # the processor has set bits
            self.m.set_word(table, index, stored(pte) | (
                now & (A | D) if keep and pte & P else 0))
            return
        need(not (level == 4 and 256 <= index < 272), EINVAL)
        need(not pte & P or not pte & FORBIDDEN, EINVAL)
        if not pte & P:
            self.absent_ok(pte)
        same = pte & old & P and mfn_of(pte) == mfn_of(old)
        if pte & P and not same:
            self.get(mfn_of(pte), level - 1, "new")
        if old & P and not same:  # to give way to the new one's name
            self.drop(mfn_of(old), (table, index))
            self.hold(mfn_of(old), "old", "t")
        if pte & P and not same:
            self.drop(mfn_of(pte), "new")
            self.hold(mfn_of(pte), (table, index), "t")
        try:
            self.m.exchange(table, index)
            bits = self.m.word(table, index) & (A | D) if keep else 0
        except Refused:  # is written all the same
            bits = 0
        self.m.set_word(table, index, stored(pte) | (bits if pte & P else 0))
        if old & P and not same:
            self.put(mfn_of(old), "old")

    def set_root(self, v, root, user):
        place = "user_root" if user else "kernel_root"
        old = getattr(v, place)
        if root == old:
            return
        if root != NOBODY:
            self.get(root, 4, (place, v.id, root))
        else:
            need(user, EINVAL)
            self.ready()
        setattr(v, place, root)
        if old != NOBODY:
            self.put(old, (place, v.id, old))

    # ---- the state, as the log sums it

    def name(self, m):
        if m == NOBODY:
            return 0xffffffff
        n = m - self.first
        return n if 0 <= n < self.pool else m | 1 << 63

    def uses(self, ref):
        """Who maps grant ref now: [(mapper, record)]."""
        return [(d, r) for d in self.m.domains.values()
                for r in d.maps.values()
                if r["granter"] is self and r["ref"] == ref]

    def things(self):
        head = self.free[-1] if self.free else 0xffffffff
        yield ("domain", self.id, len(self.pfn) | self.state << 32,
               self.rights, head)
        after = 0xffffffff
        for n in self.free:
            if after:  # a record of zeroes alone is not in the log's sum
                yield "frame", n, 0, 0, after
            after = n
        for m, pfn in self.pfn.items():
            held = self.holders.get(m, {})
            typed = sum(kind != "r" for kind in held.values())
            yield ("frame", m - self.first,
                   self.type(m) | self.unsettled.get(m, 0) << 8 |
                   (m in self.pinned) << 16, len(held) | typed << 32, pfn)
        for m, level in self.level.items():
            if m not in self.unsettled:
                yield from self.entries(m, level)
        for v in self.vcpus:
            yield ("vcpu", v.id, v.state, self.name(v.kernel_root),
                   self.name(v.user_root))
            run, time = v.areas["run"], v.areas["time"]
            yield ("area", v.id, self.name(v.info_frame),
                   self.name(run[0]) << 32 | self.name(run[1]),
                   self.name(time[0]) << 32 | self.name(time[1]))
            for virq, port in v.virq.items():
                yield "virq", v.id * 32 + virq, port, 0, 0
        for n, p in self.ports.items():
            yield ("port", n, p.state | p.virq << 8,
                   p.peer | p.peer_port << 32, p.vcpu)
        yield from self.grant_things()

    def entries(self, m, level):
        n = (m - self.first) * 512
        for i, pte in enumerate(struct.unpack("<512Q", self.m.page(m))):
            if pte and not (level == 4 and 256 <= i < 272):
                if pte & P:
                    pte = pte & ~(FRAME | A | D) | \
                        self.name(mfn_of(pte)) << 12 & U64
                yield "entry", n + i, pte, 0, 0

    def grant_things(self):
        used = {}
        for d in self.m.domains.values():
            for r in d.maps.values():
                if r["granter"] is self:
                    u = used.setdefault(r["ref"], [0, 0, d.id, r["frame"]])
                    u[r["writable"]] += 1
        yield ("grants", 0, self.grant_frames,
               sum(u[0] + u[1] for u in used.values()), 0)
        for ref, u in used.items():
            yield "active", ref, u[0] | u[1] << 32, u[2], self.name(u[3])
        for i, r in self.maps.items():
            yield ("map", i, r["granter"].id | r["ref"] << 32,
                   r["frame"] | (not r["writable"]) << 63, r["va"])


class Machine:
    """Memory as the fuzzers' machine has it, and the domains."""

    def __init__(self, world, domains):
        self.pages, self.buffer = {}, bytearray(BUFFER_BYTES)
        self.frames = (1 + len(domains)) * world["pool"]
        self.l1tf = False
        self.now = 1000000000
        self.fail_at, self.raced = 0, 0
        self.trap, self.reads = False, []
        self.domains = {}
        for fields in domains:
            fields["frames"] = world["frames"]
            self.domains[fields["domain"]] = Domain(self, fields)
        for d in self.domains.values():
            self.build(d, world)
        self.current = None

    def build(self, d, world):
        """Frames 4 to 7 are L4 to L1, and map pages 16 to 31 writable."""
        flags = P | W | U | A
        for n in range(4, 7):
            self.set_word(d.first + n, 0, (d.first + n + 1) << 12 | flags)
        for n in range(16, 32):
            self.set_word(d.first + 7, n, (d.first + n) << 12 | flags)
        d.set_root(d.vcpus[0], d.first + 4, False)

    def page(self, m):
        if m not in self.pages:
            self.pages[m] = bytearray(PAGE)
        return self.pages[m]

    def word(self, m, index):
        return struct.unpack_from("<Q", self.page(m), index * 8)[0]

    def set_word(self, m, index, value):
        struct.pack_into("<Q", self.page(m), index * 8, value)

    def exchange(self, table, index):
        """The processor may set bits of a present entry under an exchange; who
        meets that four times gives up."""
        for _ in range(4):
            if not self.raced or not self.word(table, index) & P:
                return
            self.raced -= 1
            self.set_word(table, index, self.word(table, index) ^ A)
        raise Refused(EBUSY)

    # ---- guest addresses

    def leaf(self, v, va):
        """(L1 table, index) that translates va in the kernel's tables."""
        at = v.kernel_root
        if at == NOBODY:
            return None
        for shift in (39, 30, 21):
            pte = self.word(at, va >> shift & 511)
            if not pte & P:
                return None
            at = mfn_of(pte)
        return at, va >> 12 & 511

    def place(self, va, write):
        if BUFFER <= va < BUFFER + BUFFER_BYTES:
            return self.buffer, va - BUFFER
        at = self.leaf(self.current, va)
        pte = self.word(*at) if at else 0
        if not pte & P or (write and not pte & W):
            return None
        return self.page(mfn_of(pte)), va % PAGE

    def copy(self, va, count, data=None):
        """count bytes at va, or data to va; None, True for a fault."""
        if self.fail_at:
            self.fail_at -= 1
            if self.fail_at == 0:
                raise Refused(EFAULT)
        out, done = b"", 0
        while done < count:
            n = min(count - done, PAGE - va % PAGE)
            at = self.place(va, data is not None)
            need(at is not None, EFAULT)
            memory, offset = at
            if data is None:
                out += memory[offset:offset + n]
            else:
                memory[offset:offset + n] = data[done:done + n]
            va, done = (va + n) & U64, done + n
        return out

    def fetch(self, va, count):
        if self.trap and BUFFER <= va and va + count <= BUFFER + BUFFER_BYTES:
            for begin, end in self.reads:  # read twice: another vCPU wrote
                for at in range(max(begin, va), min(end, va + count)):
                    self.buffer[at - BUFFER] ^= (0x55 + at) & 0xff
            if count:
                self.reads.append((va, va + count))
        return self.copy(va, count)

    def copy_quietly(self, va, count):
        """What is there; no copy of the hypervisor's."""
        kept, self.fail_at = self.fail_at, 0
        data = self.copy(va, count)
        self.fail_at = kept
        return data

    def store(self, va, data):
        self.copy(va, len(data), bytes(data))
