/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch and store of every argument structure of core/args.def: the copy is as
 * long as the structure, whatever it holds then.
 */
#include "core/argio.h"

bool arch_fetch(void *to, gva_t from, u64 bytes)
{
    (void)from;
    Frama_C_make_unknown((char *)to, bytes);
    return eva_below(2) == 1;
}

bool arch_store(gva_t to, const void *from, u64 bytes)
{
    static u8 sink[PAGE_BYTES];

    (void)to;
    memcpy(sink, from, bytes);
    return eva_below(2) == 1;
}

#define BOTH(s, bytes)                                                         \
    static void both_##s(void)                                                 \
    {                                                                          \
        struct arg_##s a;                                                      \
                                                                               \
        if (fetch_##s(&a, gva(eva_u64())) == RC_OK) {                          \
            (void)store_##s(gva(eva_u64()), &a, 0);                            \
        }                                                                      \
    }
ARG_STRUCTS(BOTH)
#undef BOTH

#define CALL(s, bytes) both_##s();
void prove(void)
{
    ARG_STRUCTS(CALL)
}
