/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader's information, multiboot2 and PVH: any bytes in memories of some
 * sizes up to 4 GiB, any registers.
 */
#include "x86/bootinfo.h"

static u8 memory[1ull << 32];

void prove(void)
{
    static const u64 sizes[] = { 0, 1, 4096, 1 << 20, 1ull << 32 };
    static struct bootinfo b;
    const u32 i = eva_below(ARRAY_COUNT(sizes));

    u64 bytes;

    /*@ widen_hints global:"all", 255; */
    eva_any(memory);
    eva_any(b);
    /*@ split i; */
    bytes = sizes[i];
    const u8 *const end = memory + sizeof(memory);
    if (bootinfo_parse(&b, eva_u32(), eva_u32(), end - bytes, bytes) == NULL) {
        bootinfo_leave_out(&b, eva_u64(), eva_u64());
    }
}
