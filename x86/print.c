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

#define LINE_BYTES 256u

struct out {
    char *to;
    u32 room; /* characters that still fit, the NUL not counted */
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

static void out_text(struct out *o, const char *s, u32 width)
{
    u32 n = 0;
    for (; s[n] != 0; n++) {
        out_char(o, s[n]);
    }
    for (; n < width; n++) {
        out_char(o, ' ');
    }
}

static void out_number(struct out *o, u64 v, u32 base, u32 width, char pad)
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
        out_char(o, pad);
    }
    for (; n > 0; n--) {
        out_char(o, digits[n - 1]);
    }
}

static void out_signed(struct out *o, s64 v, u32 width, char pad)
{
    if (v < 0) {
        out_char(o, '-');
        out_number(o, (u64)0 - (u64)v, 10, width > 0 ? width - 1 : 0, pad);
    } else {
        out_number(o, (u64)v, 10, width, pad);
    }
}

u32 print_to(char *to, u32 bytes, const char *fmt, va_list args)
{
    struct out o = { to, bytes - 1, 0 };
    for (const char *f = fmt; *f != 0; f++) {
        if (*f != '%') {
            out_char(&o, *f);
            continue;
        }
        f++;
        const char pad = *f == '0' ? '0' : ' ';
        u32 width = 0;
        for (; *f >= '0' && *f <= '9'; f++) {
            width = width * 10 + (u32)(*f - '0');
        }
        bool wide = false;
        for (; *f == 'l'; f++) {
            wide = true;
        }
        switch (*f) {
        case 's':
            out_text(&o, va_arg(args, const char *), width);
            break;
        case 'c':
            out_char(&o, (char)va_arg(args, int));
            break;
        case 'd':
            out_signed(&o, wide ? va_arg(args, s64) : va_arg(args, int), width,
                       pad);
            break;
        case 'u':
            out_number(&o, wide ? va_arg(args, u64) : va_arg(args, u32), 10,
                       width, pad);
            break;
        case 'x':
            out_number(&o, wide ? va_arg(args, u64) : va_arg(args, u32), 16,
                       width, pad);
            break;
        case '%':
            out_char(&o, '%');
            break;
        default: /* a mistake in the format: end here */
            o.to[o.count] = 0;
            return o.count;
        }
    }
    o.to[o.count] = 0;
    return o.count;
}

void host_vprint(const char *fmt, va_list args)
{
    char line[LINE_BYTES];
    const u32 n = print_to(line, LINE_BYTES, fmt, args);
    lock_take(&print_lock);
    serial_write_text(SERIAL_HOST, line, n);
    lock_drop(&print_lock);
}

void host_print(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    host_vprint(fmt, args);
    va_end(args);
}

void panic_print(const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    const u32 n = print_to(line, LINE_BYTES, fmt, args);
    va_end(args);
    serial_write_text(SERIAL_HOST, line, n);
}

void cannot_start(const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    const u32 n = print_to(line, LINE_BYTES, fmt, args);
    va_end(args);
    smp_stop_others();
    panic_print("ringfence: cannot start: ");
    serial_write_text(SERIAL_HOST, line, n);
    panic_print("\n");
    machine_stop(EXIT_CANNOT_START);
}
