# SPDX-License-Identifier: Apache-2.0
"""What the fuzzer of the running system shows: a live line, the report at the
end, a finding explained, the corpus minimised, the smoke test's verdict."""
import collections
import os
import shutil
import sys
import tempfile
import threading
import time
import zipfile

import edges
import machine as mc
import words

FLOORS = os.path.join(mc.TOP, "fuzz", "live", "floors")


def clock(seconds):
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:" \
           f"{int(seconds) % 60:02d}"


class Screen:
    """A table that is redrawn each second, where there is a terminal."""

    HEAD = f"{'time':>8}{'programs':>10}{'/s':>7}{'calls':>12}{'/s':>8}" \
           f"{'/CPU s':>8}{'edges':>7}{'corpus':>8}{'lives':>8}{'stuck':>7}" \
           f"{'crashes':>9}"

    def __init__(self, fuzzer):
        self.f, self.stop = fuzzer, threading.Event()
        self.thread = threading.Thread(target=self.show, daemon=True)

    def line(self):
        f = self.f
        t = max(time.monotonic() - f.start, 0.001)
        return f"{clock(t):>8}{f.programs:>10,}{f.programs / t:>7.0f}" \
               f"{f.calls:>12,}{f.calls / t:>8,.0f}" \
               f"{f.calls / f.cpu if f.cpu else 0:>8,.0f}{f.edges:>7,}" \
               f"{len(f.corpus):>8,}{f.lives:>8,}{f.stuck:>7,}" \
               f"{len(f.crashes):>9}"

    def begin(self):
        if sys.stdout.isatty():
            print(self.HEAD)
            self.thread.start()

    def show(self):
        while not self.stop.wait(1):
            sys.stdout.write("\r" + self.line())
            sys.stdout.flush()

    def end(self):
        self.stop.set()
        if self.thread.is_alive():
            self.thread.join()
            print("\r" + self.line())


def coverage(seen, kernel=None):
    """(edges taken, edges there are) by folder and by function."""
    image = edges.Image(kernel or os.path.join(mc.BUILD, "ringfence.elf"))
    with open(seen, "rb") as f:
        taken = f.read()
    by_function = collections.defaultdict(lambda: [0, 0])
    for i, (_, to) in enumerate(image.edges):
        name = image.function[image.blocks[to]]
        by_function[name][0] += taken[i] != 0
        by_function[name][1] += 1
    return by_function, folders(image, by_function, kernel)


def folders(image, by_function, kernel):
    """The same by source folder: what addr2line says of each function."""
    import subprocess
    starts = {}
    for at in image.blocks:
        starts.setdefault(image.function[at], at)
    names = list(starts)
    done = subprocess.run(
        ["addr2line", "-e", kernel or os.path.join(mc.BUILD, "ringfence.elf"),
         *[hex(starts[n]) for n in names]], stdout=subprocess.PIPE, text=True)
    out = collections.defaultdict(lambda: [0, 0])
    for name, line in zip(names, done.stdout.splitlines()):
        path = line.split(":")[0].removeprefix("./")
        folder = path.split("/")[0] if "/" in path else "?"
        for i in range(2):
            out[folder][i] += by_function[name][i]
    return out


def write(f):
    lines = [Screen.HEAD, Screen(f).line()]
    functions, by_folder = coverage(f.seen, f.args.kernel)
    total = [sum(v[i] for v in functions.values()) for i in range(2)]
    lines.append(f"edges: {total[0]} of {total[1]}; " + ", ".join(
        f"{k} {v[0]} of {v[1]}" for k, v in sorted(by_folder.items())))
    lines.append(f"hypervisor's calls, all domains: {f.entries:,}; boots: "
                 f"{f.boots}; domains that ended themselves: {f.died:,}")
    for path, what in f.crashes:
        lines.append(f"found: {what}")
        lines.append(f"  {path}: make fuzz-live-repro FILE={path}")
    path = os.path.join(mc.WORK, "report.txt")
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n\nedges taken, edges, function\n")
        for name, (a, b) in sorted(functions.items()):
            out.write(f"{a:>6}{b:>6} {name}\n")
    print("\n".join(lines))
    print(f"report: {os.path.relpath(path)}")
    return 1 if f.crashes else 0


# ---- a finding again ---------------------------------------------------------


def run_once(programs, args, tell=None, exact=False):
    """(what was found, results) of these programs in one boot."""
    seen = tempfile.NamedTemporaryFile(dir=mc.WORK)
    seen.write(bytes(1 << 17))
    seen.flush()
    m = mc.Machine(seen.name, cpus=args.cpus, tell=tell, kernel=args.kernel,
                   walker=args.walker, exact=exact)
    results, n = [], 0
    try:
        while len(results) < len(programs):
            while n < len(programs) and n - len(results) < 8:
                p = programs[n]
                flags = p.flags | (mc.TELL if tell else 0) | \
                    (mc.NEW if n == 0 else 0)
                m.send(mc.Program(p.actors, flags, p.records))
                n += 1
            r = m.receive(30)
            if r is None:
                break
            results.append(r)
        found = m.close(quick=len(results) < len(programs))
        if len(results) < len(programs) and not found:
            found = ["the machine is silent"]
        return found, results
    finally:
        m.remove()
        seen.close()


def shorter(programs, again):
    """The last few that are enough."""
    count = 1
    while count < len(programs):
        if again(programs[-count:])[0]:
            return programs[-count:]
        count *= 2
    return programs


def trimmed(programs, again, tries=16):
    """Without records that are not needed, as far as so many tries tell."""
    for n in range(len(programs) - 1, -1, -1):
        step = len(programs[n].records) // mc.RECORD // 2
        while step and tries:
            at = 0
            while at < len(programs[n].records) and tries:
                p = programs[n]
                less = programs[:n] + [p._replace(
                    records=p.records[:at] +
                    p.records[at + step * mc.RECORD:])] + programs[n + 1:]
                tries -= 1
                if again(less)[0]:
                    programs = less
                else:
                    at += step * mc.RECORD
            step //= 2
    return [p for p in programs if p.records] or programs


def repro(args):
    programs = mc.load(args.repro)
    told = tempfile.NamedTemporaryFile(dir=mc.WORK)
    for exact in (True, False):  # the first says after which call it was
        if run_once(programs, args, exact=exact)[0]:
            break
    else:
        print(f"{len(programs)} programs: nothing found")
        return 0

    def again(some, tell=None):
        return run_once(some, args, tell, exact)

    programs = trimmed(shorter(programs, again), again)
    found, _ = again(programs, told.name)
    last = None
    for n, line in words.Words().read(told.name):
        if n != last:
            print(f"program {n} of {len(programs)}")
            last = n
        print(line)
    print("then:" if found else "nothing found when each record is told of")
    for line in found:
        print("  " + line.strip())
    return 1


# ---- the corpus ----------------------------------------------------------------


def minimise(args, stored, target):
    """Programs that reach an edge none before has, the shortest first, each in
    lives of its own."""
    folder = os.path.join(mc.WORK, "corpus")
    data = stored
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as f:
                data[name] = f.read()
    items = sorted(data.items(), key=lambda i: (len(i[1]), i[0]))
    programs = [mc.parse(d)[0] for _, d in items]
    found, results = run_once([p._replace(flags=p.flags | mc.NEW)
                               for p in programs], args)
    if found:
        sys.exit("fuzz-live: the corpus itself finds: " + found[0])
    keep = {items[0][0]} | {items[i][0] for i, r in enumerate(results)
                            if r.fresh}
    with zipfile.ZipFile(target + ".new", "w", zipfile.ZIP_DEFLATED) as z:
        for name in sorted(keep):
            z.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)),
                       data[name], zipfile.ZIP_DEFLATED, 9)
    os.replace(target + ".new", target)
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(keep)} of {len(items)} programs, "
          f"{os.path.getsize(target)} bytes, {results[-1].edges} edges")
    return 0


# ---- the smoke test --------------------------------------------------------------


def floors():
    with open(FLOORS) as f:
        return {k: int(v) for k, v in
                (line.split("#")[0].split() for line in f
                 if line.split("#")[0].strip())}


def smoke(args, fuzzer_class):
    want = floors()
    args.programs, args.stop, args.seed = want["programs"], True, 1
    f = fuzzer_class(args)
    status = f.run()
    rate = int(f.calls / f.cpu) if f.cpu else 0
    functions, _ = coverage(f.seen)
    taken, there = (sum(v[i] for v in functions.values()) for i in range(2))
    checks = [
        ("no finding", not f.crashes),
        (f"{taken} of {there} edges, {want['edges']} % demanded",
         taken * 100 >= there * want["edges"]),
        (f"{rate} hypercalls a CPU second, {want['rate']} demanded",
         rate >= want["rate"])]
    for what, good in checks:
        print(f"{'ok' if good else 'not ok'} - live: {what}")
    failed = sum(not good for _, good in checks)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed or status else 0
