/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial ports: up to four 16550 at the PC's fixed places.
 *
 *   0  3f8 irq 4   the host's log
 *   1  2f8 irq 3   all consoles, framed (manifest flag)
 *   2  3e8 irq 4   audit records (manifest flag)
 *   3  2e8 irq 3   unused
 *
 * Output waits for the transmitter in bursts of its FIFO; bytes for one that
 * does not get ready are dropped, until it does. Input is collected into a
 * small ring per port, by interrupt or, without an I/O APIC, at each timer
 * interrupt; when the ring is full the bytes are dropped. Callers serialise
 * writers of one port.
 */
#ifndef X86_SERIAL_H
#define X86_SERIAL_H

#include "core/base.h"

#define SERIAL_PORTS 3u
#define SERIAL_HOST 0u
#define SERIAL_CONSOLES 1u
#define SERIAL_AUDIT 2u

/* Find and set up the ports; output works from here. */
void serial_init(void);
bool serial_is_present(u32 port);
/* Let the consoles' port raise interrupts on input; they come to
 * serial_collect. */
void serial_enable_input(void);

/* Bytes as they are. */
void serial_write(u32 port, const u8 *bytes, u32 count);
/* All that was sent is gone. */
bool serial_is_idle(u32 port);
/* The same bytes without waiting: how many the port took, 0 when it is busy. */
u32 serial_send(u32 port, const u8 *bytes, u32 count);
/* Text: CR before each LF. */
void serial_write_text(u32 port, const char *text, u32 count);

/* Move what has arrived on the consoles' port into the ring; true: it is not
 * empty. Own interrupt or timer of the first CPU only. */
bool serial_collect(void);
/* The last serial_collect left bytes behind, for which no further interrupt
 * comes: collect again soon. */
bool serial_is_behind(void);
/* Take up to room bytes that have arrived; one reader. */
u32 serial_read(u8 *bytes, u32 room);

#endif
