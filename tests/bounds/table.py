#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Add up what bounds.c measured: one table, two limits.

    table.py [--json FILE] [--markdown FILE] FILE...

Each FILE is the output of one run; see bounds.c for its lines. A row of the
table is a path through ring 0: how often it was taken, its longest stretch
with interrupts off and its longest between preemption points, in instructions,
the run that holds it, and the functions in which it was spent.
"""
import argparse
import json
import os
import re
import sys

LIMITS = {"off": 20000, "run": 200000}
TEXT = {
    "off": "interrupts off",
    "run": "between preemption points",
}
VECTORS = {
    0: "#DE", 1: "#DB", 2: "NMI", 3: "#BP", 4: "#OF", 5: "#BR", 6: "#UD",
    7: "#NM", 10: "#TS", 11: "#NP", 12: "#SS", 13: "#GP", 14: "#PF",
    16: "#MF", 17: "#AC", 19: "#XM",
}


def path_name(name, vectors):
    """From the plugin's symbols to words."""
    name, plus, rest = name.partition(" + ")
    match = re.fullmatch(r"stub_(\d+)", name)
    if match:
        number = int(match.group(1))
        if number in VECTORS:
            name = "fault " + VECTORS[number]
        elif number in vectors:
            name = "interrupt: " + vectors[number]
        else:
            name = f"vector {number}"
    elif name.startswith("hc_"):
        name = "hypercall " + name[3:]
    elif name.startswith("entry_"):
        name = name[6:] + ": refused, or to the guest's handler"
    elif name == "CLI":
        name = "idle"
    return name + plus + rest


def own_vectors():
    """The interrupt vectors of the host, as its header has them."""
    here = os.path.dirname(os.path.abspath(__file__))
    found = {}
    with open(os.path.join(here, "../../x86/regs.h")) as f:
        for line in f:
            match = re.match(r"#define VEC_(\w+) (0x[0-9a-f]+|\d+)u?\b", line)
            if match:
                found[int(match.group(2), 0)] = match.group(1).lower()
    return found


def read(files):
    """{path: {kind: {count, longest, run, spent}}}"""
    vectors = own_vectors()
    table = {}
    for file in files:
        with open(file) as f:
            for line in f:
                if line.startswith("end "):
                    continue
                head, _, spent = line.rstrip("\n").rpartition(":")
                kind, count, longest, total, name = head.split(" ", 4)
                row = table.setdefault(path_name(name, vectors), {})
                cell = row.setdefault(
                    kind, {"count": 0, "longest": -1, "total": 0})
                cell["count"] += int(count)
                cell["total"] += int(total)
                if int(longest) > cell["longest"]:
                    cell["longest"] = int(longest)
                    cell["load"] = os.path.basename(file)[: -len(".out")]
                    cell["spent"] = spent.strip()
    return table


def longest(row, kind):
    return row[kind]["longest"] if kind in row else 0


def sorted_rows(table):
    return sorted(
        table.items(),
        key=lambda i: (-longest(i[1], "off"), -longest(i[1], "run"), i[0]),
    )


def print_table(table):
    print(f"{'count':>9} {'off':>7} {'run':>7}  path; where most of it went")
    for name, row in sorted_rows(table):
        worst = max(row.values(), key=lambda c: c["longest"])
        count = max(c["count"] for c in row.values())
        spent = ", ".join(worst["spent"].split(", ")[:3])
        print(f"{count:9} {longest(row, 'off'):7} {longest(row, 'run'):7}  "
              f"{name} ({worst['load']}): {spent}")


def write_markdown(table, to):
    """The table of docs/bounds.md."""
    with open(to, "w") as f:
        f.write("| path | count | off | run | where most of it went |\n"
                "|---|---:|---:|---:|---|\n")
        for name, row in sorted_rows(table):
            worst = max(row.values(), key=lambda c: c["longest"])
            count = max(c["count"] for c in row.values())
            spent = ", ".join(f"`{s.split()[0]}`"
                              for s in worst["spent"].split(", ")[:3] if s)
            f.write(f"| {name} | {count} | {longest(row, 'off')} | "
                    f"{longest(row, 'run')} | {spent} |\n")


def gate(table):
    good = True
    for kind, limit in LIMITS.items():
        worst = max(table, key=lambda n: longest(table[n], kind))
        most = longest(table[worst], kind)
        over = sorted(n for n in table if longest(table[n], kind) > limit)
        for name in over:
            cell = table[name][kind]
            print(f"    {name}: {cell['longest']} in {cell['load']}: "
                  f"{cell['spent']}")
        good = good and not over
        print(f"{'not ok' if over else 'ok'} - bounds: the longest stretch "
              f"{TEXT[kind]} has {most} instructions of {limit} ({worst})")
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    table = read(options.files)
    if not table:
        print("not ok - bounds: nothing was measured")
        return 1
    if options.json:
        with open(options.json, "w") as f:
            json.dump(table, f, indent=1, sort_keys=True)
    if options.markdown:
        write_markdown(table, options.markdown)
    print_table(table)
    return 0 if gate(table) else 1


if __name__ == "__main__":
    sys.exit(main())
