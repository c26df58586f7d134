#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damage a log in many ways; both verifiers must find it, and agree.

    tests/audit/mutate.py RF VERIFY.PY LOG KEY COUNT SEED

The one who damages knows the format: check values, chain values and tree heads
are made anew where that helps, and seals with the newest key, which is what
somebody who has taken over the host holds. Answers of `rf audit verify` and of
the second verifier must be the same: exit code, records good, records proved.
"""
import importlib.util
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

RF, VERIFY, LOG, KEY = sys.argv[1:5]
COUNT, SEED = int(sys.argv[5]), int(sys.argv[6])
spec = importlib.util.spec_from_file_location("verify", VERIFY)
verify = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify)
rng = random.Random(SEED)


def records_of(data):
    out, at = [], 0
    while at < len(data):
        size, = struct.unpack_from("<H", data, at + 6)
        out.append(data[at:at + size])
        at += size
    return out


def mend(raw):
    body = raw[:120] + bytes(4) + raw[124:]
    return raw[:120] + struct.pack("<I", verify.fnv(body)) + raw[124:]


def is_seal(raw):
    return struct.unpack_from("<H", raw, 52)[0] == verify.SEAL


def rebuild(records, start, key_of=None, number=False, other_tree=False):
    """Chain, number and seal anew from a record on; key_of(epoch)."""
    log = verify.Log(None)
    out = []
    for i, raw in enumerate(records):
        if i >= start:
            if number:
                raw = raw[:8] + struct.pack("<Q", i) + raw[16:]
            raw = raw[:128] + log.head + raw[160:]
            if is_seal(raw) and log.tree.node:
                epoch = log.epoch if number else struct.unpack_from(
                    "<Q", raw, 96)[0]
                raw = raw[:96] + struct.pack("<Q", epoch) + raw[104:]
                root = log.tree.root()
                raw = (raw[:verify.TREE_AT] +
                       (verify.sha256(root) if other_tree else root) +
                       raw[verify.TREE_AT + 32:])
                if key_of:
                    bare = (raw[:120] + bytes(4) + raw[124:verify.MAC_AT] +
                            bytes(32) + raw[verify.MAC_AT + 32:])
                    code = verify.mac(key_of(epoch), verify.sha256(
                        b"RFA1-rec" + log.head + bare))
                    raw = (raw[:verify.MAC_AT] + code +
                           raw[verify.MAC_AT + 32:])
            raw = mend(raw)
        log.head = verify.sha256(b"RFA1-rec" + log.head + raw)
        log.tree.add(log.head)
        log.epoch += is_seal(raw)
        out.append(raw)
    return out


good = pathlib.Path(LOG).read_bytes()
key = bytes.fromhex(pathlib.Path(KEY).read_text().strip())
whole = records_of(good)
seals = [i for i, raw in enumerate(whole) if is_seal(raw)]
keys = [verify.mac(key, whole[0][16:32])]
for _ in seals:
    keys.append(verify.mac(keys[-1], b"next"))


def newest(_epoch):
    return keys[-1]  # what is left in memory at the end


def change(raw):
    """A change somewhere that keeps the record a record."""
    at = rng.choice([32, 40, 56, 64, 68, 104, 112])
    return raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1:]


def bit():
    at = rng.randrange(len(good))
    return good[:at] + bytes([good[at] ^ (1 << rng.randrange(8))]) + \
        good[at + 1:]


def edit(step):
    """A list operation on the records, joined."""
    records = list(whole)
    step(records, rng.randrange(len(records) - 1))
    return b"".join(records)


def swap(r, i):
    r[i], r[i + 1] = r[i + 1], r[i]


def mended(r, i):
    r[i] = mend(change(r[i]))


def rechained(r, i):
    r[i] = change(r[i])
    r[:] = rebuild(r, i)


def resealed(r, i):
    r[i] = change(r[i])
    r[:] = rebuild(r, i, newest)


def cut_and_resealed(r, i):
    del r[i]
    r[:] = rebuild(r, i, newest, number=True)


def other_tree(r, i):
    # Nobody but the host could: its seal is not of what it sent.
    i = rng.choice(seals)
    r[:] = rebuild(r, i, keys.__getitem__, other_tree=True)


def other_boot(r, i):
    other = [x[:16] + b"another boot ..." + x[32:] for x in whole]
    r[i:] = rebuild(other, 0)[i:]


def no_seals(r, i):
    r[:] = [x for j, x in enumerate(r) if j < i or not is_seal(x)]
    r[:] = rebuild(r, 0, newest, number=True)


MUTATIONS = {
    "bit": bit,
    "deleted": lambda: edit(lambda r, i: r.pop(i)),
    "repeated": lambda: edit(lambda r, i: r.insert(i, r[i])),
    "swapped": lambda: edit(swap),
    "cut": lambda: good[:rng.randrange(len(good))],
    "cut between": lambda: edit(lambda r, i: r.__delitem__(slice(i, None))),
    "changed, check mended": lambda: edit(mended),
    "changed, chained anew": lambda: edit(rechained),
    "changed, sealed anew with the newest key": lambda: edit(resealed),
    "deleted, sealed anew with the newest key": lambda: edit(cut_and_resealed),
    "the host's own seal, of another tree": lambda: edit(other_tree),
    "spliced from another boot": lambda: edit(other_boot),
    "seals removed": lambda: edit(no_seals),
    "noise behind": lambda: good + rng.randbytes(rng.randrange(1, 400)),
    "repeated whole": lambda: good + good,
}


def rf_says(path, options):
    out = subprocess.run([RF, "audit", "verify", "--json", *options, path],
                         capture_output=True, text=True, check=False)
    said = json.loads(out.stdout)
    return out.returncode, said["good"], said["proved"]


def main():
    found = dict.fromkeys(MUTATIONS, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        for n in range(COUNT):
            name = list(MUTATIONS)[n % len(MUTATIONS)]
            data = MUTATIONS[name]()
            if data == good:
                continue
            pathlib.Path(path).write_bytes(data)
            with_key = n % 5 != 4  # a few without
            rf = rf_says(path, ["--key", KEY] if with_key else [])
            second = verify.verify(data, key if with_key else None)[:3]
            if rf != second:
                sys.exit(f"{n}: {name}: rf says {rf}, the other {second}")
            if with_key and rf[0] == 0:
                sys.exit(f"{n}: {name}: not found")
            found[name] += with_key
    said = rf_says(LOG, ["--key", KEY]), verify.verify(good, key)[:3]
    if said[0] != said[1] or said[0][0] != 0:
        sys.exit(f"the good log: {said}")
    print(f"{COUNT} damaged logs of {len(MUTATIONS)} kinds: both verifiers "
          f"agree, each damage is found with the key")


main()
