/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder on any 0 to 15 bytes, with nothing readable behind them; then,
 * of each instruction that it accepts, the address and the result that any
 * registers give. Then what an instruction that writes memory makes of any
 * operands; that decode gives those one of four sizes, fuzz/t_parse.c holds.
 */
#include "x86/decode.h"
#include "x86/regs.h"
#include "x86/rmw.h"

void prove(void)
{
    u8 code[INSN_BYTES_MAX];
    struct insn in;
    struct regs r;
    struct rmw w;
    const u32 count = eva_below(INSN_BYTES_MAX + 1);

    eva_any(code);
    eva_any(r);
    /*@ split count; */
    if (decode(code + INSN_BYTES_MAX - count, count, &in) == DECODE_OK) {
        (void)decode_address(&in, &r);
        (void)*regs_general(&r, in.reg);
    }
    eva_any(in);
    in.high_byte = eva_below(2) == 1;
    in.immediate = eva_below(2) == 1;
    in.size = (u8)(1u << eva_below(4));
    rmw_compute(&in, eva_u64(), eva_u64(), eva_u64(), &w);
}
