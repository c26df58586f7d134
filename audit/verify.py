#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check a log of audit records as `rf audit verify` does, sharing nothing with
it but the table of events. Exit: 0 good, 1 tampered, 2 cut short, 3 neither key
nor head to prove it by. In short [audit/record.h, chain.h, seal.h]:

    h(n)  = SHA-256("RFA1-rec" || h(n-1) || record n), which holds h(n-1)
    tree  = RFC 6962 over the leaves h(0), h(1), ...
    seal  = a record with its epoch e, the tree head over all before it, and
            HMAC(K(e), h of the seal with check and the code as zeroes)
    K(0)  = HMAC(key, boot_id), K(e+1) = HMAC(K(e), "next")
"""
import argparse
import hashlib
import hmac
import pathlib
import re
import struct
import sys

HEADER, RECORD_MAX = 160, 256
TABLE = pathlib.Path(__file__).parent / "events.def"
ROWS = re.findall(r"\nEVENT\( *(\d+), *(\w+), *(\w+),", TABLE.read_text())
FAMILY = {int(number): ["PRIV", "LIFE", "GUEST", "STOP"].index(family)
          for number, _, family in ROWS}
NUMBER = {name: int(number) for number, name, _ in ROWS}
SEAL, SEAL_NS, SEAL_RECORDS = NUMBER["SEAL"], 10**9, 1024
TREE_AT, MAC_AT = HEADER + 4, HEADER + 40


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.digest(key, data, "sha256")


def fnv(data):
    h = 0x811C9DC5
    for byte in data:
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


class Bad(Exception):
    pass


class Cut(Bad):
    def __init__(self):
        super().__init__("the log ends inside a record")


class Tree:
    def __init__(self):
        self.node = []

    def add(self, value):
        size, node = 1, sha256(b"\0" + value)
        while self.node and self.node[-1][0] == size:
            node = sha256(b"\1" + self.node.pop()[1] + node)
            size *= 2
        self.node.append((size, node))

    def root(self):
        root = None
        for _, node in reversed(self.node):
            root = node if root is None else sha256(b"\1" + node + root)
        return root


def fields_ok(tail):
    while len(tail) >= 4 and any(tail[:2]):
        size, = struct.unpack_from("<H", tail, 2)
        if size > len(tail) - 4:
            return False
        tail = tail[4 + size:]
    return not any(tail)


class Log:
    """The records so far; take() adds one or raises Bad."""

    def __init__(self, key):
        self.key, self.count, self.head, self.boot = key, 0, bytes(32), None
        self.tree, self.root = Tree(), None
        self.epoch, self.sealed = 0, -1  # seals; number of the last one
        self.open_ns = self.last_ns = 0
        self.ended = self.closed = False

    @staticmethod
    def cut_out(data, at):
        if not b"RFA1".startswith(data[at:at + 4]):
            raise Bad("no record starts here")
        if len(data) - at < HEADER:
            raise Cut
        size, = struct.unpack_from("<H", data, at + 6)
        if not HEADER <= size <= RECORD_MAX or size % 16:
            raise Bad("the record is not of this format")
        if size > len(data) - at:
            raise Cut
        return data[at:at + size]

    def take(self, raw):
        version, = struct.unpack_from("<H", raw, 4)
        seq, boot, mono = struct.unpack_from("<Q16sQ", raw, 8)
        family, event, phase, decision = struct.unpack_from("<BHBB", raw, 51)
        arg0, = struct.unpack_from("<Q", raw, 96)
        check, = struct.unpack_from("<I", raw, 120)
        if check != fnv(raw[:120] + bytes(4) + raw[124:]):
            raise Bad("the record is damaged")
        if (version != 2 or family != FAMILY.get(event) or
                phase > 2 or decision > 2 or raw[70] > 1):
            raise Bad("the record is not of this format")
        if self.count and boot != self.boot:
            raise Bad("the record is of another boot")
        if (seq != self.count or (event == NUMBER["BOOT"]) != (seq == 0) or
                mono < self.last_ns):
            raise Bad("records are missing, repeated or out of order")
        if raw[128:160] != self.head:
            raise Bad("the record before is not the one that was there")
        if not fields_ok(raw[HEADER:]):
            raise Bad("the record's fields do not fill it")
        pending = self.count - self.sealed - 1
        if event != SEAL and pending and (
                pending >= SEAL_RECORDS - 1 or mono - self.open_ns >= SEAL_NS):
            raise Bad("a seal is missing in front of the record")
        if self.count == 0 and self.key:
            self.key = mac(self.key, boot)
        if event == SEAL:
            self.take_seal(raw, arg0, pending)
        elif not pending:
            self.open_ns = mono
        self.closed = event == SEAL and self.ended
        self.ended = event in (NUMBER["HOST_SHUTDOWN"], NUMBER["PANIC"])
        self.last_ns, self.boot = mono, boot
        self.head = sha256(b"RFA1-rec" + self.head + raw)
        self.tree.add(self.head)
        self.count += 1

    def take_seal(self, raw, epoch, pending):
        form = struct.pack("<HH", 8, 32), struct.pack("<HH", 9, 32)
        if (not 0 < pending < SEAL_RECORDS or len(raw) < MAC_AT + 32 or
                (raw[TREE_AT - 4:TREE_AT], raw[MAC_AT - 4:MAC_AT]) != form or
                epoch != self.epoch or
                raw[TREE_AT:TREE_AT + 32] != self.tree.root()):
            raise Bad("the seal is not the one that is due here")
        if self.key:
            bare = (raw[:120] + bytes(4) + raw[124:MAC_AT] + bytes(32) +
                    raw[MAC_AT + 32:])
            code = sha256(b"RFA1-rec" + self.head + bare)
            if mac(self.key, code) != raw[MAC_AT:MAC_AT + 32]:
                raise Bad("the seal was not made with this key")
            self.key = mac(self.key, b"next")
        self.root, self.sealed = raw[TREE_AT:TREE_AT + 32], self.count
        self.epoch += 1


def verify(data, key=None, head=None, is_open=False):
    """(exit code, records that are good, records that are proved, why)"""
    log, at, by_head = Log(key), 0, 0
    try:
        if not data:
            raise Cut
        while at < len(data):
            raw = log.cut_out(data, at)
            log.take(raw)
            at += len(raw)
            if head and log.head.hex().startswith(head):
                by_head = log.count
            if head and log.root and log.root.hex().startswith(head):
                by_head = max(by_head, log.sealed)
    except Bad as bad:
        code, why = 2 if isinstance(bad, Cut) else 1, str(bad)
    else:
        code, why = 0, "every record is in its place"
        if head and not by_head:
            code, why = 1, "no record has the head given"
        elif not (log.closed or is_open or by_head == log.count):
            code, why = 2, "not closed by the host"
        elif not (key or head):
            code, why = 3, "neither key nor head"
    by_key = log.sealed + 1 if key else 0
    return code, log.count, max(by_key, by_head), why


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--key", help="file with 64 hexadecimal digits")
    parser.add_argument("--head", help="a head from the host's console")
    parser.add_argument("--open", action="store_true", help="it still runs")
    parser.add_argument("log")
    args = parser.parse_args()
    key = pathlib.Path(args.key).read_text("ascii") if args.key else ""
    code, good, proved, why = verify(
        pathlib.Path(args.log).read_bytes(), bytes.fromhex(key.strip()),
        (args.head or "").lower(), args.open)
    print(f"{why}: {good} records are good, {proved} are proved")
    sys.exit(code)
