# SPDX-License-Identifier: Apache-2.0
"""Figures as lines of text: the table, what is missed, the sum."""
import math
import re
import statistics

import rows as R
import systems

SPREAD = 0.005
# The paths of guests/paths, as they are shown.
PATHS = {
    "hypercall": "the least hypercall",
    "multicall": "a call in a list of 8",
    "update_va_mapping": "update_va_mapping, read-only and back",
    "mmu_update_1": "mmu_update of one entry, read-only and back",
    "mmu_update_32": "an entry in a batch of 32",
    "mmu_update_128": "an entry in a batch of 128",
    "pin_l1_empty": "pin and unpin an empty L1",
    "pin_l1_full": "pin and unpin a full L1",
    "pin_tree": "pin and unpin a root with one full L1",
    "new_baseptr": "another root",
    "set_timer": "set the timer",
    "send_masked": "send an event, port masked",
    "send_upcall": "send an event, its upcall and return",
    "exception": "INT3, its handler's return",
    "rdmsr": "RDMSR of the other GS base",
    "grant_copy_64": "grant copy between own frames, 64 bytes",
    "grant_copy_4k": "the same, 4 KiB",
}
DOCS = "docs/performance.md"

def values(measured):
    """Row to counts of one operation, derived rows and estimate included."""
    raw = {name: row["counts"] for name, row in measured.items()}
    result = {}
    for key, _, _ in R.ROWS:
        counts = R.combine(key, raw)
        if counts is not None:
            counts["cycles"] = R.cycles(counts)
            result[key] = counts
    return result


def middle(runs):
    """The median of each count over runs, and each row's spread: how far its
    instructions lie apart, as a part of the median."""
    v = {key: {what: statistics.median(run[key].get(what, 0) for run in runs)
               for what in {w for run in runs for w in run[key]}}
         for key in runs[0]}
    spread = {key: (max(run[key]["instructions"] for run in runs) -
                    min(run[key]["instructions"] for run in runs)) /
              v[key]["instructions"] for key in v}
    return v, spread


def number(n):
    if abs(n) >= 1e6:
        return f"{n / 1e6:.2f} M"
    return f"{n:,.0f}"


def mean(numbers):
    numbers = list(numbers)
    return math.exp(sum(math.log(n) for n in numbers) / len(numbers))


def goal(key, native, ringfence, xen):
    """What a row misses, as text; empty if nothing. None without a goal."""
    missed = []
    mine = ringfence["instructions"]
    base = native["instructions"]
    if key in R.OVER_NATIVE and mine - base > R.OVER_NATIVE[key]:
        missed.append(f"over native {mine - base:.0f} > {R.OVER_NATIVE[key]}")
    if key in R.TIMES_NATIVE and mine / base > R.TIMES_NATIVE[key]:
        missed.append(f"{mine / base:.2f} > {R.TIMES_NATIVE[key]} times native")
    if xen["instructions"] > base * 1.005:
        if mine >= xen["instructions"]:
            missed.append("not below Xen")
        if ringfence.get("hv", 0) > xen.get("hv", 0) / 2:
            missed.append("hypervisor above half of Xen's")
    return ", ".join(missed)


HEAD = ["", "native", "Ringfence", "Xen", "R/n", "X/n", "R hv", "X hv",
        "hv R/X", "cycles R/n", "X/n", "misses"]


def line(key, v):
    n, r, x = (v[name].get(key) for name in systems.NAMES)
    base = n["instructions"]
    hv_x = x.get("hv", 0)
    hv_r = r.get("hv", 0)
    part = f"{hv_r / hv_x:.2f}" if hv_x > 0.005 * x["instructions"] else "-"
    return [R.TITLE[key], number(base), number(r["instructions"]),
            number(x["instructions"]), f"{r['instructions'] / base:.2f}",
            f"{x['instructions'] / base:.2f}", number(hv_r), number(hv_x),
            part, f"{r['cycles'] / n['cycles']:.2f}",
            f"{x['cycles'] / n['cycles']:.2f}", goal(key, n, r, x)]


def table(v):
    """Lines of cells; a line of one cell opens a group."""
    lines = []
    group = None
    for key, _, row_group in R.ROWS:
        if all(key in v[name] for name in systems.NAMES):
            if row_group != group:
                group = row_group
                lines.append([group])
            lines.append(line(key, v))
    return lines


# What stands beside the instructions: heading, and the sum of which counts.
EVENTS = [
    ("exits", ["hv.iret", "hv.sysret"]),
    ("hypercalls", ["kernel.syscall"]),
    ("CR3 loads", ["hv.cr3_load"]),
    ("INVLPG", ["hv.invlpg"]),
    ("WRMSR", ["hv.wrmsr"]),
    ("RDMSR", ["hv.rdmsr"]),
    ("locked", ["hv.locked"]),
]


def event_table(v):
    """Head and lines: what ring 0 does of the costly things, Ringfence and
    Xen."""
    head = ["", *(f"{name} {who}" for name, _ in EVENTS for who in "RX")]
    lines = []
    for key, title, _ in R.ROWS:
        if all(key in v[name] for name in systems.NAMES):
            cells = [title]
            for _, counts in EVENTS:
                for name in ("ringfence", "xen"):
                    n = sum(v[name][key].get(what, 0) for what in counts)
                    cells.append(f"{n:,.0f}" if n >= 100 else f"{n:.1f}")
            lines.append(cells)
    return head, lines


def print_table(head, lines):
    wide = [max(len(cells[i]) for cells in [head, *lines] if len(cells) > 1)
            for i in range(len(head))]
    for cells in [head, *lines]:
        if len(cells) == 1:
            print(f"\n{cells[0]}")
            continue
        text = "  ".join(
            c.ljust(w) if i in (0, len(head) - 1) else c.rjust(w)
            for i, (c, w) in enumerate(zip(cells, wide)))
        print(text.rstrip())


def markdown(head, lines):
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * (len(head) - 2) + "---|"
    for cells in lines:
        if len(cells) == 1:
            cells = [f"**{cells[0]}**"] + [""] * (len(head) - 1)
        yield "| " + " | ".join(cells) + " |"


def summary(v, spread):
    """The goals over all rows: pairs of text and whether it is met."""
    keys = [k for k, _, group in R.ROWS
            if all(k in v[name] for name in systems.NAMES)]
    ratio = {name: mean(v[name][k]["instructions"] /
                        v["native"][k]["instructions"] for k in keys)
             for name in ("ringfence", "xen")}
    parts = sorted(v["ringfence"][k].get("hv", 0) / v["xen"][k]["hv"]
                   for k in keys
                   if v["xen"][k].get("hv", 0) >
                   0.005 * v["xen"][k]["instructions"])
    median = parts[len(parts) // 2]
    yield (f"geometric mean over {len(keys)} rows, times native: Ringfence "
           f"{ratio['ringfence']:.3f}, Xen {ratio['xen']:.3f}; "
           f"goal {R.MEAN_TIMES_NATIVE}",
           ratio["ringfence"] <= R.MEAN_TIMES_NATIVE)
    yield (f"instructions in the hypervisor, of Xen's: median {median:.2f} "
           f"(goal 0.33), worst {parts[-1]:.2f} (goal 0.50), best "
           f"{parts[0]:.2f}", median <= 1 / 3 and parts[-1] <= 0.5)
    differ = [k for k in keys if v["xen"][k]["instructions"] >
              1.005 * v["native"][k]["instructions"]]
    below = sum(v["ringfence"][k]["instructions"] <
                v["xen"][k]["instructions"] for k in differ)
    yield (f"fewer instructions than Xen on {below} of the {len(differ)} rows "
           "where Xen differs from native", below == len(differ))
    for name in spread or ():
        wide = sorted((part, key) for key, part in spread[name].items()
                      if part > SPREAD)
        rows = ", ".join(f"{R.TITLE[key]} {100 * part:.1f} %"
                         for part, key in reversed(wide))
        yield (f"{name}: over three seeds {len(keys) - len(wide)} of "
               f"{len(keys)} rows keep within {100 * SPREAD} %" +
               (f"; not {rows}" if rows else ""), not wide)


# ---- docs/performance.md -----------------------------------------------------


def where_spent(v, measured):
    """A line for each row that misses something: its functions in ring 0."""
    for key in v["ringfence"]:
        missed = goal(key, *(v[name][key] for name in systems.NAMES))
        if not missed:
            continue
        name = R.source(key)[0]
        per = R.members(name) if name.startswith("ring_") else 1
        top = [f for f in measured[name]["functions"] if f[0] == "hv"][:6]
        yield (f"| {R.TITLE[key]} | {missed} | " +
               ", ".join(f"`{f[1]}` {f[2] / per:,.0f}" for f in top) + " |")


def path_table(paths):
    """Head and lines: what each path costs in ring 0, and where."""
    lines = []
    for name, row in paths.items():
        counts = row["counts"]
        hv = counts["hv"]
        top = [f for f in row["functions"] if f[0] == "hv"][:6]
        costly = [(what.split(".")[1], n) for what, n in counts.items()
                  if what.startswith("hv.") and n >= 0.005]
        lines.append([
            PATHS[name.removeprefix("path.")], f"{hv:,.1f}",
            ", ".join(f"{f[1]} {f[2]:,.0f}" for f in top),
            ", ".join(f"{what} {n:.2g}" for what, n in costly)])
    return ["", "ring 0", "where most of it goes", "costly ones"], lines


def write_docs(v, goals, measured):
    put_docs({
        "table": "\n".join(markdown(HEAD, table(v))),
        "events": "\n".join(markdown(*event_table(v))),
        "summary": "\n".join(f"* {'reached' if good else 'missed'}: {text}"
                             for text, good in goals),
        "missed": "\n".join(["| row | misses | ring 0, by function |",
                             "|---|---|---|", *where_spent(v, measured)]),
    })


def put_docs(parts):
    """Replaces what stands between the marks of docs/performance.md."""
    with open(DOCS) as f:
        text = f.read()
    for name, part in parts.items():
        text = re.sub(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
                      lambda m: m.group(1) + part + "\n" + m.group(2), text,
                      flags=re.S)
    with open(DOCS, "w") as f:
        f.write(text)
