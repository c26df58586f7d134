# SPDX-License-Identifier: Apache-2.0
"""The machine that programs run on: one boot of the kernel in QEMU with the
plugin, two pipes to it, and what its end says."""
import collections
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("B", "build"))
WORK = os.path.join(BUILD, "fuzz", "live")
MIB = 160
RECORD = 16
RECORDS_MAX = 48
TELL, RACE, NEW, STOP = 1, 2, 4, 8
STUCK, DIED, HARM = 1, 2, 4
HEAD = struct.Struct("<IIII")       # struct program: id, count, actors, flags
STORED = struct.Struct("<III")      # in a file: count, actors, flags
RESULT = struct.Struct("<IIIIQII")  # struct result
Result = collections.namedtuple(
    "Result", "id fresh calls flags entries edges lives")
Program = collections.namedtuple("Program", "actors flags records")

TENANT = """name = "{name}"
type = "pv"
kernel = "{guests}/bytecode.elf"
memory = {mib}
vcpus = {vcpus}
extra = "{extra}"
audit = "lifecycle,deny"
{more}
"""
AGAIN = 'on_crash = "restart"\non_poweroff = "restart"\n' \
        'privileges = [ "connect" ]'
TENANTS = (
    ("warden", 10, 1, "role=warden", 'role = "domain0"'),
    ("first", 9, 2, "role=actor domain=1", AGAIN),
    ("second", 9, 2, "role=actor domain=2", AGAIN),
    ("victim", 10, 1, "role=victim", ""),
)


def load(path):
    """Programs of a file."""
    with open(path, "rb") as f:
        return parse(f.read())


def parse(data):
    found, at = [], 0
    while at + STORED.size <= len(data):
        count, actors, flags = STORED.unpack_from(data, at)
        at += STORED.size
        found.append(Program(actors, flags, data[at:at + count * RECORD]))
        at += count * RECORD
    return found


def store(path, programs):
    with open(path, "wb") as f:
        for p in programs:
            f.write(STORED.pack(len(p.records) // RECORD, p.actors, p.flags))
            f.write(p.records)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(c) for c in f.read().split()]
    except OSError:
        return []


class Machine:
    """One boot. send() programs, receive() results; close() tells the rest."""

    def __init__(self, seen, cpus=1, tell=None, walker=False, kernel=None,
                 exact=False):
        """exact: domains so small that each call is followed by a recount."""
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.work = tempfile.mkdtemp(prefix="rf-live-", dir=shm)
        self.kernel = kernel or os.path.join(BUILD, "ringfence.elf")
        self.log = os.path.join(self.work, "log")
        self.audit = os.path.join(self.work, "audit")
        self.walker = os.path.join(self.work, "walker") if walker else ""
        self.exact = exact
        self.next_id = 0
        self.pending = b""
        pipes = [os.path.join(self.work, n) for n in ("in", "out")]
        for path in pipes:
            os.mkfifo(path)
        ram = os.path.join(self.work, "ram")
        plugin = [os.path.join(BUILD, "live", "live.so"),
                  f"edges={os.path.join(self.work, 'edges')}", f"seen={seen}",
                  f"in={pipes[0]}", f"out={pipes[1]}",
                  f"patience={100 if exact else 1}"]
        if tell:
            plugin.append(f"told={tell}")
        env = dict(os.environ, LIVE_RAM=ram,
                   LIVE_PLUGIN=",".join(plugin), LIVE_WALKER=self.walker,
                   LIVE_WALKER_SO=os.path.join(BUILD, "walker", "walker.so"),
                   LIVE_SYMBOLS=os.path.join(self.work, "symbols"))
        env["PATH"] = os.path.join(TOP, "fuzz", "live", "bin") + ":" + \
            env["PATH"]
        self.prepare()
        # Both ends, so that opening does not wait and closing is noticed.
        self.out = os.open(pipes[0], os.O_RDWR)
        self.back = os.open(pipes[1], os.O_RDONLY | os.O_NONBLOCK)
        self.qemu = subprocess.Popen(
            [os.path.join(BUILD, "rf"), "run", "--hypervisor", self.kernel,
             "--memory", str(MIB), "--audit-log", self.audit, "--test-frames",
             *(["--icount"] if cpus == 1 else ["--smp", str(cpus)]),
             *self.tenants()],
            env=env, stdin=subprocess.DEVNULL, stdout=open(self.log, "wb"),
            stderr=subprocess.STDOUT)

    def prepare(self):
        edges = os.path.join(self.work, "edges")
        subprocess.run([os.path.join(TOP, "fuzz", "live", "edges.py"),
                        self.kernel, "-o", edges], check=True,
                       stderr=subprocess.DEVNULL)
        with open(os.path.join(self.work, "symbols"), "wb") as f:
            subprocess.run(["nm", "-n", self.kernel], check=True, stdout=f)

    def tenants(self):
        files = []
        for name, mib, vcpus, extra, more in TENANTS:
            path = os.path.join(self.work, name + ".cfg")
            with open(path, "w") as f:
                f.write(TENANT.format(
                    name=name, mib=8 if self.exact else mib, vcpus=vcpus, extra=extra, more=more,
                    guests=os.path.join(BUILD, "guests")))
            files.append(path)
        return files

    def send(self, program):
        """Its id."""
        self.next_id += 1
        os.write(self.out, HEAD.pack(
            self.next_id, len(program.records) // RECORD, program.actors,
            program.flags) + program.records)
        return self.next_id

    def receive(self, seconds):
        """The next result; None: the machine is gone, or silent for so long."""
        until = time.monotonic() + seconds
        while len(self.pending) < RESULT.size:
            left = until - time.monotonic()
            if left <= 0:
                return None
            ready, _, _ = select.select([self.back], [], [], min(left, 1))
            if not ready and self.alarm():
                return None
            if ready:
                data = os.read(self.back, 65536)
                if data:
                    self.pending += data
                    continue
                time.sleep(0.05)
            if self.qemu.poll() is not None and not ready:
                return None
            if self.qemu.poll() is not None and not data:
                return None
        r = Result(*RESULT.unpack_from(self.pending))
        self.pending = self.pending[RESULT.size:]
        return r

    def alarm(self):
        """Has the host said already that something is wrong?"""
        return re.search(r"frame auditor: fault|panic on CPU|VICTIM HARM",
                         self.text()) is not None

    def cpu_seconds(self):
        """Of QEMU so far, which is rf's child."""
        total = 0
        for pid in children(self.qemu.pid):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / os.sysconf("SC_CLK_TCK")

    def text(self):
        with open(self.log, "rb") as f:
            return f.read().decode("latin-1")

    def close(self, quick=False):
        """What is wrong with this run, a line each; quick: it does not answer
        any more."""
        late = None
        if quick and self.qemu.poll() is None:
            late = "hang: no answer"
            self.qemu.send_signal(signal.SIGTERM)
            self.qemu.wait()
        elif self.qemu.poll() is None:
            self.send(Program(0, STOP, b""))
            try:
                self.qemu.wait(60)
            except subprocess.TimeoutExpired:
                late = "hang: the machine does not come to its end"
                self.qemu.send_signal(signal.SIGTERM)
                self.qemu.wait()
        found = []
        text = self.text()
        for pattern in (r"panic on CPU.*", r".*frame auditor: fault.*",
                        r".*VICTIM HARM.*", r".*passes, [1-9]\d* faults.*",
                        r"rf: error.*", r".*rf: the host .*"):
            found += re.findall(pattern, text)[:3]
        if late and not found:
            return [late]
        return found or self.judge(text)

    def judge(self, text):
        """Of a run that came to its end: its log, and the walker's report."""
        found = []
        if "all tenants have ended" not in text:
            found.append("the run ended without the host's word")
        done = subprocess.run(
            [os.path.join(BUILD, "rf"), "audit", "verify", "--key",
             self.audit + ".key", self.audit], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            found.append("audit log: " + done.stdout.strip().splitlines()[-1])
        if self.walker:
            with open(self.walker) as f:
                report = f.read().splitlines()
            if not report or ", 0 tenant frames" not in report[-1]:
                found.append("walker: " + (report or ["no report"])[0])
        return found

    def remove(self):
        os.close(self.out)
        os.close(self.back)
        shutil.rmtree(self.work, ignore_errors=True)
