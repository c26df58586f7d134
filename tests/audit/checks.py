#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Actions of `rf audit` against what another implementation says.

    tests/audit/checks.py WHAT RF LOG

WHAT is proofs (every record; [RFC 9162] verification here), export (the schema
in docs/, and that no record is missing) or recover (from a cut log and a memory
image that holds the ring's slots).
"""
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

WHAT, RF, LOG = sys.argv[1:4]
data = pathlib.Path(LOG).read_bytes()


def rf(*args, stdin=None, code=0):
    out = subprocess.run([RF, "audit", *args], capture_output=True,
                         input=stdin, check=False)
    if out.returncode != code:
        sys.exit(f"rf audit {' '.join(args)}: {out.returncode}, not {code}\n"
                 f"{out.stdout.decode()}{out.stderr.decode()}")
    return out.stdout


def records():
    at = 0
    while at < len(data):
        size, = struct.unpack_from("<H", data, at + 6)
        yield data[at:at + size]
        at += size


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def follow(seq, size, leaf, path):
    """[RFC 9162 2.1.3.2]"""
    fn, sn, r = seq, size - 1, leaf
    for p in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            r = sha(b"\1", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return r


def consistent(old, new, old_head, new_head, path):
    """[RFC 9162 2.1.4.2]"""
    if old == new:
        return not path and old_head == new_head
    path = list(path)
    if old & (old - 1) == 0:
        path.insert(0, old_head)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha(b"\1", c, fr), sha(b"\1", c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha(b"\1", sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_head and sr == new_head


def heads():
    return [(struct.unpack_from("<Q", r, 8)[0], r[164:196])
            for r in records() if r[160:162] == b"\x08\0"]


def check_proofs():
    size, head = heads()[-1]
    done = 0
    for seq, raw in enumerate(list(records())[:size]):
        text = rf("prove", LOG, str(seq))
        proof = json.loads(text)
        path = [bytes.fromhex(p) for p in proof["path"]]
        assert bytes.fromhex(proof["record"]) == raw
        leaf = sha(b"\0", sha(b"RFA1-rec", raw[128:160], raw))
        assert follow(seq, size, leaf, path) == head, seq
        assert len(text) < 3072
        rf("check-proof", "--head", head.hex(), "-", stdin=text)
        wrong = text.replace(b'"seq":%d' % seq, b'"seq":%d' % (seq ^ 1))
        rf("check-proof", "--head", head.hex(), "-", stdin=wrong, code=1)
        at = text.index(b'"path"') + 20 + seq % 60
        digit = b"1" if text[at:at + 1] == b"0" else b"0"
        rf("check-proof", "-", stdin=text[:at] + digit + text[at + 1:], code=1)
        done += 1
    pairs = 0
    for i, (old, old_head) in enumerate(heads()):
        for new, new_head in heads()[i:]:
            proof = json.loads(rf("consistency", LOG, old_head.hex(),
                                  new_head.hex()[:32]))
            path = [bytes.fromhex(p) for p in proof["path"]]
            assert consistent(old, new, old_head, new_head, path), (old, new)
            pairs += 1
    rf("consistency", LOG, "00" * 32, heads()[-1][1].hex(), code=1)
    print(f"{done} proofs and {pairs} consistency proofs hold; damaged ones "
          "do not")


def valid(value, schema, root):
    """As much of JSON Schema as the file uses."""
    kinds = {"object": dict, "string": str, "integer": int,
             "null": type(None)}
    if "$ref" in schema:
        return valid(value, root["$defs"]["domain"], root)
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    kind = schema.get("type", [])
    kind = kind if isinstance(kind, list) else [kind]
    if kind and not any(isinstance(value, kinds[k]) for k in kind):
        return False
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, int):
        return value >= schema.get("minimum", value)
    if isinstance(value, dict):
        known, rest = schema.get("properties", {}), schema.get(
            "additionalProperties", True)
        return all(k in value for k in schema.get("required", [])) and all(
            valid(v, known[k], root) if k in known else
            (isinstance(rest, dict) and valid(v, rest, root))
            for k, v in value.items())
    return True


def check_export():
    schema = json.loads(pathlib.Path("docs/audit-record.schema.json")
                        .read_text())
    lines = rf("export", "--json", LOG).splitlines()
    count = len(list(records()))
    assert len(lines) == count
    for n, line in enumerate(lines):
        record = json.loads(line)
        assert record["seq"] == n and valid(record, schema, schema), line
    assert not valid({**record, "decision": "maybe"}, schema, schema)
    ocsf = [json.loads(x) for x in rf("export", "--ocsf", LOG).splitlines()]
    assert len(ocsf) == count
    assert all(x["class_uid"] == 6003 and x["metadata"]["sequence"] == n and
               x["unmapped"]["seq"] == n for n, x in enumerate(ocsf))
    cef = rf("export", "--cef", LOG).splitlines()
    assert len(cef) == count
    assert all(x.startswith(b"CEF:0|Ringfence|Ringfence|") for x in cef)
    denied = rf("export", "--json", "--result", "denied", LOG).splitlines()
    assert len(denied) == sum(b'"decision":"denied"' in x for x in lines) > 0
    print(f"{count} records as JSON by the schema, as OCSF and as CEF")


def check_recover():
    whole = list(records())
    kept = len(whole) - 20
    prefix = b"".join(whole[:kept])
    with tempfile.TemporaryDirectory() as folder:
        log, ram, out = (f"{folder}/{x}" for x in ("log", "ram", "out"))
        pathlib.Path(log).write_bytes(prefix + whole[kept][:77])
        # Slots of the ring, in the order of a ring, not chained yet.
        slots = [raw[:120] + bytes(4) + raw[124:128] + bytes(32) + raw[160:] +
                 bytes(256 - len(raw)) for raw in whole[kept - 3:kept + 9]]
        pathlib.Path(ram).write_bytes(
            bytes(4096) + b"".join(slots[6:] + slots[:6]) + b"RFA1" * 99)
        said = rf("recover", "--memory", ram, "-o", out, log).decode()
        assert pathlib.Path(out).read_bytes() == prefix
        assert f"whole: records 0 to {kept - 1}" in said, said
        assert "in memory behind them: 9 records" in said, said
        ring = pathlib.Path(out + ".ring").read_bytes()
        assert ring.count(b"RFA1") == 9
        rf("verify", "--key", LOG + ".key", out, code=2)
        rf("verify", "--open", "--key", LOG + ".key", out)
    print(f"{kept} records of a cut log, and 9 from memory behind them")


{"proofs": check_proofs, "export": check_export,
 "recover": check_recover}[WHAT]()
