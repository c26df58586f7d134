# SPDX-License-Identifier: Apache-2.0
"""New programs: from nothing, or from one that is known. Same random numbers,
same programs. A record is 16 bytes, as fuzz/seq.h says; small bytes are what a
guest would say, large ones what an attacker would."""
import random

from machine import Program, RACE, RECORD, RECORDS_MAX

WHO, JOINS, LISTED = 3, 4, 8
# Who takes part in a session, and how often: mostly one vCPU, since to change
# between them costs a world switch.
SESSIONS = ((0b0001, 9), (0b0011, 3), (0b0101, 6), (0b1111, 2))


def session(rng):
    masks, weights = zip(*SESSIONS)
    return rng.choices(masks, weights)[0]


def _byte(rng):
    return rng.randrange(0x60) if rng.random() < 0.75 else rng.randrange(256)


def record(rng, who):
    r = bytearray(_byte(rng) for _ in range(RECORD))
    r[0] = rng.randrange(256)
    r[1] = who
    if rng.random() < 0.2:
        r[1] |= rng.choice((JOINS, LISTED))
    r[2] = 0
    return r


def fit(records, actors):
    """The records, with each who one that takes part."""
    allowed = [a for a in range(4) if actors >> a & 1]
    for r in records:
        who = r[1] & WHO
        r[1] = r[1] & ~WHO | (who if who in allowed
                              else allowed[who % len(allowed)])
    return records


def split(data):
    return [bytearray(data[i:i + RECORD])
            for i in range(0, len(data) - RECORD + 1, RECORD)]


def fresh(rng, actors):
    who, records = 0, []
    for _ in range(rng.randrange(4, 33)):
        if rng.random() < 0.15:
            who = rng.randrange(4)
        records.append(record(rng, who))
    return records


def _change(rng, records, others):
    what = rng.randrange(10)
    at = rng.randrange(len(records)) if records else 0
    if what < 2 or not records:
        who = records[at][1] & WHO if records else 0
        records.insert(at, record(rng, who))
    elif what == 2:
        records.insert(at, bytearray(rng.choice(records)))
    elif what == 3:
        del records[at]
    elif what == 4:
        to = rng.randrange(len(records))
        records[at], records[to] = records[to], records[at]
    elif what == 5 and others:
        part = split(rng.choice(others))
        cut = rng.randrange(len(part) + 1)
        records[at:at] = part[cut:cut + rng.randrange(1, 17)]
    elif what == 6:
        who = rng.randrange(4)
        for r in records[at:at + rng.randrange(1, 9)]:
            r[1] = r[1] & ~WHO | who
    elif what == 7:
        records[at][1] ^= rng.choice((JOINS, LISTED))
    else:
        records[at][rng.randrange(3, RECORD)] = \
            rng.randrange(256) if rng.random() < 0.5 else _byte(rng)


def program(rng, corpus, actors, flags):
    """One to run next; corpus holds records of programs that found something,
    the latest last."""
    if not corpus or rng.random() < 0.1:
        records = fresh(rng, actors)
    else:
        # The latest half of the time: they lead where nobody has been.
        n = len(corpus)
        at = n - 1 - int(rng.random() ** 2 * n) if rng.random() < 0.5 \
            else rng.randrange(n)
        records = split(corpus[at])
        for _ in range(1 + int(rng.expovariate(0.5))):
            _change(rng, records, corpus)
    records = fit(records[:RECORDS_MAX], actors) or fresh(rng, actors)
    return Program(actors, flags | (RACE if bin(actors).count("1") > 1 and
                                    rng.random() < 0.25 else 0),
                   b"".join(bytes(r) for r in records))


def generator(seed):
    return random.Random(seed)
