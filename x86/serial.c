/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550 serial ports by polled output and collected input. Sources: [PC16550D]
 * register description.
 *
 * Input is the consoles'. Its ring has one writer (the collecting CPU) and one
 * reader; head and tail run freely and are atomic.
 */
#include "x86/serial.h"

#include "core/arch.h"
#include "core/atomic.h"
#include "x86/hw.h"
#include "x86/image.h"

#define REG_DATA 0u /* and divisor low */
#define REG_IER 1u  /* and divisor high */
#define REG_FCR 2u
#define REG_LCR 3u
#define REG_MCR 4u
#define REG_LSR 5u
#define REG_SCRATCH 7u
#define LSR_DATA 0x01u
#define LSR_EMPTY 0x20u
#define FIFO_BYTES 16u
#define RING_BYTES 512u
#define COLLECT_MAX 256u
/* A byte takes 87 us at 115200 baud, a burst 1.4 ms; a read of the port about
 * 1 us or, emulated, less. */
#define READY_TRIES 200000u

static const u16 port_base[SERIAL_PORTS] = { 0x3f8, 0x2f8, 0x3e8 };
static bool port_present[SERIAL_PORTS] SEALED;
static bool port_stuck[SERIAL_PORTS]; /* gave up waiting for it */
static u8 ring[RING_BYTES];
static u32 ring_head; /* [a] writer's */
static u32 ring_tail; /* [a] reader's */
static bool behind;   /* first CPU's */

static bool port_probe(u16 base)
{
    hw_out8(base + REG_SCRATCH, 0x5a);
    if (hw_in8(base + REG_SCRATCH) != 0x5a) {
        return false;
    }
    hw_out8(base + REG_SCRATCH, 0xa5);
    return hw_in8(base + REG_SCRATCH) == 0xa5;
}

void serial_init(void)
{
    for (u32 i = 0; i < SERIAL_PORTS; i++) {
        const u16 base = port_base[i];
        port_present[i] = port_probe(base);
        if (!port_present[i]) {
            continue;
        }
        hw_out8(base + REG_IER, 0);
        hw_out8(base + REG_LCR, 0x80); /* divisor: 115200 baud */
        hw_out8(base + REG_DATA, 1);
        hw_out8(base + REG_IER, 0);
        hw_out8(base + REG_LCR, 0x03); /* 8 bits, no parity, 1 stop */
        hw_out8(base + REG_FCR, 0x07); /* FIFO on and empty, one byte */
        hw_out8(base + REG_MCR, 0x0b); /* DTR, RTS, OUT2: interrupt line */
    }
}

bool serial_is_present(u32 port)
{
    return port < SERIAL_PORTS && port_present[port];
}

void serial_enable_input(void)
{
    if (port_present[SERIAL_CONSOLES]) {
        hw_out8(port_base[SERIAL_CONSOLES] + REG_IER, 1);
    }
}

/* Wait for room. A port that had none for READY_TRIES looks is not waited for
 * again until it has: whoever listens may only be slow. */
static bool port_wait(u32 port)
{
    if (!serial_is_present(port)) {
        return false;
    }
    const u32 tries = port_stuck[port] ? 1 : READY_TRIES;
    for (u32 i = 0; i < tries; i++) {
        if ((hw_in8(port_base[port] + REG_LSR) & LSR_EMPTY) != 0) {
            port_stuck[port] = false;
            return true;
        }
        hw_pause();
    }
    port_stuck[port] = true;
    return false;
}

void serial_write(u32 port, const u8 *bytes, u32 count)
{
    u32 done = 0;
    while (done < count) {
        if (!port_wait(port)) {
            return;
        }
        const u32 left = count - done;
        const u32 burst = left < FIFO_BYTES ? left : FIFO_BYTES;
        hw_out8_many(port_base[port] + REG_DATA, bytes + done, burst);
        done += burst;
    }
}

bool serial_is_idle(u32 port)
{
    return serial_is_present(port) &&
           (hw_in8(port_base[port] + REG_LSR) & LSR_EMPTY) != 0;
}

u32 serial_send(u32 port, const u8 *bytes, u32 count)
{
    const u32 burst = count < FIFO_BYTES ? count : FIFO_BYTES;

    if (!serial_is_idle(port)) {
        return 0;
    }
    hw_out8_many(port_base[port] + REG_DATA, bytes, burst);
    return burst;
}

u32 arch_audit_send(const u8 *bytes, u32 count)
{
    return serial_send(SERIAL_AUDIT, bytes, count);
}

void serial_write_text(u32 port, const char *text, u32 count)
{
    u8 burst[FIFO_BYTES];
    u32 n = 0;
    for (u32 i = 0; i < count; i++) {
        if (n + 2 > FIFO_BYTES) {
            serial_write(port, burst, n);
            n = 0;
        }
        if (text[i] == '\n') {
            burst[n] = '\r';
            n++;
        }
        burst[n] = (u8)text[i];
        n++;
    }
    serial_write(port, burst, n);
}

bool serial_is_behind(void)
{
    return behind;
}

bool serial_collect(void)
{
    const u16 base = port_base[SERIAL_CONSOLES];
    const bool present = serial_is_present(SERIAL_CONSOLES);
    u32 head = ring_head;
    behind = present;
    /* Bounded: a line that never falls silent must not hold the CPU. */
    for (u32 i = 0; behind && i < COLLECT_MAX; i++) {
        behind = (hw_in8(base + REG_LSR) & LSR_DATA) != 0;
        const u8 b = behind ? hw_in8(base + REG_DATA) : 0;
        if (behind && head - atomic_load32(&ring_tail) < RING_BYTES) {
            ring[head % RING_BYTES] = b;
            head++;
            atomic_store32(&ring_head, head);
        }
    }
    return head != atomic_load32(&ring_tail);
}

u32 serial_read(u8 *bytes, u32 room)
{
    const u32 head = atomic_load32(&ring_head);
    u32 tail = ring_tail;
    u32 n = 0;
    for (; n < room && tail != head; n++) {
        bytes[n] = ring[tail % RING_BYTES];
        tail++;
    }
    atomic_store32(&ring_tail, tail);
    return n;
}
