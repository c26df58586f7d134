# SPDX-License-Identifier: Apache-2.0
"""The remote protocol of gdb, as far as it takes to hold a machine: run, stop,
breakpoints, registers, memory, and QEMU's monitor behind qRcmd."""
import re
import socket
import struct
import time

PATIENCE_S = 100
NAMES = ('rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip '
         'eflags cs ss ds es fs gs fs_base gs_base k_gs_base '
         'cr0 cr2 cr3 cr4 cr8 efer').split()
LAYOUT = struct.Struct('<17Q7I9Q')


class Gone(Exception):
    """The machine is off."""


def connect(path):
    """To a socket that is about to be there."""
    until = time.monotonic() + PATIENCE_S
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(path)
            return line
        except OSError:
            line.close()
            if time.monotonic() > until:
                raise Gone from None
            time.sleep(0.05)


class Machine:
    """A stopped machine behind a socket; every exchange is one packet."""

    def __init__(self, path):
        self.rest = b''
        self.line = connect(path)
        # Registers come in the order above only to who knows their description.
        self.ask('qXfer:features:read:target.xml:0,ffb')

    def put(self, data):
        try:
            self.line.sendall(data)
        except OSError as error:
            raise Gone from error

    def send(self, text):
        data = text.encode()
        self.put(b'$%s#%02x' % (data, sum(data) & 0xff))

    def receive(self, patience_s=PATIENCE_S):
        """The next packet; None when none comes in that time."""
        until = time.monotonic() + patience_s
        while not (found := re.search(rb'\$([^#]*)#..', self.rest)):
            self.line.settimeout(max(until - time.monotonic(), 0.001))
            try:
                more = self.line.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise Gone from error
            if not more:
                raise Gone
            self.rest += more
        self.rest = self.rest[found.end():]
        self.put(b'+')
        text = found.group(1).decode()
        if text[:1] in 'WX':
            raise Gone
        return text

    def ask(self, text):
        self.send(text)
        reply = self.receive()
        if reply is None:
            raise Gone
        return reply

    def monitor(self, command):
        """A command of QEMU's monitor; what it prints."""
        reply, text = self.ask('qRcmd,' + command.encode().hex()), ''
        while reply != 'OK':
            text += bytes.fromhex(reply[1:]).decode()
            reply = self.receive()
        return text

    def breaks(self, *addresses):
        for address in addresses:
            self.ask(f'Z0,{address:x},1')

    def unbreaks(self, *addresses):
        for address in addresses:
            self.ask(f'z0,{address:x},1')

    def run(self, patience_s):
        """Until a breakpoint: its address. None, and stopped somewhere, when
        there was none in that time."""
        self.send('c')
        if self.receive(patience_s) is None:
            self.put(b'\x03')
            self.receive()
            return None
        return self.registers()['rip']

    def step(self):
        self.ask('s')
        return self.registers()['rip']

    def registers(self):
        data = bytes.fromhex(self.ask('g'))
        return dict(zip(NAMES, LAYOUT.unpack_from(data)))

    def set_flags(self, value):
        self.ask(f'P{NAMES.index("eflags"):x}={struct.pack("<I", value).hex()}')

    def words(self, address, count):
        data = bytes.fromhex(self.ask(f'm{address:x},{8 * count:x}'))
        return struct.unpack(f'<{count}Q', data)

    def physical_store(self, address, value):
        """32 bits, as a device writes them."""
        self.ask('Qqemu.PhyMemMode:1')
        self.ask(f'M{address:x},4:{struct.pack("<I", value).hex()}')
        self.ask('Qqemu.PhyMemMode:0')

    def let_go(self):
        """It runs on, and nobody holds it any more."""
        self.send('D')
        self.receive(5)
        self.line.close()
