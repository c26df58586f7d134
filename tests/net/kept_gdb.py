# SPDX-License-Identifier: Apache-2.0
"""Inside gdb: what the host keeps for each domain now, a line each.

`kept NAME INCARNATION` and pairs WORD=NUMBER: ports by state, records of
mappings, pages of grant entries and their uses, frames, frames by type, and
the sums of their two counts. Read between two calls of a domain, so that none
is half-done; one CPU.
"""
import gdb

FRAME = gdb.lookup_type("struct frame")
TYPE_AT = next(f.bitpos // 8 for f in FRAME.fields() if f.name == "type")


def number(value):
    return int(gdb.parse_and_eval(value))


def bytes_of(address, count):
    return bytes(gdb.selected_inferior().read_memory(address, count))


def field(record, at, size=4):
    return int.from_bytes(record[at:at + size], "little")


def table(d, what, count, kind):
    """The state bytes of an array's records, which come first in them."""
    size = gdb.lookup_type(kind).sizeof
    total = number(f"{d}->{count}")
    raw = bytes_of(number(f"(unsigned long){d}->{what}"), size * total)
    return [raw[i * size] for i in range(total)]


def frames(d):
    size = FRAME.sizeof
    first = number(f"{d}->first_chunk") * 512
    raw = bytes_of(number(f"(unsigned long)&frame_table[{first}]"),
                   size * number(f"{d}->chunk_count") * 512)
    each = [raw[i:i + size] for i in range(0, len(raw), size)]
    types = {}
    for one in each:
        types[one[TYPE_AT]] = types.get(one[TYPE_AT], 0) + 1
    return types, sum(field(f, 0) for f in each), sum(field(f, 4)
                                                      for f in each)


def tell(d):
    ports = table(d, "port", "port_count", "struct evtchn")
    types, refs, uses = frames(d)
    words = {f"ports{s}": ports.count(s) for s in range(1, 5)}
    words["maps"] = table(d, "map", "map_count", "struct maptrack").count(1)
    words["grant_frames"] = number(f"{d}->grants.frame_count")
    words["grant_uses"] = number(f"{d}->grants.uses")
    words["frames"] = number(f"{d}->frames")
    words.update({f"type{t}": n for t, n in sorted(types.items())})
    words["refs"], words["types"] = refs, uses
    name = gdb.parse_and_eval(f"{d}->name").string()
    print("kept", name, number(f"{d}->incarnation"),
          *(f"{w}={n}" for w, n in words.items()))


gdb.execute("set pagination off")
gdb.execute("hbreak hc_sched_poll")
gdb.execute("continue")
for i in range(number("domain_first"), number("domain_count") + 1):
    tell(f"domain_table[{i}]")
gdb.execute("delete")
