# SPDX-License-Identifier: Apache-2.0
"""Event channels, sleeping and time of the model. See modelcalls.py."""
import struct

from modelabi import (E2BIG, EEXIST, EINVAL, ENOENT, ENOSPC, EPERM, ESRCH, SELF,
                      U64)
from modelstate import Port, need

UNBOUND, INTERDOMAIN, VIRQ, IPI = 1, 2, 3, 4
PENDING, MASK = 256, 320  # words of the shared page


def bit(m, d, word, port):
    return m.word(d.shared, word) >> port & 1


def deliver(d, port):
    p = d.ports.get(port)
    d.vcpus[p.vcpu if p else 0].sel |= 1


def notify(m, d, port):
    """An event: told once, until the guest has taken it."""
    word = m.word(d.shared, PENDING)
    m.set_word(d.shared, PENDING, word | 1 << port)
    if not word >> port & 1 and not bit(m, d, MASK, port):
        deliver(d, port)


def raise_virq(m, v, virq):
    if virq in v.virq:
        notify(m, v.dom, v.virq[virq])


def collect(m, v):
    """Show the vCPU what is pending: selector and first two bytes of its
    info; true: it is to be told."""
    page, at = v.info
    if v.sel:
        m.set_word(page, at + 1, m.word(page, at + 1) | v.sel)
        m.set_word(page, at, m.word(page, at) & ~0xff | 1)
        v.sel = 0
    return 0 < m.word(page, at) & 0xffff < 0x100


def pass_time(m, now):
    m.now = now
    for d in m.domains.values():
        for v in d.vcpus:
            if v.timer is not None and v.timer <= now:
                v.timer = None
                raise_virq(m, v, 0)


class Events:
    """The part of Calls that is about events."""

    def new_port(self, a, port):
        n = a["port"] = self.given("port")
        free = [n for n in range(1, self.d.port_max) if n not in self.d.ports]
        need(free, ENOSPC)
        if n not in free:
            n = a["port"] = free[0]  # or there will be a disagreement
        self.d.ports[n] = port
        return n

    def port_at(self, a):
        need(0 < a["port"] < self.d.port_max, EINVAL)
        return a["port"], self.d.ports.get(a["port"])

    def vcpu_at(self, n):
        need(n < len(self.d.vcpus), ENOENT)
        return n

    def alloc_unbound(self, a, *_):
        need(a["dom"] in (SELF, self.d.id), EPERM)
        peer = self.d.id if a["remote_dom"] == SELF else a["remote_dom"]
        self.new_port(a, Port(UNBOUND, peer=peer))

    def bind(self, a, *_):
        d, far = self.d, a["remote_port"]
        peer = d if a["remote_dom"] == SELF else \
            self.m.domains.get(a["remote_dom"])
        need(peer and peer.state == 2, ESRCH)
        other = peer.ports.get(far)
        need(other and other.state == UNBOUND and other.peer == d.id, EINVAL)
        n = self.new_port(a, Port(INTERDOMAIN, peer=peer.id, peer_port=far))
        other.state, other.peer, other.peer_port = INTERDOMAIN, d.id, n
        notify(self.m, d, n)

    def bind_virq(self, a, *_):
        need(a["virq"] < 24, EINVAL)
        need(a["virq"] < 2, EPERM)
        v = self.d.vcpus[self.vcpu_at(a["vcpu"])]
        need(a["virq"] not in v.virq, EEXIST)
        v.virq[a["virq"]] = self.new_port(a, Port(VIRQ, v.id, a["virq"]))

    def bind_ipi(self, a, *_):
        self.new_port(a, Port(IPI, self.vcpu_at(a["vcpu"])))

    def bind_vcpu(self, a, *_):
        v = self.vcpu_at(a["vcpu"])
        _, p = self.port_at(a)
        need(p and p.state in (UNBOUND, INTERDOMAIN), EINVAL)
        p.vcpu = v

    def close(self, a, *_):
        d, (n, p) = self.d, self.port_at(a)
        need(p, EINVAL)
        if p.state == INTERDOMAIN:
            other = self.m.domains[p.peer].ports[p.peer_port]
            other.state, other.peer, other.peer_port = UNBOUND, d.id, 0
        elif p.state == VIRQ:
            del d.vcpus[p.vcpu].virq[p.virq]
        del d.ports[n]
        word = self.m.word(d.shared, PENDING)
        self.m.set_word(d.shared, PENDING, word & ~(1 << n))

    def send(self, a, *_):
        n, p = self.port_at(a)
        need(p and p.state != VIRQ, EINVAL)
        if p.state == INTERDOMAIN:
            notify(self.m, self.m.domains[p.peer], p.peer_port)
        elif p.state == IPI:
            notify(self.m, self.d, n)

    def unmask(self, a, *_):
        d, (n, _) = self.d, self.port_at(a)
        word = self.m.word(d.shared, MASK)
        self.m.set_word(d.shared, MASK, word & ~(1 << n))
        if word >> n & 1 and bit(self.m, d, PENDING, n):
            deliver(d, n)

    # ---- sleeping, time

    def block(self, _):
        page, at = self.v.info
        self.m.set_word(page, at, self.m.word(page, at) & ~0xff00)
        collect(self.m, self.v)
        return 0

    def shutdown(self, a, *_):
        need(a["reason"] in (0, 1, 3), EINVAL)
        self.d.state = 3

    def poll(self, a, *_):
        n = a["count"]
        ports = struct.unpack(f"<{n}I", self.m.fetch(a["ports"], 4 * n))
        need(all(p < self.d.port_max for p in ports), EINVAL)
        if a["timeout"] and a["timeout"] <= self.m.now:
            return
        ready = any(bit(self.m, self.d, PENDING, p) for p in ports) \
            or collect(self.m, self.v) or self.v.nmi
        self.v.poll = 0 if ready else n

    def set_timer(self, args):
        self.v.timer = args[0] if 0 < args[0] < 1 << 63 else None
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
