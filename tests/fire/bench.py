# SPDX-License-Identifier: Apache-2.0
"""A booted host that is shot at: bring it to an instruction, raise an event
there, follow what becomes of it."""
import os
import re
import subprocess
import time

from remote import Machine

TRAP_FLAG, IF_FLAG = 0x100, 0x200
VEC_TIMER = 0xf0
GATES = {'nmi': 2, 'db': 1, 'mc': 18, 'timer': VEC_TIMER}
PATIENCE_S = 20.0
REST_S = 30.0
BOOT_S = 100.0
# A bank's status: valid, uncorrected, enabled, signalled.
MC_OPTIONAL = 0xb100 << 48
MC_REQUIRED = MC_OPTIONAL | 1 << 55
# The global one: a check is in progress; the restart address is valid.
MCG_RESTART, MCG_NO_RESTART = 5, 4
# What an event in ring 0 must leave as it was.
SAME = ('rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip '
        'eflags cs ss ds es fs gs fs_base gs_base k_gs_base '
        'cr0 cr2 cr3 cr4 efer').split()
PASSES_MAX = 200
TRACE_MAX = 2000


class Failure(Exception):
    """An event did not end as it must."""


class Bench:
    def __init__(self, image, work, cpu):
        self.image = image
        self.log = os.path.join(work, 'log')
        self.read = 0
        # Counted instructions: how busy this machine is makes no difference.
        command = ['build/rf', 'run', '--no-domain0', '--gdb', '--icount', '--cpu', cpu,
                   'tests/fire/fire.cfg', 'tests/fire/victim.cfg']
        with open(self.log, 'wb') as out:
            self.rf = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out)
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self):
        """Until both tenants make their rounds; then it is held."""
        self.machine = Machine(self.wait(r'target remote (\S+)').group(1))
        self.machine.send('c')
        self.wait(r'\[fire\] fire: round')
        self.wait(r'\[victim\] fire: round')
        self.machine.put(b'\x03')
        self.machine.receive()

    def text(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()

    def wait(self, pattern, patience_s=BOOT_S):
        until = time.monotonic() + patience_s
        while not (found := re.search(pattern, self.text())):
            if self.rf.poll() is not None or time.monotonic() > until:
                raise Failure(f'no "{pattern}" in its output')
            time.sleep(0.05)
        return found

    def complaints(self):
        """What the host or a tenant has to say that it did not yet."""
        with open(self.log, 'rb') as file:
            file.seek(self.read)
            new = file.read().decode('utf-8', 'replace')
        cut = new.rfind('\n') + 1
        self.read += len(new[:cut].encode())
        return re.findall(r'.*(?:BAD|ended|panic|guest:|crash).*', new[:cut])

    def close(self):
        self.rf.terminate()
        self.rf.wait()

    # ---- steps of a shot ----

    def arrive(self, address, patience_s=PATIENCE_S):
        """Run to there; the breakpoint stays. False: it was not reached."""
        self.machine.breaks(address)
        if self.machine.run(patience_s) == address:
            return True
        self.machine.unbreaks(address)
        return False

    def raise_event(self, event, status=MC_OPTIONAL, mcg=MCG_RESTART):
        machine = self.machine
        if event == 'nmi':
            machine.monitor('nmi')
        elif event == 'mc':
            machine.monitor(f'mce 0 1 {status:#x} {mcg:#x} 0 0')
        elif event == 'timer':
            # To the local APIC's page: a message-signalled interrupt.
            machine.physical_store(0xfee00000, VEC_TIMER)
        else:
            machine.set_flags(machine.registers()['eflags'] | TRAP_FLAG)

    def gate(self, event):
        """Run to the event's stub: the frame that the processor pushed."""
        gate = self.image.gate(GATES[event])
        self.machine.breaks(gate)
        stopped = self.machine.run(PATIENCE_S)
        self.machine.unbreaks(gate)
        if stopped != gate:
            where = self.image.name(stopped) if stopped else 'it is lost'
            raise Failure(f'{event} did not come to its gate: {where}')
        rsp = self.machine.registers()['rsp']
        return dict(zip(('rip', 'cs', 'rflags', 'rsp', 'ss'),
                        self.machine.words(rsp, 5)))

    def gate_from(self, event, address):
        frame = self.gate(event)
        if frame['rip'] != address:
            raise Failure(f'{event} met {self.image.name(frame["rip"])}, '
                          f'not {self.image.name(address)}')
        return frame

    def back(self, before, but=()):
        """Run on to that instruction: all is as before. The handler of the
        event may pass it, too, on a stack of its own."""
        machine, address = self.machine, before['rip']
        machine.breaks(address)
        try:
            for _ in range(PASSES_MAX):
                if machine.run(PATIENCE_S) is None:
                    raise Failure('it does not return')
                after = machine.registers()
                if after['rip'] == address and after['rsp'] == before['rsp']:
                    break
                machine.unbreaks(address)
                machine.step()
                machine.breaks(address)
            else:
                raise Failure('it does not return')
        finally:
            machine.unbreaks(address)
        changed = [f'{name} {before[name]:x} -> {after[name]:x}'
                   for name in SAME
                   if name not in but and after[name] != before[name]]
        if changed:
            raise Failure('changed: ' + ', '.join(changed))
        return after

    # ---- one event at an instruction of ring 0 ----

    def shoot(self, address, event):
        """'' or why not: 'unreached', or 'excluded' where the architecture
        has no such event or no way on. A Failure when it went wrong."""
        machine = self.machine
        if not self.arrive(address):
            return 'unreached'
        try:
            return getattr(self, 'shoot_' + event)(address)
        finally:
            machine.unbreaks(address)

    def shoot_interrupt(self, address, event):
        before = self.machine.registers()
        self.raise_event(event)
        self.gate_from(event, address)
        # With interrupts on there may be one, and the next visit is another.
        self.back(before, SAME if before['eflags'] & IF_FLAG else ())
        return ''

    def shoot_nmi(self, address):
        return self.shoot_interrupt(address, 'nmi')

    def shoot_mc(self, address):
        if self.on_stack('MC'):
            return 'excluded'
        return self.shoot_interrupt(address, 'mc')

    def shoot_timer(self, address):
        """Held back until interrupts are on: in a guest, or in the sleep."""
        self.raise_event('timer')
        self.machine.unbreaks(address)
        frame = self.gate('timer')
        if not frame['rflags'] & IF_FLAG:
            raise Failure('an interrupt came while they are off')
        return ''

    def shoot_db(self, address):
        """After the one instruction; the flag is then taken away."""
        place = self.image.by_address[address]
        if self.on_stack('DB') or place.path == 'stacked_entry':
            return 'excluded'
        self.raise_event('db')
        self.machine.unbreaks(address)
        if self.image.is_iret(address):
            return self.leave()
        frame = self.gate('db')
        if frame['cs'] & 3 == 0:
            self.stepped(frame)
        return ''

    def leave(self):
        """The #DB behind IRETQ is the guest's, unless IRETQ has faulted."""
        ends = self.image.gate(1), self.image.at['iret_failed']
        self.machine.breaks(*ends)
        stopped = self.machine.run(PATIENCE_S)
        self.machine.unbreaks(*ends)
        if stopped is None:
            raise Failure('it does not leave')
        return ''

    def stepped(self, frame):
        before = self.machine.registers()
        before.update(rip=frame['rip'], rsp=frame['rsp'], ss=frame['ss'])
        after = self.back(before, ('eflags',))
        if after['eflags'] & TRAP_FLAG:
            raise Failure('it is still stepped')

    def on_stack(self, name):
        """Is the stack pointer in the CPU's stack for that exception? A machine
        check in the handler of another shuts the processor down; nothing makes
        the handler of #DB step, which here is how a guest comes to
        stacked_entry."""
        page = {'NMI': 24, 'MC': 40, 'DB': 48}[name]  # x86/layout.h
        rsp = self.machine.registers()['rsp']
        first = 0xffff828000000000 + page * 4096
        return first < rsp <= first + 2 * 4096

    # ---- an event in the handler of an event ----

    def enter(self, place, outer):
        """Raise outer at that place: what the registers must be when all is
        over. The machine stands at the place, or at the event's gate."""
        if not self.arrive(place):
            raise Failure(f'{self.image.name(place)} is not reached')
        before = self.machine.registers()
        self.raise_event(outer)
        if outer == 'db':
            self.machine.unbreaks(place)
            frame = self.gate(outer)
            before = self.machine.registers()
            before.update(rip=frame['rip'], rsp=frame['rsp'], ss=frame['ss'],
                          eflags=frame['rflags'] & ~TRAP_FLAG)
        else:
            self.gate_from(outer, place)
            self.machine.unbreaks(place)
        return before

    def trace(self, place, outer):
        """The instructions of outer's handler, up to C for one from a guest."""
        before = self.enter(place, outer)
        found, last = {}, self.image.at['trap_from_guest']
        rip = self.image.gate(GATES[outer])
        for _ in range(TRACE_MAX):
            found[rip] = True
            rip = self.machine.step()
            if rip in (before['rip'], last):
                return list(found)
        raise Failure('the handler has no end')

    def shoot_nested(self, place, outer, address, inner):
        machine = self.machine
        before = self.enter(place, outer)
        if address != self.image.gate(GATES[outer]):
            if not self.arrive(address):
                return 'unreached'
            machine.unbreaks(address)
        events = inner.split('+')
        for event in events:
            self.raise_event(event)
        if 'db' in events and self.image.is_iret(address):
            events.reverse()  # its #DB is due when it has let the NMI in
        for event in events:
            if event == 'nmi' and outer == 'nmi':
                self.gate_after(before)
            elif event == 'db':
                self.gate(event)
            else:
                self.gate_from(event, address)
        but = ('eflags',) if 'db' in (outer, *events) else ()
        self.back(before, but)
        return ''

    def gate_after(self, before):
        """An NMI was held back until the handler of the first has ended."""
        frame = self.gate('nmi')
        ends = before['rip'], self.image.gate(1)
        if frame['rip'] not in ends and frame['cs'] & 3 == 0:
            raise Failure('an NMI came in the handler of an NMI, at ' +
                          self.image.name(frame['rip']))

    # ---- an event that ends the shadow of STI ----

    def shoot_sleep(self, event):
        """Between STI and HLT, with an interrupt waiting for HLT: the CPU must
        not sleep when it has had its interrupt."""
        machine = self.machine
        halt = next(i.address for i in self.image.instructions
                    if i.path == 'guest_exit_work' and i.text == 'hlt')
        if not self.arrive(halt, REST_S):
            raise Failure('nobody sleeps')
        self.raise_event(event)
        self.raise_event('timer')
        machine.unbreaks(halt)
        self.gate_from(event, halt)
        self.gate_from('timer', halt)
        machine.breaks(halt, halt + 1)
        stopped = machine.run(PATIENCE_S)
        machine.unbreaks(halt, halt + 1)
        if stopped != halt + 1:
            raise Failure('it sleeps through the interrupt')

    # ---- machine checks that cost something ----

    def shoot_lost(self, place, mcg=MCG_RESTART):
        """What ran at that place needs what is lost."""
        if not self.arrive(place):
            raise Failure(f'{self.image.name(place)} is not reached')
        self.raise_event('mc', MC_REQUIRED, mcg)
        self.machine.unbreaks(place)
        self.machine.send('c')
