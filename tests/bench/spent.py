# SPDX-License-Identifier: Apache-2.0
"""Where one row is spent: by layer, by function, by line."""
import os
import subprocess

import rows as R
import systems


def of_lines(addresses):
    """Instructions by (function as written, file:line)."""
    text = subprocess.run(
        ["addr2line", "-f", "-e", "build/ringfence.elf"],
        input="\n".join(addresses), capture_output=True, check=True,
        text=True).stdout.splitlines()
    spent = {}
    for n, function, place in zip(addresses.values(), text[::2], text[1::2]):
        place = place.split(" ")[0].removeprefix("./")
        place = place.removeprefix(os.getcwd() + "/")
        spent.setdefault(function, {}).setdefault(place, 0)
        spent[function][place] += n
    return spent


def print_lines(addresses, per, top):
    """Functions as written, inlined or not, and their costliest lines."""
    print("\nhv by function as written, and by line")
    order = sorted(of_lines(addresses).items(),
                   key=lambda item: -sum(item[1].values()))
    for function, places in order[:top]:
        total = sum(places.values()) / per
        if total < 0.5:
            break
        print(f"  {function:44}{total:10.1f}")
        for place, n in sorted(places.items(), key=lambda i: -i[1])[:8]:
            print(f"      {place:40}{n / per:10.1f}")


def profile(key, name, top, has_lines):
    if key.startswith("path."):
        name, names = "paths", [key.removeprefix("path.")]
        measured = systems.measure(name, has_lines=has_lines)
    else:
        names = R.source(key)
        measured = systems.measure(name, rows=names, has_lines=has_lines)
    if names[0] not in measured:
        raise SystemExit(f"bench: there is no row '{key}'")
    row = measured[names[0]]
    per = R.members(names[0]) if names[0].startswith("ring_") else 1
    counts = {what: n / per for what, n in row["counts"].items()}
    print(f"{names[0]} on {name}: {counts['instructions']:.0f} instructions "
          f"{'a hop' if per > 1 else 'each'}, "
          f"estimate {R.cycles(counts):.0f} cycles")
    for layer in ("user", "kernel", "hv"):
        events = ", ".join(
            f"{what.split('.')[1]} {n:.2f}" for what, n in
            sorted(counts.items(), key=lambda item: -item[1])
            if what.startswith(layer + ".") and n >= 0.005)
        print(f"  {layer:7}{counts.get(layer, 0):10.0f}  {events}")
    for layer in ("hv", "kernel"):
        print(f"\n{layer}: function, instructions, calls, of a call")
        for where, function, n, calls in row["functions"]:
            if where == layer and n / per >= 0.5 and top[layer] > 0:
                top[layer] -= 1
                each = f"{n / calls:.0f}" if calls else "-"
                print(f"  {function:44}{n / per:10.1f}{calls / per:9.2f}"
                      f"{each:>8}")
    if "addresses" in row:
        print_lines(row["addresses"], per, 25)
