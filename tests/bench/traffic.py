# SPDX-License-Identifier: Apache-2.0
"""Boots Linux tenants that talk, on Ringfence and on Debian's Xen.

The same kernel, ramdisk, memory, processor and clock for both; one CPU, and one
virtual nanosecond is one instruction. On Ringfence the tenants' frames go
through the router and its firewall, on Xen through the bridge of the first
domain, a Linux with the same kernel.
"""
import gzip
import os
import re
import shutil
import subprocess
import tempfile
import time

import systems

RAMDISK = "build/guests/netload.cpio.gz"
XENHOST = "build/guests/xenhost.cpio.gz"
XENHOST_MIB = 512
LAYERS = ("user", "kernel", "hv")
PORTS = {"stream": 7000, "flood": 7001}


class Tenant:
    """what: arguments of guests/netload; number: the last byte of its
    addresses; sends, takes: whom it may talk to, by name."""

    def __init__(self, name, number, what, sends=(), takes=(), rate="",
                 also=""):
        self.name, self.number = name, number
        self.what = what
        self.sends, self.takes = sends, takes
        self.rate, self.also = rate, also

    def words(self):
        return ",".join(self.what.split())

    def common(self, kernel, ramdisk, vif):
        return (f'name = "{self.name}"\ntype = "pv"\nvcpus = 1\n'
                f'memory = {systems.MEMORY}\n'
                f'kernel = "{kernel}"\nramdisk = "{ramdisk}"\n'
                f'extra = "console=hvc0 {systems.LAYOUT} rf.script=netload '
                f'rf.ip=10.0.0.{self.number}/24 rf.netload={self.words()}"\n'
                f'vif = [ "mac=00:16:3e:00:00:{self.number:02x},'
                f'bridge=lan{vif}" ]\n')

    def for_ringfence(self):
        rate = f'rate = [ "{self.rate}" ]\n' if self.rate else ""
        rules = [f'"pass {way} proto {proto} {word} {peer} port {port} '
                 'keep state"'
                 for way, word, peers in (
                     ("out", "to", self.sends),
                     ("in", "from", self.takes)) for peer in peers
                 for proto, port in (("tcp", PORTS["stream"]),
                                     ("udp", PORTS["flood"]))]
        rules = [r.replace(" port", " to any port") if '"pass in' in r else r
                 for r in rules]
        return (self.common(f"{os.getcwd()}/{systems.KERNEL}",
                            f"{os.getcwd()}/{RAMDISK}",
                            f",ip=10.0.0.{self.number}") + rate +
                f'firewall = [ {", ".join(rules)} ]\n{self.also}\n')

    def for_xen(self):
        # Else Xen would trap each reading of the counter: this is in its favour.
        return (self.common("/guests/kernel", "/guests/ramdisk",
                            ",script=vif-lan") + 'tsc_mode = "native"\n')


def archive(files, out):
    """A ramdisk: that of Xen's first domain and these files."""
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(f"{root}/guests")
        for name, text in files.items():
            with open(f"{root}/guests/{name}", "w") as f:
                f.write(text)
        made = subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0",
             "--reproducible"], cwd=root, check=True, stdout=subprocess.PIPE,
            input="".join(f"guests/{n}\n" for n in sorted(files)).encode())
    with open(out, "wb") as f:
        with open(XENHOST, "rb") as host:
            shutil.copyfileobj(host, f)
        f.write(gzip.compress(made.stdout, mtime=0))


def start_ringfence(tenants, scratch, plugin, build):
    """Through rf and the module it makes, as a user would."""
    real = shutil.which("qemu-system-x86_64")
    os.mkdir(f"{scratch}/bin")
    with open(f"{scratch}/bin/qemu-system-x86_64", "w") as f:
        f.write(f'#!/bin/sh\nexec {real} "$@" '
                f'{" ".join(systems.exact(1) + plugin)}\n')
    os.chmod(f"{scratch}/bin/qemu-system-x86_64", 0o755)
    files = []
    for t in tenants:
        files.append(f"{scratch}/{t.name}.cfg")
        with open(files[-1], "w") as f:
            f.write(t.for_ringfence())
    return subprocess.Popen(
        [f"{build}/rf", "run", "-q", "--icount", "--cpu", systems.CPU,
         "--hypervisor", f"{build}/ringfence.elf", "--timeout",
         str(systems.LIMIT), *files],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        errors="replace",
        env={**os.environ, "PATH": f"{scratch}/bin:{os.environ['PATH']}"})


def start_xen(tenants, scratch, plugin, _build):
    """The last one measures: when it has ended, so has all."""
    archive({f"{t.name}.cfg": t.for_xen() for t in tenants},
            f"{scratch}/xenhost")
    memory = 256 + XENHOST_MIB + (systems.MEMORY + 32) * len(tenants)
    line = systems.qemu("/dev/stdout", memory) + [
        *plugin, "-nic", "none", "-kernel", systems.XEN, "-append",
        f"console=com1 com1=115200 dom0_mem={XENHOST_MIB}M,"
        f"max:{XENHOST_MIB}M dom0_max_vcpus=1",
        "-initrd", f"{systems.KERNEL} console=hvc0 {systems.LAYOUT} "
        f"rf.script=xenhost rf.guests={'+'.join(t.name for t in tenants)},"
        f"{scratch}/xenhost"]
    line[line.index("-serial") + 1] = "stdio"
    return subprocess.Popen(line, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True,
                            errors="replace")


class Pump(Tenant):
    """A guest of ours (guests/pump) that sends datagrams, or takes them."""

    def for_ringfence(self):
        text = super().for_ringfence()
        text = re.sub('ramdisk = .*\n', '', text)
        text = re.sub('memory = .*', 'memory = 8', text)
        text = text.replace(systems.KERNEL, "build/guests/pump.elf")
        return re.sub('extra = .*', f'extra = "{self.what}"', text)


START = {"ringfence": start_ringfence, "xen": start_xen}


def run(system, tenants, build="build", layers=True):
    """Rows that the last tenant measured, in their order: their names, virtual
    nanoseconds, and the instructions of each layer."""
    scratch = tempfile.mkdtemp(prefix="traffic.")
    began = time.monotonic()
    last = tenants[-1].name
    found = []
    ended = False
    try:
        plugin = ["-plugin", f"{os.getcwd()}/{systems.PLUGIN},"
                  f"out={scratch}/layers"] if layers else []
        os.makedirs(systems.OUT, exist_ok=True)
        with START[system](tenants, scratch, plugin, build) as host, \
                open(f"{systems.OUT}/traffic-{system}.log", "w") as log:
            for line in host.stdout:
                log.write(line)
                told = re.match(rf"\[{last}\] netload: row (\S+) (\d+)", line)
                if told:
                    found.append({"row": told.group(1),
                                  "ns": int(told.group(2))})
                if re.match(rf"\[{last}\] netload: end", line):
                    ended = True
                    break
            host.terminate()
            host.communicate()
        if not ended:
            raise SystemExit(f"network: {system} did not get to its end: "
                             f"{systems.OUT}/traffic-{system}.log")
        rows = systems.read_layers(f"{scratch}/layers") if layers else []
    finally:
        shutil.rmtree(scratch)
    for row, (counts, _, _) in zip(found, rows):
        row.update({layer: counts.get(layer, 0) for layer in LAYERS})
    systems.say(f"network: {system}: {len(found)} rows "
                f"({time.monotonic() - began:.0f} s)")
    return found
