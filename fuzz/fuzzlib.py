# SPDX-License-Identifier: Apache-2.0
"""What the fuzzing tools share: targets, corpora, builds."""
import hashlib
import os
import re
import subprocess
import sys
import zipfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("B", "build")
WORK = os.path.join(BUILD, "fuzz")  # corpora, findings, reports
# Inputs longer than this say nothing new: 48 records, a page of settings.
LENGTHS = {"calls": 768, "cpus": 96, "cpu": 768, "life": 256, "auditor": 768,
           "rf": 1024, "domain0": 256, "rings": 256, "audit": 512, "parse": 256,
           "kernel": 81920, "decode": 64}


def targets(only=None):
    """(name, family, doc) of fuzz/targets.def, or those named."""
    rows = []
    with open("fuzz/targets.def") as f:
        for line in f:
            m = re.match(r'TARGET\((\w+),\s*(\w+),\s*"(.*)"\)', line)
            if m:
                rows.append(m.groups())
    if only:
        wanted = re.split(r"[ ,]+", only.strip())
        for name in wanted:
            if name not in [r[0] for r in rows]:
                sys.exit(f"fuzz: no target {name}; see fuzz/targets.def")
        rows = [r for r in rows if r[0] in wanted]
    return rows


def max_len(name, family):
    return LENGTHS.get(name, LENGTHS.get(family, 1024))


def binary(name, engine="lib"):
    return os.path.join(BUILD, f"fuzz-{engine}", name)


def make(names, engine="lib"):
    make_paths([binary(n, engine) for n in names])


def make_paths(goals):
    done = subprocess.run(["make", "--no-print-directory", "-j2", *goals],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if done.returncode != 0:
        sys.stdout.write(done.stdout[-4000:])
        sys.exit("fuzz: the build failed")


def corpus_dir(name):
    return os.path.join(WORK, "corpus", name)


def crash_dir(name):
    path = os.path.join(WORK, "crashes", name)
    os.makedirs(path, exist_ok=True)
    return path


def stored(name):
    return os.path.join("fuzz", "corpus", name + ".zip")


def seeds(name):
    """What real guests called, as this target's inputs: fuzz/live/seeds."""
    return os.path.join("fuzz", "seeds", name + ".zip")


def unpack(name):
    """The stored corpus and seeds beside what was found since; the folder."""
    return unpack_to(name, corpus_dir(name))


def unpack_to(name, folder):
    os.makedirs(folder, exist_ok=True)
    for archive in filter(os.path.exists, (stored(name), seeds(name))):
        with zipfile.ZipFile(archive) as z:
            for item in z.namelist():
                path = os.path.join(folder, os.path.basename(item))
                if not os.path.exists(path):
                    with open(path, "wb") as f:
                        f.write(z.read(item))
    return folder


def pack(name, folder):
    """Store a folder of inputs: same inputs, same bytes."""
    os.makedirs("fuzz/corpus", exist_ok=True)
    inputs = {}
    for item in os.listdir(folder):
        with open(os.path.join(folder, item), "rb") as f:
            data = f.read()
        inputs[hashlib.sha1(data).hexdigest()[:16]] = data
    temporary = stored(name) + ".new"
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as z:
        for key in sorted(inputs):
            z.writestr(zipfile.ZipInfo(key, (2000, 1, 1, 0, 0, 0)),
                       inputs[key], zipfile.ZIP_DEFLATED, 9)
    os.replace(temporary, stored(name))
    return len(inputs), os.path.getsize(stored(name))


def regressions(name):
    folder = os.path.join("fuzz", "regress", name)
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, f) for f in sorted(os.listdir(folder))]


def environment():
    env = dict(os.environ)
    # And what entry.c has as defaults.
    env.setdefault("ASAN_OPTIONS",
                   "handle_abort=0:symbolize=0:abort_on_error=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:symbolize=0")
    return env


def finding(text):
    """One line that says what a crash was."""
    for pattern in (r"FINDING: .*", r"host_arch: .*", r"runtime error: .*",
                    r"ERROR: AddressSanitizer: .*", r"ERROR: libFuzzer: .*"):
        m = re.search(pattern, text)
        if m:
            return m.group(0)[:100]
    return "no reason was given"
