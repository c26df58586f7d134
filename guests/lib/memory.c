/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables of a small guest, and its few string functions: see guest.h.
 */
#include "guests/lib/guest.h"

#define UVMF_INVLPG 2u

static u64 pfn_of(const volatile void *page)
{
    return ((u64)(uintptr_t)page - VIRT_BASE) >> PAGE_BITS;
}

u64 frame_of_page(const volatile void *page)
{
    const u64 *list = (const u64 *)start_info->mfn_list;
    return list[pfn_of(page)];
}

void *page_of_frame(u64 frame)
{
    return (void *)(VIRT_BASE + (M2P[frame] << PAGE_BITS));
}

static u32 index_of(u64 va, u32 level)
{
    return (u32)(va >> (PAGE_BITS + 9 * (level - 1))) & 511;
}

u64 table_of(u64 va, u32 level)
{
    u64 frame = frame_of_page((const void *)start_info->pt_base);
    for (u32 l = 4; l > level; l--) {
        const u64 *table = page_of_frame(frame);
        const u64 e = table[index_of(va, l)];
        if ((e & P_PRESENT) == 0) {
            return 0;
        }
        frame = (e & P_FRAME) >> PAGE_BITS;
    }
    return frame;
}

u64 entry_of(u64 va, u32 level)
{
    return (table_of(va, level) << PAGE_BITS) + (u64)index_of(va, level) * 8;
}

u64 entry_value(u64 va, u32 level)
{
    const volatile u64 *table = page_of_frame(table_of(va, level));
    return table[index_of(va, level)];
}

s64 mmu_write(u64 entry, u64 value)
{
    struct arg_mmu_update u = { entry, value };
    return call_mmu_normal(&u, 1, NULL);
}

s64 mmu_ext(u32 cmd, u64 arg1, u64 arg2)
{
    struct arg_mmuext_op op = { .cmd = cmd, .arg1 = arg1, .arg2 = arg2 };
    return call_pin_l1(&op, 1, NULL);
}

s64 map_va(u64 va, u64 value, u64 flags)
{
    return call_update_va_mapping(va, value, flags, 0);
}

s64 page_protect(const volatile void *page, u64 flags)
{
    return map_va((u64)(uintptr_t)page,
                  frame_of_page(page) << PAGE_BITS | flags, UVMF_INVLPG);
}

/* ---- text and bytes
 * ----------------------------------------------------------- */

void fill(void *to, u8 byte, u64 bytes)
{
    u8 *p = to;
    for (u64 i = 0; i < bytes; i++) {
        p[i] = byte;
        barrier(); /* no call of memset */
    }
}

bool text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

const char *option(const char *key)
{
    static char value[64];
    const char *p = start_info->cmd_line;
    value[0] = '\0';
    while (*p != '\0') {
        u32 i = 0;
        while (key[i] != '\0' && p[i] == key[i]) {
            i++;
        }
        if (key[i] == '\0' && p[i] == '=') {
            p += i + 1;
            for (i = 0; *p != '\0' && *p != ' ' && i < sizeof(value) - 1; i++) {
                value[i] = *p++;
            }
            value[i] = '\0';
            return value;
        }
        while (*p != '\0' && *p != ' ') {
            p++;
        }
        while (*p == ' ') {
            p++;
        }
    }
    return value;
}

u64 option_number(const char *key, u64 otherwise)
{
    const char *p = option(key);
    if (*p < '0' || *p > '9') {
        return otherwise;
    }
    u64 n = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (u64)(*p - '0');
    }
    return n;
}

/* The compiler may ask for these by itself. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void *memcpy(void *to, const void *from, size_t n)
{
    void *const start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t n)
{
    void *const start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a;
    const u8 *y = b;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return x[i] - y[i];
        }
    }
    return 0;
}
