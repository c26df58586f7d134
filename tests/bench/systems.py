# SPDX-License-Identifier: Apache-2.0
"""Boots the benchmark on one of three systems and reads what it counted.

The same kernel, ramdisk, memory, processor and clock for all: natively, as a
tenant of Ringfence, as the first domain of Debian's Xen. One virtual nanosecond
is one instruction; a plugin of QEMU counts them by layer and function.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

OUT = "build/bench"
KERNEL = "build/guests/vmlinuz-amd64"
RAMDISK = "build/guests/bench.cpio.gz"
XEN = "build/guests/xen-4.17-amd64"
PLUGIN = "build/bench/layers.so"
CPU = "max,-la57,-pks,-smap,-erms,-fsrm"
MEMORY = 256  # MiB of the guest
LIMIT = 1800  # seconds; other work may load the machine
EXACT = ["-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"]
NAMES = ["native", "ringfence", "xen"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def digest(*files):
    total = hashlib.sha256()
    for name in files:
        with open(name, "rb") as f:
            total.update(hashlib.sha256(f.read()).digest())
    return total.hexdigest()[:16]


def qemu(log, memory):
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-no-reboot", "-machine", "q35", "-display", "none",
            "-m", f"{memory}M", "-accel", "tcg", "-cpu", CPU,
            "-icount", "shift=0,sleep=off", *EXACT,
            "-serial", f"file:{log}"]


def kernel_symbols():
    """Where the kernel's functions are, told by itself once; with nokaslr they
    are there on every system."""
    path = f"{OUT}/symbols-{digest(KERNEL)}"
    if not os.path.exists(path):
        say("bench: reads the kernel's symbols (once)")
        line = qemu(f"{OUT}/symbols.log", MEMORY) + [
            "-debugcon", f"file:{path}.new", "-kernel", KERNEL,
            "-initrd", RAMDISK, "-append",
            "console=ttyS0 nokaslr rf.script=bench bench.symbols"]
        subprocess.run(line, check=True, timeout=LIMIT)
        os.rename(f"{path}.new", path)
    return path


def image_symbols(image, scratch):
    path = f"{scratch}/image.symbols"
    with open(path, "w") as f:
        subprocess.run(["nm", "-n", image], stdout=f, check=True)
    return path


def run_native(extra, scratch, plugin, _build):
    log = f"{scratch}/console"
    line = qemu(log, MEMORY) + [
        "-plugin", plugin, "-kernel", KERNEL, "-initrd", RAMDISK,
        "-append", f"console=ttyS0 {extra}"]
    subprocess.run(line, check=True, timeout=LIMIT)
    return log


def run_xen(extra, scratch, plugin, _build):
    log = f"{scratch}/console"
    line = qemu(log, MEMORY + 256) + [
        "-plugin", plugin, "-kernel", XEN, "-append",
        f"console=com1 com1=115200 dom0_mem={MEMORY}M,max:{MEMORY}M "
        "dom0_max_vcpus=1",
        "-initrd", f"{KERNEL} console=hvc0 {extra},{RAMDISK}"]
    subprocess.run(line, check=True, timeout=LIMIT)
    return log


def run_ringfence(extra, scratch, plugin, build):
    """Through rf and the module it makes, as a user would."""
    real = shutil.which("qemu-system-x86_64")
    os.mkdir(f"{scratch}/bin")
    with open(f"{scratch}/bin/qemu-system-x86_64", "w") as f:
        f.write('#!/bin/sh\nexec %s "$@" %s -plugin "%s"\n' %
                (real, " ".join(EXACT), plugin))
    os.chmod(f"{scratch}/bin/qemu-system-x86_64", 0o755)
    here = os.getcwd()
    with open(f"{scratch}/bench.cfg", "w") as f:
        f.write(f'name = "bench"\ntype = "pv"\nkernel = "{here}/{KERNEL}"\n'
                f'ramdisk = "{here}/{RAMDISK}"\n'
                f'extra = "console=hvc0 {extra}"\n'
                f"memory = {MEMORY}\nvcpus = 1\n")
    log = f"{scratch}/console"
    path = f"{scratch}/bin:{os.environ['PATH']}"
    with open(log, "w") as f:
        subprocess.run(
            [f"{build}/rf", "run", "-q", "--icount", "--cpu", CPU,
             "--hypervisor", f"{build}/ringfence.elf", f"{scratch}/bench.cfg"],
            stdin=subprocess.DEVNULL, stdout=f, check=True, timeout=LIMIT,
            env={**os.environ, "PATH": path})
    return log


RUN = {"native": run_native, "ringfence": run_ringfence, "xen": run_xen}


def read_console(log):
    with open(log, errors="replace") as f:
        text = f.read()
    if "bench: end" not in text:
        say("\n".join(text.splitlines()[-12:]))
        raise SystemExit(f"bench: the program did not end: {log}")
    return [(name, int(times), int(total)) for name, times, total in
            re.findall(r"bench: row (\S+) (\d+) (\d+)", text)]


def read_layers(path):
    """A triple a row: counts by layer and event, functions by layer,
    addresses of the hypervisor."""
    rows = []
    with open(path) as f:
        for line in f:
            word = line.split()
            if word[0] == "begin":
                rows.append(({}, [], []))
            elif word[0] == "event":
                rows[-1][0][f"{word[1]}.{word[2]}"] = int(word[3])
            elif word[0] == "address":
                rows[-1][2].append((word[1], int(word[2])))
            elif word[0] == "function":
                layer, name, count, calls = word[1:]
                rows[-1][1].append((layer, name, int(count), int(calls)))
                counts = rows[-1][0]
                counts[layer] = counts.get(layer, 0) + int(count)
    return rows


def combine(consoles, layers):
    """Per row one repetition's counts, and the functions it was spent in."""
    if len(consoles) != len(layers):
        raise SystemExit("bench: the plugin saw other rows than the console")
    result = {}
    for (name, times, total), (counts, functions, addresses) in zip(
            consoles, layers):
        per = {what: n / times for what, n in counts.items()}
        per["instructions"] = total / times
        seen = sum(counts.get(layer, 0) for layer in ("user", "kernel", "hv"))
        # The counter is read within the marks: a few instructions less.
        if abs(seen - total) > 0.001 * total + 100:
            raise SystemExit(f"bench: {name}: the plugin counts {seen}, the "
                             f"time-stamp counter {total}")
        result[name] = {
            "times": times, "counts": per,
            "functions": sorted(([layer, f, n / times, calls / times]
                                 for layer, f, n, calls in functions),
                                key=lambda f: -f[2])}
        if addresses:
            result[name]["addresses"] = {
                address: n / times for address, n in addresses}
    return result


def measure(name, rows=(), is_full=False, build="build", has_lines=False):
    """Boots system `name`; rows: these only. Returns what combine() does."""
    symbols = kernel_symbols()
    extra = "nokaslr rf.script=bench"
    extra += " bench.full" if is_full else ""
    extra += " bench.rows=" + ",".join(rows) if rows else ""
    scratch = tempfile.mkdtemp(prefix="bench.")
    try:
        plugin = (f"{os.getcwd()}/{PLUGIN},out={scratch}/layers,"
                  f"symbols={os.getcwd()}/{symbols}")
        plugin += ",lines=on" if has_lines else ""
        if name == "ringfence":
            plugin += ",symbols=" + image_symbols(f"{build}/ringfence.elf",
                                                  scratch)
        log = RUN[name](extra, scratch, plugin, build)
        shutil.copy(log, f"{OUT}/{name}.log")
        return combine(read_console(log), read_layers(f"{scratch}/layers"))
    finally:
        shutil.rmtree(scratch)


def measure_or_keep(name, is_full, is_fresh):
    """What does not change with Ringfence is kept beside its inputs."""
    inputs = [KERNEL, RAMDISK, PLUGIN] + ([XEN] if name == "xen" else [])
    path = f"{OUT}/kept-{name}-{'full' if is_full else 'quick'}.json"
    key = digest(*inputs)
    if not is_fresh and os.path.exists(path):
        with open(path) as f:
            kept = json.load(f)
        if kept["key"] == key:
            say(f"bench: {name}: as measured before (FRESH=1 measures again)")
            return kept["rows"]
    rows = measure(name, is_full=is_full)
    with open(path, "w") as f:
        json.dump({"key": key, "rows": rows}, f)
    return rows
