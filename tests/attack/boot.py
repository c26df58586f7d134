# SPDX-License-Identifier: Apache-2.0
"""One boot of the attacks: tenant files, `rf run`, the lines it prints."""
import os
import queue
import re
import shutil
import subprocess
import threading
import time

RF = os.environ.get("RF", "build/rf")
GUESTS = os.path.abspath("build/guests")
SILENCE_S = 90  # the victim speaks once a second of its own
CPUS = 2

TENANT = """name   = "{name}"
type   = "pv"
kernel = "{kernel}"
extra  = "{extra}"
memory = {memory}
vcpus  = {vcpus}
audit  = "lifecycle,deny"
"""


def has_option(option):
    text = subprocess.run([RF, "run", "--help"], capture_output=True,
                          text=True, check=False).stdout
    return option in text


def modes():
    """Rows of modes.def: name, what the host says."""
    with open("guests/attack/modes.def", encoding="utf-8") as f:
        return re.findall(r'^MODE\((\w+),\s*"([^"]*)"', f.read(), re.M)


class Line:
    def __init__(self, tenant, text):
        self.tenant = tenant
        self.text = text
        self.at = time.time()


class Boot:
    """words is the attacker's command line. After go(): lines, status, why
    (the run was ended, or None), records (the log, a line each)."""

    def __init__(self, name, words, vcpus):
        self.name = name
        self.words = words
        self.vcpus = vcpus
        self.folder = os.path.abspath(f"build/attack/{name}")
        self.files = []
        self.lines = []
        self.records = []
        self.verdict = ""
        self.status = None
        self.why = None
        self.input = None
        self.has_frames = has_option("--test-frames")
        self.names = ["attack", "helper", "victim", "debian"]
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def tenant(self, name, kernel, extra, memory=16, vcpus=1, more=""):
        path = f"{self.folder}/{name}.cfg"
        with open(path, "w", encoding="utf-8") as f:
            f.write(TENANT.format(name=name, kernel=f"{GUESTS}/{kernel}",
                                  extra=extra, memory=memory, vcpus=vcpus))
            f.write(more)
        self.files.append(path)

    def share(self):
        """Percent of a CPU that the victim is entitled to with everybody
        hungry, less a fifth for what the machine under the machine does."""
        return min(100, 100 * CPUS // (self.vcpus + 3)) * 4 // 5

    def victim(self):
        return f"echo=1 share={self.share()}"

    def machine(self):
        return ["--smp", str(CPUS)]

    def tenants(self):
        self.tenant("attack", "attack.elf", self.words + " helper=yes", 32,
                    self.vcpus)
        self.tenant("helper", "attack.elf", "role=helper connect=1", 32, 1,
                    'privileges = ["connect"]\n')
        self.tenant("victim", "victim.elf", self.victim())
        if "debian" not in self.names:
            return
        self.tenant("debian", "vmlinuz-cloud-amd64",
                    "console=hvc0 hostname=debian", 256, 1,
                    f'ramdisk = "{GUESTS}/busybox.cpio.gz"\n')

    def command(self):
        self.tenants()
        self.log = f"{self.folder}/audit.log"
        words = [RF, "run", "--audit-log", self.log] + self.machine()
        if self.has_frames:
            words.append("--test-frames")
        return words + self.files

    def type(self, text):
        if self.input is None:
            return
        try:
            self.input.write(text)
            self.input.flush()
        except OSError:
            self.input = None

    def all_done(self):
        """No more input: everybody with a prompt is told to power off."""
        if self.input is not None:
            try:
                self.input.close()
            except OSError:
                pass
        self.input = None

    def take(self, text):
        found = re.match(r"\[([a-z0-9-]+)\] ?(.*)", text)
        line = Line(*found.groups()) if found else Line("", text)
        self.lines.append(line)
        if line.tenant == "victim":
            echo = re.search(r"VICTIM second=\d+ .*echo=(\d+)", line.text)
            if echo:
                self.type(f"@victim echo {int(echo[1]) + 1}\n")
        if line.tenant == "ringfence" and self.over(line.text):
            self.all_done()
        return line

    def over(self, text):
        return text.startswith("tenant attack ended")

    def go(self, progress):
        """Run it to its end; progress.line(line) sees every line."""
        with open(f"{self.folder}/out", "w", encoding="utf-8") as out:
            self.run(out, progress)
        if os.path.exists(self.log):
            show = subprocess.run([RF, "audit", "show", self.log],
                                  capture_output=True, text=True, check=False)
            self.records = show.stdout.splitlines()
            head = re.search(r"chain head ([0-9a-f]+)", "\n".join(
                x.text for x in self.lines if x.tenant == "ringfence"))
            self.verdict = subprocess.run(
                [RF, "audit", "verify"] +
                (["--head", head[1]] if head else []) + [self.log],
                capture_output=True, text=True, check=False).stdout.strip()

    def run(self, out, progress):
        lines = queue.Queue()
        with subprocess.Popen(self.command(), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              errors="replace") as rf:
            self.input = rf.stdin

            def read():
                for text in rf.stdout:
                    lines.put(text)
                lines.put(None)

            reader = threading.Thread(target=read, daemon=True)
            reader.start()
            while True:
                try:
                    text = lines.get(timeout=SILENCE_S)
                except queue.Empty:
                    self.why = f"nothing was heard for {SILENCE_S} s"
                    rf.terminate()
                    break
                if text is None:
                    break
                out.write(text)
                progress.line(self.take(text.rstrip("\n")))
            self.all_done()
            self.status = rf.wait()


class ExactBoot(Boot):
    """One CPU and counted instructions: what the victim measures is the host's
    doing alone, so it is held to a close bound."""

    def __init__(self, name, words, vcpus):
        super().__init__(name, words, vcpus)
        self.names = ["attack", "helper", "victim"]
        self.has_frames = False  # a recount takes time, too

    def victim(self):
        return f"echo=1 late_ms=40 share={100 // (self.vcpus + 2) * 4 // 5}"

    def machine(self):
        return ["--icount"]


class FatalBoot(Boot):
    """Every mode of modes.def, a tenant each, beside the victim."""

    def __init__(self, only):
        super().__init__("fatal", "", 1)
        self.modes = [m for m in modes() if m[0].startswith(only)]
        self.ended = 0

    @staticmethod
    def name_of(mode):
        return mode.replace("_", "-")

    def tenants(self):
        self.tenant("victim", "victim.elf", "echo=1")
        for mode, _ in self.modes:
            self.tenant(self.name_of(mode), "attack.elf", f"mode={mode}")

    def over(self, text):
        if re.match(r"tenant (\S+) ended", text):
            self.ended += 1
        return self.ended == len(self.modes)
