# SPDX-License-Identifier: Apache-2.0
"""Inside gdb: what the host takes of machine memory until it starts tenants.

Prints, a line each: `tenant NAME MEMORY VCPUS FRAMES CHUNKS`, FRAMES being
those of the host that making its record took, MEMORY and CHUNKS its own; before
it `part NUMBER FRAMES FUNCTION LINE` for each piece; and
`host FRAMES OWN`: what was taken before and after the tenants, and the chunks
of the host at the end. Stops at the first world switch.
"""
import gdb

taken = 0
domain = None  # whose record is being made


def place():
    """The line outside of the allocators that wants the frames."""
    f = gdb.newest_frame().older()
    while f is not None and f.name() in ("arch_boot_frames", "take",
                                         "new_table"):
        f = f.older()
    at = f.find_sal()
    return f"{f.name()} {at.symtab.filename}:{at.line}"


class Frames(gdb.Breakpoint):
    """A call that takes memory for the host; `what` is the number."""

    def __init__(self, where, what, unit):
        super().__init__(where, internal=True)
        self.what, self.unit = what, unit

    def stop(self):
        global taken
        frames = int(gdb.parse_and_eval(self.what)) * self.unit
        taken += frames
        if domain is not None:
            print("part", domain, frames, place())
        return False


def run():
    global domain
    gdb.execute("set pagination off")
    gdb.execute("hbreak memory_init")
    gdb.execute("continue")
    gdb.execute("delete")
    Frames("*boot_alloc", "$edi", 1)
    Frames("*memory_take_run", "$rdi", 512)
    gdb.Breakpoint("*domain_create")
    gdb.Breakpoint("*guest_exit_work")
    while True:
        gdb.execute("continue")
        if "guest_exit_work" in str(gdb.selected_frame().name()):
            break
        number = int(gdb.parse_and_eval("$edi"))
        before = taken
        domain = number
        back = gdb.Breakpoint("*" + hex(int(gdb.parse_and_eval(
            "*(unsigned long *)$rsp"))), internal=True)
        gdb.execute("continue")
        back.delete()
        domain = None
        d = gdb.parse_and_eval(f"domain_table[{number}]").dereference()
        print("tenant", d["name"].string(), int(d["frames_max"]),
              int(d["vcpu_count"]), taken - before, int(d["chunk_count"]))
    own = gdb.parse_and_eval("own")
    chunks = sum(bin(int(own[i])).count("1")
                 for i in range(own.type.range()[1] + 1))
    print("host", taken, chunks)
    gdb.execute("kill")


run()
