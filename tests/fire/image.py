# SPDX-License-Identifier: Apache-2.0
"""What is shot at: the instructions of the ways into ring 0 and out of it, as
the kernel's image has them."""
import collections
import re
import subprocess

KERNEL = 'build/ringfence.elf'
OBJECTS = 'build/k/x86/'
# C that every entry or exit may run, by file.
FILES = ('trap', 'exit', 'bounce', 'iret', 'ctxsw', 'guestcopy', 'mce')

Instruction = collections.namedtuple('Instruction', 'address path text name')


def lines_of(*command):
    return subprocess.run(command, text=True, check=True,
                          stdout=subprocess.PIPE).stdout.splitlines()


def symbols(path):
    """Address by name."""
    found = {}
    for line in lines_of('nm', path):
        words = line.split()
        if len(words) == 3 and words[1] in 'tTrRdDbB':
            found[words[2]] = int(words[0], 16)
    return found


def functions(name):
    """Functions of one object file."""
    return [line.split()[2] for line in lines_of('nm', OBJECTS + name)
            if re.match(r'\S+ [tT] ', line)]


class Image:
    def __init__(self):
        self.at = symbols(KERNEL)
        self.assembly = set(functions('entry.S.o')) - {'cpu_loop'}
        wanted = set(self.assembly)
        for file in FILES:
            wanted |= set(functions(file + '.o'))
        wanted -= {'cpu_loop_begin'}
        self.instructions = [i for i in self.all_instructions()
                             if i.path in wanted]
        self.by_address = {i.address: i for i in self.instructions}

    def all_instructions(self):
        path = start = None
        for line in lines_of('objdump', '-d', '-j', '.text', '-w',
                             '--no-show-raw-insn', KERNEL):
            head = re.match(r'([0-9a-f]+) <(.+)>:$', line)
            if head:
                start, path = int(head.group(1), 16), head.group(2)
                continue
            match = re.match(r'\s*([0-9a-f]+):\s+(.*\S)', line)
            # Between functions, and behind a return, stands what never runs.
            if match and not re.match(r'(nop|cs nop|data16|xchg +%ax|int3)',
                                      match.group(2)):
                address = int(match.group(1), 16)
                yield Instruction(address, path, match.group(2),
                                  f'{path}+{address - start:#x}')

    def gate(self, vector):
        return self.at[f'stub_{vector}']

    def is_iret(self, address):
        found = self.by_address.get(address)
        return found is not None and found.text.startswith('iretq')

    def name(self, address):
        found = self.by_address.get(address)
        return found.name if found else f'{address:#x}'
