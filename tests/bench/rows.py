# SPDX-License-Identifier: Apache-2.0
"""What the rows of guests/bench are called, and how they are read."""

# Key, title, group. A row prints instructions of all its repetitions; a value
# is one operation's. Groups are those of the tables in the 2003 paper.
PROCESSES = "Processes"
SWITCHES = "Context switches"
MEMORY = "Files and memory"
TRAFFIC = "Between processes, and TCP"
NONE = "Without the kernel"

ROWS = [
    ("null", "null system call", PROCESSES),
    ("read", "read 1 byte", PROCESSES),
    ("stat", "stat", PROCESSES),
    ("open_close", "open and close", PROCESSES),
    ("select_tcp", "select on 100 sockets", PROCESSES),
    ("sig_install", "signal install", PROCESSES),
    ("sig_handle", "signal handle", PROCESSES),
    ("yield", "sched_yield", PROCESSES),
    ("fork", "fork and exit", PROCESSES),
    ("fork_16m", "fork and exit, 16 MB touched", PROCESSES),
    ("fork_16m_write", "the same, each page written after", PROCESSES),
    ("exec", "fork and exec", PROCESSES),
    ("sh", "sh -c", PROCESSES),
    ("ctx_2p_0k", "switch, 2 processes, 0 KiB", SWITCHES),
    ("ctx_2p_16k", "switch, 2 processes, 16 KiB", SWITCHES),
    ("ctx_2p_64k", "switch, 2 processes, 64 KiB", SWITCHES),
    ("ctx_8p_16k", "switch, 8 processes, 16 KiB", SWITCHES),
    ("ctx_8p_64k", "switch, 8 processes, 64 KiB", SWITCHES),
    ("ctx_16p_16k", "switch, 16 processes, 16 KiB", SWITCHES),
    ("ctx_16p_64k", "switch, 16 processes, 64 KiB", SWITCHES),
    ("pipe", "pipe round trip", TRAFFIC),
    ("unix", "AF_UNIX round trip", TRAFFIC),
    ("tcp", "TCP loopback round trip", TRAFFIC),
    ("tcp_mib_1500", "TCP loopback, 1 MiB, MTU 1500", TRAFFIC),
    ("tcp_mib_500", "TCP loopback, 1 MiB, MTU 500", TRAFFIC),
    ("create_0k", "create a file, empty", MEMORY),
    ("delete_0k", "delete it", MEMORY),
    ("create_10k", "create a file, 10 KB", MEMORY),
    ("delete_10k", "delete it", MEMORY),
    ("create_delete_10k", "create and delete a 10 KB file", MEMORY),
    ("mmap", "mmap 4 MB, read a tenth, unmap", MEMORY),
    ("prot_fault", "protection fault", MEMORY),
    ("fault_file", "page fault, file", MEMORY),
    ("fault_anon", "page fault, anonymous", MEMORY),
    ("mprotect", "mprotect pair", MEMORY),
    ("integer", "integer loop", NONE),
    ("copy", "memory copy, 1 MiB", NONE),
    ("clock", "clock_gettime", NONE),
]

TITLE = {key: title for key, title, _ in ROWS}
GROUP = {key: group for key, _, group in ROWS}

# What is to be reached: times native, or instructions over native.
TIMES_NATIVE = {
    "fork": 2.4, "exec": 2.1, "mmap": 2.3, "fault_anon": 1.7,
    "fault_file": 1.7, "ctx_2p_0k": 1.45,
    "integer": 1.005, "copy": 1.005, "clock": 1.005,
}
OVER_NATIVE = {"null": 300}
MEAN_TIMES_NATIVE = 1.32

# Cycles that these instructions cost beyond the one each is counted for: orders
# of magnitude from published tables of recent server processors, not measured
# here. An exception's delivery has no instruction of its own: it is what
# returns (IRET, SYSRET) exceed system calls by.
WEIGHTS = {
    "exception": 120, "iret": 80, "syscall": 40, "sysret": 40,
    "cr3_load": 250, "cr_load": 100, "clts": 60, "invlpg": 120, "wrmsr": 100,
    "rdmsr": 50, "rdtsc": 25, "swapgs": 20, "fsgsbase": 15, "xsave": 80,
    "lgdt": 60, "ltr_lldt": 60, "dr": 60, "cpuid": 150, "locked": 18, "hlt": 0,
}


def source(key):
    """The rows that the program measures for this one."""
    if not key.startswith("ctx_"):
        return [key]
    _, members, size = key.split("_")
    return [f"ring_{members}_{size}", f"self_{size}"]


def members(key):
    """Switches in a round of a ring_ row."""
    return int(key.split("_")[1][:-1])


def combine(key, raw):
    """The counts of a row from those of its sources, or None. Counts are
    dictionaries of numbers for one repetition."""
    if any(name not in raw for name in source(key)):
        return None
    if not key.startswith("ctx_"):
        return raw[key]
    ring, alone = (raw[name] for name in source(key))
    n = members(source(key)[0])
    return {what: ring.get(what, 0) / n - alone.get(what, 0)
            for what in set(ring) | set(alone)}


def cycles(counts):
    """The estimate: instructions, and what costly ones cost beyond one."""
    def total(event):
        return sum(counts.get(f"{layer}.{event}", 0)
                   for layer in ("user", "kernel", "hv"))

    entered = total("iret") + total("sysret") - total("syscall")
    return (counts["instructions"] + max(entered, 0) * WEIGHTS["exception"] +
            sum(total(event) * weight for event, weight in WEIGHTS.items()))
