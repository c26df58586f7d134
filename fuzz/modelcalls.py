# SPDX-License-Identifier: Apache-2.0
"""Hypercalls of the model: one method a call, by the name in the ABI's table.
Each answers with its result or raises Refused."""
import struct

from modelabi import (CALLS, CUT, EBUSY, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM,
                      ENOSPC, ENOSYS, EPERM, ESRCH, PAGE, STRUCTS, U64)
from modelevents import Events
from modelstate import (A, D, FRAME, NOBODY, NX, P, PLAIN, SELF, U, W, Cut,
                        Disagreement, Port, Refused, mfn_of, need, stored)

IS_CUT = 1 << 31
SUB_IN_A0 = (12, 17, 18, 20, 24, 25, 29, 32, 33)
HOST, READONLY = 2, 4  # flags of a grant mapping
SERVICES = 55  # a number of Ringfence's own, with 12 sub-operations


class Calls(Events):
    def __init__(self, machine):
        self.m = machine
        self.v = self.d = None
        self.left = None  # what the log says the cut call left

    # ---- from number to call

    def enter(self, v, nr, args, left, inner):
        """The result; left, inner: arguments after a cut, by the log."""
        self.v, self.d = v, v.dom
        self.m.current = v
        self.inner = inner
        for d in self.m.domains.values():
            d.cut_here = d.stop_quietly = False
        try:
            return self.dispatch(nr, args, left)
        except Refused as e:
            return e.args[0]

    def dispatch(self, nr, args, left, listed=False):
        if nr in (1, 26):
            return self.mmu_batch(nr, args, left)
        sub = 0
        if nr in SUB_IN_A0 or nr == SERVICES:
            sub = args[0] & (63 if nr == 12 else 0xffffffff)
        elif nr == 21:
            sub = args[1] & 0xffffffff if args[0] == 0 else -1
        if nr == 30:
            return self.callback(args)
        self.admit(nr, sub)
        name, _, shape, arg = CALLS[nr, sub]
        if nr == 20:
            return self.grant_batch(name, args, left)
        if nr == 13:
            return self.multicall(args, left, listed)
        if left is not None and nr != 12:  # a long call, in a turn of its own
            need_log(listed and left == args[:3], "a call that is never cut")
            return CUT
        if shape is None:
            return getattr(self, name, self.nothing)(args)
        return self.with_struct(name, shape, args[arg], args, left)

    def admit(self, nr, sub):
        # What services have; nobody in this world is one.
        need(nr != SERVICES or sub > 11, EPERM)
        need((nr, sub) in CALLS, ENOSYS)
        need(self.d.rights >> CALLS[nr, sub][1] & 1, EPERM)

    def with_struct(self, name, shape, at, args, left=None):
        s = STRUCTS[shape]
        a = s.read(self.m.fetch(at, s.bytes))
        need(s.in_range(a), EINVAL)
        for offset, data in s.outputs(a):
            self.m.store(at + offset, data)
        result = getattr(self, name, self.nothing)(a, args, left)
        if result is not None and result < 0:
            return result
        for offset, data in s.outputs(a):
            self.m.store(at + offset, data)
        return result or 0

    def nothing(self, *_):
        """Handlers of x86/ that the fuzzers' machine does not have."""
        return 0

    def callback(self, args):
        need(args[0] == 0, ENOSYS)
        s = STRUCTS["callback"]
        a = s.read(self.m.fetch(args[1], s.bytes))
        need(s.in_range(a), EINVAL)
        self.admit(30, a["type"])
        return 0

    # ---- batches

    def mmu_batch(self, nr, args, left):
        """Elements are done one by one to the first error; the count of what
        is done is kept above bit 31 when the call is cut."""
        m, d = self.m, self.d
        size = 16 if nr == 1 else 24
        need(args[3] in (SELF, d.id), EPERM)
        count = args[1] & (IS_CUT - 1)
        before = args[1] >> 32 if args[1] & IS_CUT else 0
        until = None
        if left is not None:
            until = count - (left[1] & (IS_CUT - 1))
            need_log(0 <= until <= count and left[1] ==
                     (count - until | IS_CUT | before + until << 32) & U64 and
                     left[0] == (args[0] + until * size) & U64,
                     "arguments of a call that was cut")
        done, result = 0, 0
        while done < count:
            if done == until and d.where() == d.target:
                return CUT
            d.cut_here = done == until
            d.stop_quietly = until is not None and done + 1 == until
            try:
                self.element(nr, args[0] + done * size)
            except Refused as e:
                result = e.args[0]
                break
            except Cut:
                return CUT
            need_log(not d.cut_here, "a call cut where it cannot be")
            done += 1
        if result == 0:
            d.cut_here, d.stop_quietly = until is not None, False
            try:
                d.run()
            except Cut:
                return CUT
            if until is not None:
                return CUT
        if args[2]:
            m.store(args[2], struct.pack("<I", before + done & 0xffffffff))
        return result

    def element(self, nr, at):
        s = STRUCTS["mmu" if nr == 1 else "ext"]
        a = s.read(self.m.fetch(at & U64, s.bytes))
        need(s.in_range(a), EINVAL)
        sub = a["ptr"] & 3 if nr == 1 else a["cmd"]
        self.admit(nr, sub)
        getattr(self, CALLS[nr, sub][0], self.nothing)(a)

    def grant_batch(self, name, args, left):
        size = STRUCTS[CALLS[20, args[0] & 0xffffffff][2]].bytes
        need(args[2] < 1 << 31, EINVAL)
        until = args[2] if left is None else args[2] - left[2]
        need_log(0 <= until <= args[2] and (left is None or left[1] ==
                 args[1] + until * size), "arguments of a cut grant call")
        for i in range(until):
            shape = CALLS[20, args[0] & 0xffffffff][2]
            result = self.with_struct(name, shape, args[1] + i * size, args)
            if result < 0:
                return result
        return CUT if left is not None else 0

    def multicall(self, args, left, listed):
        need(not listed, EINVAL)
        m = self.m
        until = args[1] if left is None else args[1] - left[1]
        need_log(0 <= until <= args[1] and (left is None or left[0] ==
                 args[0] + until * 64), "arguments of a cut list")
        targets = {d.id: d.target for d in m.domains.values()}
        for i in range(min(until + (left is not None), args[1])):
            at = args[0] + i * 64
            last = i == until
            if last and self.inner is None:
                return CUT
            e = None
            if last:  # cut before the entry, or inside of it?
                old = struct.unpack("<8Q", m.copy_quietly(at, 64))
                if list(old[2:5]) == self.inner and \
                        self.d.where() == targets[self.d.id]:
                    return CUT
            e = struct.unpack("<8Q", m.fetch(at, 64))
            inner = list(e[2:])
            cut = self.inner if last else None
            self.d.cut_here = self.d.stop_quietly = False
            if e[0] == 13 or e[0] >> 32:
                result = EINVAL
            else:
                try:
                    result = self.dispatch(e[0], inner, cut, True)
                except Refused as refused:
                    result = refused.args[0]
            if result == CUT:
                for k, word in enumerate(self.inner):
                    inner[k] = word
                m.store(at + 16, struct.pack("<6Q", *inner))
                return CUT
            m.store(at + 8, struct.pack("<q", result))
        return 0 if left is None else CUT

    # ---- page tables

    def mmu_normal(self, a, keep=False):
        ptr, d = a["ptr"] & ~(3 if keep else 0), self.d
        need(not ptr & 4, EINVAL)
        table = ptr >> 12
        need(d.is_own(table), EPERM)
        if table in d.level:
            d.write_entry(table, ptr % PAGE // 8, a["val"], keep)
        else:
            self.m.set_word(table, ptr % PAGE // 8, a["val"])

    def mmu_keep_ad(self, a):
        self.mmu_normal(a, True)

    def mmu_machphys(self, a):
        need(self.d.is_own(a["ptr"] >> 12) and a["val"] < 0xffffffff, EPERM)
        self.d.pfn[a["ptr"] >> 12] = a["val"]

    def update_va_mapping(self, args):
        need(args[2] & 3 != 3, EINVAL)
        at = self.m.leaf(self.v, args[0])
        need(at is not None, EINVAL)
        self.d.write_entry(*at, args[1], False)
        return 0

    def pin(self, m, level):
        need(self.d.is_own(m) and m not in self.d.pinned, EINVAL)
        self.d.get(m, level, "pin")
        self.d.pinned.add(m)

    def pin_l1(self, a):
        self.pin(a["arg1"], 1)

    def pin_l3(self, a):
        self.pin(a["arg1"], 3)

    def pin_l4(self, a):
        self.pin(a["arg1"], 4)

    def unpin(self, a):
        self.d.ready()
        need(a["arg1"] in self.d.pinned, EINVAL)
        self.d.pinned.remove(a["arg1"])
        self.d.put(a["arg1"], "pin")

    def new_baseptr(self, a):
        self.d.set_root(self.v, a["arg1"], False)

    def new_user_baseptr(self, a):
        self.d.set_root(self.v, a["arg1"] or NOBODY, True)

    def flush_multi(self, a):
        self.m.fetch(a["arg2"], (len(self.d.vcpus) + 7) // 8)

    invlpg_multi = flush_multi

    # ---- memory

    def reservation(self, a, args, left, one):
        start = args[0] >> 6
        if a["domid"] not in (SELF, self.d.id):
            return start
        need(start <= a["nr_extents"], EINVAL)
        until = a["nr_extents"]
        if left is not None:
            until = left[0] >> 6
            need_log(start <= until <= a["nr_extents"] and
                     left[0] & 63 == args[0] & 63, "a cut balloon call")
        for i in range(start, until):
            try:
                at = (a["extent_start"] + i * 8) & U64
                one(at, struct.unpack("<Q", self.m.fetch(at, 8))[0])
            except Refused:
                return i
        return until if left is None else CUT

    def give_back(self, _, m):
        d = self.d
        need(d.is_own(m), EINVAL)
        need(not d.holders.get(m), EBUSY)
        del d.pfn[m]
        d.free.append(m - d.first)

    def take(self, at, pfn):
        d = self.d
        need(len(d.pfn) < d.limit and d.free, ENOMEM)
        need(pfn < d.limit, EINVAL)
        m = d.free.pop() + d.first
        d.pfn[m] = pfn
        self.m.page(m)[:] = bytes(PAGE)
        try:
            self.m.store(at, struct.pack("<Q", m))
        except Refused:
            self.give_back(at, m)
            raise

    def decrease_reservation(self, a, args, left):
        return self.reservation(a, args, left, self.give_back)

    def populate_physmap(self, a, args, left):
        return self.reservation(a, args, left, self.take)

    def memory_map(self, a, *_):
        need(a["nr_entries"] >= 1, EINVAL)
        region = struct.pack("<QQI", 0, self.d.limit * PAGE, 1)
        self.m.store(a["buffer"], region)
        a["nr_entries"] = 1

    # ---- vCPUs

    def target(self, args):
        n = args[1] & 0xffffffff
        need(n < len(self.d.vcpus), ENOENT)
        return self.d.vcpus[n]

    def vcpu_is_up(self, args):
        return int(self.target(args).state == 2)

    def vcpu_up(self, args):
        v = self.target(args)
        need(v.state in (1, 2) and v.kernel_root != NOBODY, EINVAL)
        v.state, v.poll = 2, 0
        return 0

    def vcpu_down(self, args):
        v = self.target(args)
        was_up, v.state = v.state == 2, 1 if v.state == 2 else v.state
        if was_up and all(o.state != 2 for o in self.d.vcpus):
            self.d.state = 3  # the last one: it powers off
        v.timer = None
        return 0

    def quiet(self, v):
        need(v is self.v or v.state != 2, EBUSY)

    def page_at(self, va):
        at = self.m.leaf(self.v, va)
        pte = self.m.word(*at) if at else 0
        need(pte & (P | W) == P | W, EFAULT)
        self.d.may_write(mfn_of(pte))
        return mfn_of(pte)

    def place_area(self, a, args, kind, size):
        v, va, frames = self.target(args), a["addr"], [NOBODY] * 2
        need(not va & 3, EINVAL)
        self.quiet(v)
        if va:
            frames[0] = self.page_at(va)
            if va % PAGE + size > PAGE:
                frames[1] = self.page_at((va + size - 1) & U64)
        for i, m in enumerate(v.areas[kind]):
            if m != NOBODY:
                self.d.drop(m, (kind, v.id, i))
        for i, m in enumerate(frames):
            if m != NOBODY:
                self.d.hold(m, (kind, v.id, i), "w")
        v.areas[kind] = frames

    def vcpu_runstate(self, a, args, _):
        self.place_area(a, args, "run", 48)

    def vcpu_time_area(self, a, args, _):
        self.place_area(a, args, "time", 32)

    def vcpu_info(self, a, args, _):
        v = self.target(args)
        need(not a["offset"] & 7, EINVAL)
        self.quiet(v)
        need(v.info_frame == NOBODY, EINVAL)
        self.d.may_write(a["mfn"])
        self.d.hold(a["mfn"], ("info", v.id), "w")
        page, at = v.info
        old = self.m.page(page)[at:at + 64]
        v.info_frame = a["mfn"]
        v.info = (a["mfn"], a["offset"])
        self.m.page(a["mfn"])[a["offset"]:a["offset"] + 64] = old
        v.sel = U64

    # ---- grants

    def permit(self, granter, ref, writable):
        """The frame that entry ref of the granter lets the caller use."""
        need(granter.state == 2, -2)
        need(ref < granter.grant_frames * 512, -3)
        page, i = granter.grant_mfns[ref // 512], ref % 512
        word = self.m.word(page, i)
        need(word & 3 == 1 and not word & 7 << 5 and
             word >> 16 & 0xffff == self.d.id, -1)
        need(not (writable and word & 4), -1)
        m = word >> 32
        need(all(d is self.d and r["frame"] == m
                 for d, r in granter.uses(ref)), -1)
        self.m.set_word(page, i, word | 8 | (16 if writable else 0))
        if not granter.is_own(m) or (writable and m in granter.level):
            self.unmark(granter, ref)
            raise Refused(-1)
        return m

    def unmark(self, granter, ref, also=()):
        """Marks that no use justifies; also: uses that are not mappings."""
        page, i = granter.grant_mfns[ref // 512], ref % 512
        uses = [r["writable"] for _, r in granter.uses(ref)] + list(also)
        word = self.m.word(page, i)
        self.m.set_word(page, i, word & ~(0 if any(uses) else 16)
                        & ~(0 if uses else 8))

    def domain(self, number, error):
        need(number in self.m.domains, error)
        return self.m.domains[number]

    def grant_map(self, a, *_):
        try:
            self.map_one(a)
            a["status"] = 0
        except Refused as e:
            a["status"] = e.args[0]

    def map_one(self, a):
        d, m, va = self.d, self.m, a["host_addr"]
        readonly = a["flags"] & 0xffff == HOST | READONLY
        need(readonly or a["flags"] & 0xffff == HOST, -1)
        need(va % PAGE == 0 and va >> 47 in (0, 0x1ffff) and
             not 256 <= va >> 39 & 511 < 272, -5)
        granter = self.domain(a["dom"], -2)
        need(granter is not d, -2)
        need(d.free_maps, -13)
        at = m.leaf(self.v, va)
        need(at is not None, -1)
        ref = a["ref"]
        frame = self.permit(granter, ref, not readonly)
        if m.word(*at) & ~(A | D) or not d.is_table(at[0], 1):
            self.unmark(granter, ref)
            raise Refused(-1)
        n = d.free_maps.pop()
        pte = frame << 12 | P | U | A | NX | (0 if readonly else W | D)
        m.set_word(*at, stored(pte | (a["flags"] >> 16) << 9 & 0xe00))
        granter.hold(frame, ("map", d.id, n), "r" if readonly else "w")
        d.maps[n] = {"granter": granter, "ref": ref, "frame": frame, "va": va,
                     "writable": not readonly, "at": at}
        a["handle"] = n | d.generation[n] << 16 & 0xffffffff
        a["dev_bus_addr"] = frame << 12

    def grant_unmap(self, a, *_):
        try:
            self.unmap_one(a)
            a["status"] = 0
        except Refused as e:
            a["status"] = e.args[0]

    def unmap_one(self, a):
        d, n = self.d, a["handle"] & 0xffff
        r = d.maps.get(n)
        need(r and n | d.generation[n] << 16 & 0xffffffff == a["handle"], -4)
        need(r["va"] == a["host_addr"], -5)
        need(a["dev_bus_addr"] == 0, -6)
        pte = self.m.word(*r["at"])
        if d.is_table(r["at"][0], 1) and pte & P and \
                mfn_of(pte) == r["frame"]:
            self.m.set_word(*r["at"], 0)
        r["granter"].drop(r["frame"], ("map", d.id, n))
        del d.maps[n]
        d.generation[n] += 1
        d.free_maps.append(n)
        self.unmark(r["granter"], r["ref"])

    def grant_copy(self, a, *_):
        try:
            self.copy_one(a)
            a["status"] = 0
        except Refused as e:
            a["status"] = e.args[0]

    def copy_one(self, a):
        need(not a["flags"] & ~3, -1)
        length = a["len"]
        need(a["src_offset"] + length <= PAGE and
             a["dst_offset"] + length <= PAGE, -10)
        owner = [None, None]
        for i, side in enumerate(("src", "dst")):
            owner[i] = self.d
            if a[side + "_dom"] not in (SELF, self.d.id):
                need(a["flags"] >> i & 1, -8)
                owner[i] = self.domain(a[side + "_dom"], -2)
        begun, frame = [], [0, 0]
        try:
            for i, side in enumerate(("src", "dst")):
                number = a[side + "_ref"]
                if a["flags"] >> i & 1:
                    number &= 0xffffffff
                    frame[i] = self.permit(owner[i], number, i == 1)
                    begun.append((owner[i], number, i == 1))
                else:
                    frame[i] = number
                    need(owner[i].is_own(number) and not
                         (i and number in owner[i].level), -1)
            so, do = a["src_offset"], a["dst_offset"]
            need(frame[0] != frame[1] or so >= do + length or
                 do >= so + length, -10)
            self.m.page(frame[1])[do:do + length] = \
                self.m.page(frame[0])[so:so + length]
        finally:
            while begun:
                granter, ref, _ = begun.pop()
                self.unmark(granter, ref, [w for g, r, w in begun
                                           if g is granter and r == ref])

    def grant_setup(self, a, *_):
        d, n = self.d, a["nr_frames"]
        a["status"] = 0
        if a["dom"] not in (SELF, d.id):
            a["status"] = -8
        elif n > len(d.grant_mfns):
            a["status"] = -1
        else:
            try:
                self.m.store(a["frame_list"],
                             struct.pack(f"<{n}Q", *d.grant_mfns[:n]))
                d.grant_frames = max(d.grant_frames, n)
            except Refused:
                a["status"] = -5

    def grant_query(self, a, *_):
        if a["dom"] not in (SELF, self.d.id):
            a["status"] = -8
            return
        a.update(nr_frames=self.d.grant_frames, status=0,
                 max_nr_frames=len(self.d.grant_mfns))

    def grant_version(self, a, *_):
        need(a["version"] == 1, EINVAL)


def need_log(condition, what):
    if not condition:
        raise Disagreement(what)
