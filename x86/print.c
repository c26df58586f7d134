/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formatter behind the host's log. Output goes to a bounded buffer first,
 * then to the serial port in one piece under the console lock.
 */
#include "x86/print.h"

#include "core/lock.h"
#include "x86/machine.h"
#include "x86/serial.h"
#include "x86/smp.h"

#define LINE_BYTES 255u

struct out {
    char *to;
    u32 room; /* characters that still fit */
    u32 count;
};

static struct lock print_lock;

static void out_char(struct out *o, char c)
{
    if (o->room > 0) {
        o->to[o->count] = c;
        o->count++;
        o->room--;
    }
}

static void out_text(struct out *o, const char *s)
{
    for (; *s != 0; s++) {
        out_char(o, *s);
    }
}

static void out_number(struct out *o, u64 v, u32 base, u32 width)
{
    char digits[20];
    u32 n = 0;
    do {
        const u32 d = (u32)(v % base);
        digits[n] = (char)(d < 10 ? '0' + d : 'a' + (d - 10));
        n++;
        v /= base;
    } while (v != 0);
    for (u32 i = n; i < width; i++) {
        out_char(o, '0');
    }
    for (; n > 0; n--) {
        out_char(o, digits[n - 1]);
    }
}

void panic_vprint(const char *fmt, va_list args)
{
    char line[LINE_BYTES];
    struct out o = { line, LINE_BYTES, 0 };
    for (const char *f = fmt; *f != 0; f++) {
        if (*f != '%') {
            out_char(&o, *f);
            continue;
        }
        u32 width = 0;
        for (f++; *f >= '0' && *f <= '9'; f++) {
            width = width * 10 + (u32)(*f - '0');
        }
        const bool wide = *f == 'l';
        f += wide ? 1 : 0;
        if (*f == 's') {
            out_text(&o, va_arg(args, const char *));
        } else if (*f == 'u' || *f == 'x') {
            out_number(&o, wide ? va_arg(args, u64) : va_arg(args, u32),
                       *f == 'u' ? 10 : 16, width);
        } else {
            break; /* a mistake in the format: end here */
        }
    }
    serial_write_text(SERIAL_HOST, line, o.count);
}

/* A line is printed whole: lines of two CPUs do not mix. Lock: console. */
void arch_log(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    lock_take(&print_lock);
    panic_vprint(fmt, args);
    lock_drop(&print_lock);
    va_end(args);
}

void panic_print(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    panic_vprint(fmt, args);
    va_end(args);
}

void cannot_start(const char *fmt, ...)
{
    va_list args;
    smp_stop_others();
    panic_print("ringfence: cannot start: ");
    va_start(args, fmt);
    panic_vprint(fmt, args);
    va_end(args);
    panic_print("\n");
    machine_stop(EXIT_CANNOT_START);
}
