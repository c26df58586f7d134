# SPDX-License-Identifier: Apache-2.0
"""Event channels, sleeping and time of the model. See modelcalls.py."""
import struct

from modelabi import (EEXIST, EINVAL, ENOENT, ENOSPC, EPERM, ESRCH, U64)
from modelstate import SELF, Port, need

UNBOUND, INTERDOMAIN, VIRQ, IPI = 1, 2, 3, 4
PENDING, MASK = 256, 320  # words of the shared page
E2BIG = -7


def bits(machine, d, word, port):
    return machine.word(d.shared, word) >> port & 1


def info_get(machine, v, offset):
    return machine.page(v.info[0])[v.info[1] + offset]


def info_set(machine, v, offset, value):
    machine.page(v.info[0])[v.info[1] + offset] = value


def deliver(d, port):
    p = d.ports.get(port)
    d.vcpus[p.vcpu if p else 0].sel |= 1


def notify(machine, d, port):
    """An event: told once, until the guest has taken it."""
    word = machine.word(d.shared, PENDING)
    machine.set_word(d.shared, PENDING, word | 1 << port)
    if not word >> port & 1 and not bits(machine, d, MASK, port):
        deliver(d, port)


def raise_virq(machine, v, virq):
    if virq in v.virq:
        notify(machine, v.dom, v.virq[virq])


def collect(machine, v):
    if v.sel:
        page, at = machine.page(v.info[0]), v.info[1] + 8
        sel = struct.unpack_from("<Q", page, at)[0] | v.sel
        struct.pack_into("<Q", page, at, sel)
        info_set(machine, v, 0, 1)
        v.sel = 0
    return info_get(machine, v, 0) != 0 and info_get(machine, v, 1) == 0


def pass_time(machine, now):
    machine.now = now
    for d in machine.domains.values():
        for v in d.vcpus:
            if v.timer is not None and v.timer <= now:
                v.timer = None
                raise_virq(machine, v, 0)


class Events:
    """The part of Calls that is about events."""

    def new_port(self, port):
        for n in range(1, self.d.port_max):
            if n not in self.d.ports:
                self.d.ports[n] = port
                return n
        need(False, ENOSPC)

    def number(self, n):
        need(0 < n < self.d.port_max, EINVAL)
        return n

    def vcpu_at(self, n):
        need(n < len(self.d.vcpus), ENOENT)
        return n

    def evtchn_alloc_unbound(self, a, *_):
        need(a["dom"] in (SELF, self.d.id), EPERM)
        peer = self.d.id if a["remote_dom"] == SELF else a["remote_dom"]
        a["port"] = self.new_port(Port(UNBOUND, peer=peer))

    def evtchn_bind_interdomain(self, a, *_):
        d = self.d
        peer = d if a["remote_dom"] == SELF else \
            self.m.domains.get(a["remote_dom"])
        need(peer and peer.state == 2, ESRCH)
        other = peer.ports.get(a["remote_port"])
        need(other and other.state == UNBOUND and other.peer == d.id, EINVAL)
        mine = Port(INTERDOMAIN, peer=peer.id)
        mine.peer_port = a["remote_port"]
        n = a["local_port"] = self.new_port(mine)
        other.state, other.peer, other.peer_port = INTERDOMAIN, d.id, n
        notify(self.m, d, n)

    def evtchn_bind_virq(self, a, *_):
        need(a["virq"] < 24, EINVAL)
        need(a["virq"] < 2, EPERM)
        v = self.d.vcpus[self.vcpu_at(a["vcpu"])]
        need(a["virq"] not in v.virq, EEXIST)
        a["port"] = self.new_port(Port(VIRQ, v.id, a["virq"]))
        v.virq[a["virq"]] = a["port"]

    def evtchn_bind_ipi(self, a, *_):
        a["port"] = self.new_port(Port(IPI, self.vcpu_at(a["vcpu"])))

    def evtchn_bind_vcpu(self, a, *_):
        v = self.vcpu_at(a["vcpu"])
        p = self.d.ports.get(self.number(a["port"]))
        need(p and p.state in (UNBOUND, INTERDOMAIN), EINVAL)
        p.vcpu = v

    def evtchn_close(self, a, *_):
        d, n = self.d, self.number(a["port"])
        p = d.ports.get(n)
        need(p, EINVAL)
        if p.state == INTERDOMAIN:
            other = self.m.domains[p.peer].ports[p.peer_port]
            other.state, other.peer, other.peer_port = UNBOUND, d.id, 0
        elif p.state == VIRQ:
            del d.vcpus[p.vcpu].virq[p.virq]
        del d.ports[n]
        word = self.m.word(d.shared, PENDING)
        self.m.set_word(d.shared, PENDING, word & ~(1 << n))

    def evtchn_send(self, a, *_):
        p = self.d.ports.get(self.number(a["port"]))
        need(p and p.state != VIRQ, EINVAL)
        if p.state == INTERDOMAIN:
            notify(self.m, self.m.domains[p.peer], p.peer_port)
        elif p.state == IPI:
            notify(self.m, self.d, a["port"])

    def evtchn_unmask(self, a, *_):
        d, n = self.d, self.number(a["port"])
        was = bits(self.m, d, MASK, n)
        word = self.m.word(d.shared, MASK)
        self.m.set_word(d.shared, MASK, word & ~(1 << n))
        if was and bits(self.m, d, PENDING, n):
            deliver(d, n)

    # ---- sleeping, time

    def sched_block(self, _):
        info_set(self.m, self.v, 1, 0)
        collect(self.m, self.v)
        return 0

    def sched_shutdown(self, a, *_):
        need(a["reason"] in (0, 1, 3), EINVAL)
        self.d.state = 3

    def sched_poll(self, a, *_):
        n = a["nr_ports"]
        ports = struct.unpack(f"<{n}I", self.m.fetch(a["ports"], 4 * n))
        need(all(p < self.d.port_max for p in ports), EINVAL)
        if a["timeout"] and a["timeout"] <= self.m.now:
            return
        ready = any(p and bits(self.m, self.d, PENDING, p) for p in ports) \
            or collect(self.m, self.v) or self.v.nmi
        self.v.poll = 0 if ready else n

    def set_timer_op(self, args):
        at = args[0]
        self.v.timer = at if 0 < at < 1 << 63 else None
        return 0

    def console_write(self, args):
        need(args[1] < 1 << 31, EINVAL)
        need(args[1] <= 4096, E2BIG)
        for at in range(0, args[1], 256):
            self.m.fetch((args[2] + at) & U64, min(256, args[1] - at))
        return 0

    def version(self, _):
        return 4 << 16 | 17

    def extraversion(self, args):
        self.m.store(args[1], b".0-ringfence\0\0\0\0")
        return 0

    def get_features(self, args):
        which, _ = struct.unpack("<II", self.m.fetch(args[1], 8))
        need(which == 0, EINVAL)
        self.m.store(args[1], struct.pack("<II", 0, 1 << 5 | 1 << 7))
        return 0
