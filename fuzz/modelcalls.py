# SPDX-License-Identifier: Apache-2.0
"""Hypercalls of the model: one method a call, by the name in modelabi. Each
answers with its result or raises Refused. Which port, handle or frame is given
is what the log says, and must be one that is free."""
import struct

from modelabi import (CALLS, CUT, EBUSY, EFAULT, EINVAL, ENOENT, ENOMEM, ENOSYS,
                      EPERM, PAGE, SELF, U64)
from modelevents import Events
from modelstate import (A, D, HV_SLOTS, NOBODY, NX, P, U, W, Disagreement,
                        Refused, mfn_of, need, stored)

IS_CUT = 1 << 31  # in the count of a call that goes on
SUB_IN_A0 = (12, 17, 18, 20, 24, 25, 29, 32, 33)
HOST, READONLY = 2, 4  # flags of a grant mapping
SERVICES = 55  # a number of Ringfence's own, with 12 sub-operations


class Calls(Events):
    def __init__(self, machine):
        self.m, self.v, self.d = machine, None, None

    # ---- from number to call

    def enter(self, v, nr, args):
        self.v, self.d, self.m.current = v, v.dom, v
        try:
            return self.dispatch(nr, args)
        except Refused as e:
            return e.args[0]

    def dispatch(self, nr, args, listed=False):
        if nr in (1, 26):
            return self.mmu_batch(nr, args)
        sub = 0
        if nr in SUB_IN_A0 or nr == SERVICES:
            sub = args[0] & (63 if nr == 12 else 0xffffffff)
        elif nr == 21:
            sub = args[1] & 0xffffffff if args[0] == 0 else -1
        elif nr == 30:
            need(args[0] == 0, ENOSYS)
            sub = self.read(CALLS[30, 0][2], args[1])["type"]
        name, shape = self.admit(nr, sub)
        if nr == 13:
            need(not listed, EINVAL)
            return self.multicall(args)
        if nr == 20:
            need(args[2] < 1 << 31, EINVAL)
            for i in range(args[2]):
                self.with_struct(name, shape, args[1] + i * shape.bytes)
            return 0
        if name == "-":  # in x86/, which the fuzzers' machine does not have
            if shape and nr != 30:
                self.read(shape, args[1])
            return 0
        if shape is None:
            return getattr(self, name)(args)
        return self.with_struct(name, shape, args[2 if nr == 24 else 1], args)

    def admit(self, nr, sub):
        need(nr != SERVICES or sub > 11, EPERM)  # nobody is a service here
        need((nr, sub) in CALLS, ENOSYS)
        name, right, shape = CALLS[nr, sub]
        need(right == 0 or self.d.rights >> right & 1, EPERM)
        return name, shape

    def read(self, shape, at):
        self.m.forget()
        a = shape.read(self.m.fetch(at & U64, shape.bytes))
        need(shape.in_range(a), EINVAL)
        return a

    def with_struct(self, name, shape, at, *more):
        a = self.read(shape, at)
        self.at, self.shape, result = at, shape, 0
        try:
            result = getattr(self, name)(a, *more) or 0
        except Refused as e:  # some tell by a status, not by their result
            need("status" in a, e.args[0])
            a["status"] = e.args[0]
        for offset, data in shape.outputs(a):
            self.m.store(at + offset, data)
        return result

    def given(self, field):
        """What the log says that the call has put into the field."""
        kind, offset, _, _ = self.shape.fields[field]
        return self.m.said_value(self.at + offset, kind)

    def mmu_batch(self, nr, args):
        """Elements are done one by one to the first error."""
        need(args[3] in (SELF, self.d.id), EPERM)
        shape, done, result = CALLS[nr, 0][2], 0, 0
        while done < args[1] % IS_CUT and result == 0:
            try:
                a = self.read(shape, args[0] + done * shape.bytes)
                name, _ = self.admit(nr, a.get("cmd", a.get("ptr", 0) & 3))
                if name != "-":
                    getattr(self, name)(a)
                done += 1
            except Refused as e:
                result = e.args[0]
        if args[2]:
            self.m.store(args[2], struct.pack("<I", done))
        return result

    def multicall(self, args):
        for at in range(args[0], args[0] + args[1] * 64, 64):
            e = struct.unpack("<8Q", self.m.fetch(at, 64))
            try:
                need(e[0] != 13 and not e[0] >> 32, EINVAL)
                result = self.dispatch(e[0], e[2:], True)
            except Refused as refused:
                result = refused.args[0]
            self.m.store(at + 8, struct.pack("<q", result))
            for k in range(16, 64, 8):  # a call that goes on may change its own
                self.m.store(at + k, struct.pack("<Q", self.m.said_value(
                    at + k, "<Q")))
        return 0

    # ---- page tables

    def mmu(self, a):
        table, index, d = a["ptr"] >> 12, a["ptr"] % PAGE // 8, self.d
        need(not a["ptr"] & 4, EINVAL)
        need(table in d.pfn, EPERM)
        if d.level(table):
            d.write_entry(table, index, a["val"], a["ptr"] & 3 == 2)
        else:
            self.m.set_word(table, index, a["val"])

    def machphys(self, a):
        need(a["ptr"] >> 12 in self.d.pfn and a["val"] < 0xffffffff, EPERM)
        self.d.pfn[a["ptr"] >> 12] = a["val"]

    def update_va_mapping(self, args):
        need(args[2] & 3 != 3, EINVAL)
        at = self.m.leaf(self.v, args[0])
        need(at is not None, EINVAL)
        self.d.write_entry(*at, args[1], False)
        return 0

    def pin(self, a):
        m, level = a["arg1"], a["cmd"] + 1
        need(m in self.d.pfn and m not in self.d.pinned, EINVAL)
        self.d.table_ok(m, level, {}, set())
        self.d.pinned[m] = level

    def unpin(self, a):
        need(a["arg1"] in self.d.pinned, EINVAL)
        del self.d.pinned[a["arg1"]]

    def root(self, a):
        user, root = a["cmd"] == 15, a["arg1"] or NOBODY
        if root != self.v.roots[user]:
            need(root != NOBODY or user, EINVAL)
            if root != NOBODY:
                self.d.table_ok(root, 4, {}, set())
            self.v.roots[user] = root

    def flush_multi(self, a):
        self.m.fetch(a["arg2"], (len(self.d.vcpus) + 7) // 8)

    # ---- memory

    def reservation(self, a, args, one):
        done = args[0] >> 6
        if a["domid"] in (SELF, self.d.id):
            need(done <= a["count"], EINVAL)
            try:
                while done < a["count"]:
                    self.m.forget()
                    at = (a["extents"] + done * 8) & U64
                    one(at, struct.unpack("<Q", self.m.fetch(at, 8))[0])
                    done += 1
            except Refused:
                pass
        return done

    def decrease(self, a, args):
        def give_back(_, m):
            need(m in self.d.pfn, EINVAL)
            need(not self.d.look()[1][m], EBUSY)
            del self.d.pfn[m]
        return self.reservation(a, args, give_back)

    def populate(self, a, args):
        def take(at, pfn):
            d, m = self.d, self.m.said_value(at, "<Q")
            need(len(d.pfn) < d.limit, ENOMEM)
            need(pfn < d.limit, EINVAL)
            self.m.store(at, struct.pack("<Q", m))
            if m in d.pfn or not 0 <= m - d.first < d.pool:
                raise Disagreement("a frame that is not free was given")
            for i in list(self.m.words[m]):
                self.m.set_word(m, i, 0)
            d.pfn[m] = pfn
        return self.reservation(a, args, take)

    def memory_map(self, a, *_):
        need(a["entries"] >= 1, EINVAL)
        region = struct.pack("<QQI", 0, self.d.limit * PAGE, 1)
        self.m.store(a["buffer"], region)
        a["entries"] = 1

    # ---- vCPUs

    def target(self, args):
        n = args[1] & 0xffffffff
        need(n < len(self.d.vcpus), ENOENT)
        return self.d.vcpus[n]

    def vcpu_is_up(self, args):
        return int(self.target(args).state == 2)

    def vcpu_up(self, args):
        v = self.target(args)
        need(v.state in (1, 2) and v.roots[0] != NOBODY, EINVAL)
        v.state, v.poll = 2, 0
        return 0

    def vcpu_down(self, args):
        v = self.target(args)
        was_up, v.state = v.state == 2, 1 if v.state == 2 else v.state
        if was_up and all(o.state != 2 for o in self.d.vcpus):
            self.d.state = 3  # the last one: it powers off
        v.timer = None
        return 0

    def page_at(self, va):
        at = self.m.leaf(self.v, va)
        pte = self.m.word(*at) if at else 0
        need(pte & (P | W) == P | W, EFAULT)
        self.d.may_write(mfn_of(pte))
        return mfn_of(pte)

    def area(self, a, args, *_):
        v, va, frames = self.target(args), a["addr"], [NOBODY] * 2
        size = 48 if args[0] == 5 else 32
        need(not va & 3, EINVAL)
        need(v is self.v or v.state != 2, EBUSY)
        if va:
            frames[0] = self.page_at(va)
            if va % PAGE + size > PAGE:
                frames[1] = self.page_at((va + size - 1) & U64)
        v.areas[args[0]] = frames

    def info(self, a, args, *_):
        v, to = self.target(args), a["offset"] // 8
        need(not a["offset"] & 7, EINVAL)
        need(v is self.v or v.state != 2, EBUSY)
        need(v.info_frame == NOBODY, EINVAL)
        self.d.may_write(a["mfn"])
        for i in range(8):
            self.m.set_word(a["mfn"], to + i,
                            self.m.word(v.info[0], v.info[1] + i))
        v.info_frame, v.info = a["mfn"], (a["mfn"], to)
        v.sel = U64

    # ---- grants

    def permit(self, granter, ref, writable):
        """The frame that entry ref of the granter lets the caller use."""
        need(granter.state == 2, -2)
        need(ref < granter.grant_frames * 512, -3)
        page, i = granter.grant_mfns[ref // 512], ref % 512
        word, m = self.m.word(page, i), self.m.word(page, i) >> 32
        need(word & 3 == 1 and not word & 7 << 5 and
             word >> 16 & 0xffff == self.d.id, -1)
        need(not (writable and word & 4), -1)
        need(all(r["by"] is self.d and r["frame"] == m
                 for r in granter.granted() if r["ref"] == ref), -1)
        self.m.set_word(page, i, word | 8 | (16 if writable else 0))
        if m not in granter.pfn or (writable and granter.level(m)):
            self.unmark(granter, ref)
            raise Refused(-1)
        return m

    def unmark(self, granter, ref, also=()):
        """Marks that no use justifies; also: uses that are not mappings."""
        page, i = granter.grant_mfns[ref // 512], ref % 512
        uses = [r["writable"] for r in granter.granted()
                if r["ref"] == ref] + list(also)
        self.m.set_word(page, i, self.m.word(page, i) & ~(
            (0 if any(uses) else 16) | (0 if uses else 8)))

    def map(self, a):
        d, m, va = self.d, self.m, a["va"]
        writable = a["flags"] & 0xffff == HOST
        need(writable or a["flags"] & 0xffff == HOST | READONLY, -1)
        need(va % PAGE == 0 and va >> 47 in (0, 0x1ffff) and
             va >> 39 & 511 not in HV_SLOTS, -5)
        granter = m.domains.get(a["dom"])
        need(granter not in (None, d), -2)
        need(len(d.maps) < d.maps_max, -13)
        at = m.leaf(self.v, va)
        need(at is not None, -1)
        frame = self.permit(granter, a["ref"], writable)
        if m.word(*at) & ~(A | D):
            self.unmark(granter, a["ref"])
            raise Refused(-1)
        pte = frame << 12 | P | U | A | NX | (W | D if writable else 0)
        m.set_word(*at, stored(pte | (a["flags"] >> 16) << 9 & 0xe00))
        n = a["handle"] = self.given("handle")
        if n in d.maps:
            raise Disagreement("a handle that is in use was given")
        d.maps[n] = {"granter": granter, "by": d, "ref": a["ref"], "at": at,
                     "frame": frame, "va": va, "writable": writable}
        a["dev_bus_addr"], a["status"] = frame << 12, 0

    def unmap(self, a):
        r = self.d.maps.get(a["handle"])
        need(r, -4)
        need(r["va"] == a["va"], -5)
        need(a["dev_bus_addr"] == 0, -6)
        pte = self.m.word(*r["at"])
        if self.d.level(r["at"][0]) == 1 and pte & P and \
                mfn_of(pte) == r["frame"]:
            self.m.set_word(*r["at"], 0)
        del self.d.maps[a["handle"]]
        a["status"] = 0
        self.unmark(r["granter"], r["ref"])

    def copy(self, a):
        need(not a["flags"] & ~3, -1)
        n, begun, frame, sides = a["len"], [], [], ("src", "dst")
        need(all(a[s + "_offset"] + n <= PAGE for s in sides), -10)
        owner = [self.d, self.d]
        for i, s in enumerate(sides):
            if a[s + "_dom"] not in (SELF, self.d.id):
                need(a["flags"] >> i & 1, -8)
                owner[i] = self.m.domains.get(a[s + "_dom"])
                need(owner[i], -2)
        try:
            for i, s in enumerate(sides):
                number = a[s + "_ref"]
                if a["flags"] >> i & 1:
                    number &= 0xffffffff
                    frame.append(self.permit(owner[i], number, i == 1))
                    begun.append((owner[i], number, i == 1))
                else:
                    frame.append(number)
                    need(number in owner[i].pfn and
                         not (i and owner[i].level(number)), -1)
            so, do = a["src_offset"], a["dst_offset"]
            need(frame[0] != frame[1] or so >= do + n or do >= so + n, -10)
            a["status"] = 0
            self.copy_bytes(frame[0] * PAGE + so, frame[1] * PAGE + do, n)
        finally:
            while begun:
                granter, ref, _ = begun.pop()
                self.unmark(granter, ref, [w for g, r, w in begun
                                           if g is granter and r == ref])

    def copy_bytes(self, source, target, n):
        for i in range(n):
            page, at = divmod(source + i, PAGE)
            byte = self.m.word(page, at // 8) >> at % 8 * 8 & 0xff
            page, at = divmod(target + i, PAGE)
            old = self.m.word(page, at // 8) & ~(0xff << at % 8 * 8)
            self.m.set_word(page, at // 8, old | byte << at % 8 * 8)

    def setup(self, a):
        d, n = self.d, a["frames"]
        a["status"] = -5  # if the list cannot be written
        need(a["dom"] in (SELF, d.id), -8)
        need(n <= len(d.grant_mfns), -1)
        try:
            self.m.store(a["list"], struct.pack(f"<{n}Q", *d.grant_mfns[:n]))
        except Refused:
            return
        d.grant_frames, a["status"] = max(d.grant_frames, n), 0

    def query(self, a):
        need(a["dom"] in (SELF, self.d.id), -8)
        a.update(status=0, frames=self.d.grant_frames, max_frames=len(self.d.grant_mfns))

    def version_grant(self, a):
        need(a["version"] == 1, EINVAL)
