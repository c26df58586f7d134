/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder. It walks the bytes once: prefixes, REX, opcode, ModRM, SIB,
 * displacement, immediate. A cursor refuses to pass the end, so no input can
 * make it read outside bytes[0..count). What is not in the table of opcodes is
 * unknown.
 */
#include "x86/decode.h"

#include "x86/regs.h"

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u
#define TWO_BYTES 0x0f00u /* in the table: the opcode after 0f */

struct decoder {
    const u8 *bytes;
    u32 count;
    u32 at;
    bool ended; /* wanted more than there is */
    u8 rex;     /* 0: none */
    bool operand16;
    bool repeat;
    struct insn in;
};

/* What follows the opcode. */
enum form {
    FORM_NONE,
    FORM_STORE,      /* ModRM: memory, from reg */
    FORM_ARITHMETIC, /* ModRM: which, memory; an immediate */
    FORM_MOVE,       /* ModRM: memory; an immediate */
    FORM_PORT,       /* perhaps a port number */
    FORM_SYSTEM,     /* ModRM: XSETBV, or INVLPG of a memory operand */
    FORM_SPECIAL,    /* ModRM: control or debug register */
    FORM_BITS        /* ModRM: which, memory; a bit number */
};

/* Opcodes, without the bits outside mask, what guests use most first. An even
 * one of a pair that the mask joins is the byte form. */
static const struct {
    u16 opcode, mask;
    u8 form, op;
} table[] = {
    { 0x86, 0xfffe, FORM_STORE, INSN_XCHG },
    { 0x88, 0xfffe, FORM_STORE, INSN_MOV },
    { 0x08, 0xfffe, FORM_STORE, INSN_OR },
    { 0x20, 0xfffe, FORM_STORE, INSN_AND },
    { 0x80, 0xfffe, FORM_ARITHMETIC, INSN_NONE },
    { 0x83, 0xffff, FORM_ARITHMETIC, INSN_NONE },
    { 0xc6, 0xfffe, FORM_MOVE, INSN_MOV },
    { 0xe4, 0xfffc, FORM_PORT, INSN_NONE },
    { 0xec, 0xfffc, FORM_PORT, INSN_NONE },
    { 0xfa, 0xffff, FORM_NONE, INSN_CLI },
    { 0xfb, 0xffff, FORM_NONE, INSN_STI },
    { TWO_BYTES | 0x01, 0xffff, FORM_SYSTEM, INSN_NONE },
    { TWO_BYTES | 0x06, 0xffff, FORM_NONE, INSN_CLTS },
    { TWO_BYTES | 0x09, 0xffff, FORM_NONE, INSN_WBINVD },
    { TWO_BYTES | 0x20, 0xfffc, FORM_SPECIAL, INSN_NONE },
    { TWO_BYTES | 0x30, 0xffff, FORM_NONE, INSN_WRMSR },
    { TWO_BYTES | 0x32, 0xffff, FORM_NONE, INSN_RDMSR },
    { TWO_BYTES | 0xa2, 0xffff, FORM_NONE, INSN_CPUID },
    { TWO_BYTES | 0xab, 0xffff, FORM_STORE, INSN_BTS },
    { TWO_BYTES | 0xb3, 0xffff, FORM_STORE, INSN_BTR },
    { TWO_BYTES | 0xb0, 0xfffe, FORM_STORE, INSN_CMPXCHG },
    { TWO_BYTES | 0xba, 0xffff, FORM_BITS, INSN_NONE },
};

static u8 next_byte(struct decoder *d)
{
    if (d->at >= d->count) {
        d->ended = true;
        return 0;
    }
    d->at++;
    return d->bytes[d->at - 1];
}

/* Little-endian, size 1, 2 or 4, sign-extended. */
static u64 next_signed(struct decoder *d, u32 size)
{
    u64 v = 0;
    for (u32 i = 0; i < size; i++) {
        v |= (u64)next_byte(d) << (8 * i);
    }
    const u64 sign = 1ull << (8 * size - 1);
    return (v ^ sign) - sign;
}

/* Legacy prefixes and REX; the first opcode byte comes back. */
static u8 read_prefixes(struct decoder *d)
{
    /* Ends: each turn takes a byte, and there are at most 15. */
    for (;;) {
        const u8 b = next_byte(d);
        if (d->ended) {
            return 0;
        }
        switch (b) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            break; /* mean nothing in 64-bit code */
        case 0x64:
        case 0x65:
            d->in.segment = true;
            break;
        case 0x66:
            d->operand16 = true;
            break;
        case 0x67:
            d->in.address32 = true;
            break;
        case 0xf0:
            d->in.lock = true;
            break;
        case 0xf2:
        case 0xf3:
            d->repeat = true;
            break;
        default:
            if ((b & 0xf0) != 0x40) {
                return b;
            }
            d->rex = b;
            return next_byte(d);
        }
    }
}

static u8 rex_bit(const struct decoder *d, u32 bit)
{
    return (d->rex & bit) != 0 ? 8 : 0;
}

/* ModRM, SIB and displacement. False: the r/m operand is a register. */
static bool read_modrm(struct decoder *d, u8 *extension)
{
    struct insn *const in = &d->in;
    const u8 modrm = next_byte(d);
    const u8 mod = modrm >> 6;
    const u8 rm = modrm & 7;
    *extension = modrm >> 3 & 7;
    in->reg = (u8)(*extension + rex_bit(d, REX_R));
    in->rm = (u8)(rm + rex_bit(d, REX_B));
    if (mod == 3) {
        return false;
    }
    in->base = in->rm;
    u32 disp_bytes = mod == 0 ? 0 : mod == 1 ? 1 : 4;
    if (rm == 4) {
        const u8 sib = next_byte(d);
        const u8 index = (u8)((sib >> 3 & 7) + rex_bit(d, REX_X));
        in->scale = sib >> 6;
        in->index = index == 4 ? INSN_NO_REG : index;
        in->base = (u8)((sib & 7) + rex_bit(d, REX_B));
        if ((sib & 7) == 5 && mod == 0) {
            in->base = INSN_NO_REG;
            disp_bytes = 4;
        }
    } else if (rm == 5 && mod == 0) {
        in->base = INSN_NO_REG;
        in->rip_relative = true;
        disp_bytes = 4;
    }
    in->disp = disp_bytes != 0 ? next_signed(d, disp_bytes) : 0;
    return true;
}

/* A write to memory: op with reg as source. */
static u8 store(struct decoder *d, u8 op, bool byte_form)
{
    u8 extension;
    if (!read_modrm(d, &extension)) {
        return INSN_NONE;
    }
    if (byte_form && d->rex == 0 && d->in.reg >= 4) {
        d->in.high_byte = true; /* ah, ch, dh, bh */
        d->in.reg = (u8)(d->in.reg - 4);
    }
    return op;
}

/* A write to memory with an immediate, of one byte or of the operand's size:
 * op, or what the extension says. */
static u8 store_immediate(struct decoder *d, const u8 ops[8], bool short_form)
{
    const u32 size = d->in.size == 8 ? 4 : d->in.size;
    u8 extension;
    if (!read_modrm(d, &extension)) {
        return INSN_NONE;
    }
    d->in.immediate = true;
    d->in.imm = next_signed(d, short_form ? 1 : size);
    return ops[extension];
}

static u8 port_access(struct decoder *d, u8 opcode)
{
    if (d->repeat) {
        return INSN_NONE; /* strings have other opcodes; be strict */
    }
    d->in.size = (opcode & 1) == 0 ? 1 : d->operand16 ? 2 : 4;
    if (opcode < 0xe8) {
        d->in.immediate = true;
        d->in.imm = next_byte(d);
    }
    return (opcode & 2) != 0 ? INSN_OUT : INSN_IN;
}

static u8 group_system(struct decoder *d)
{
    u8 extension;
    if (!read_modrm(d, &extension)) {
        return extension == 2 && (d->in.rm & 7) == 1 ? INSN_XSETBV : INSN_NONE;
    }
    return extension == 7 ? INSN_INVLPG : INSN_NONE;
}

/* The r/m operand is a register whatever mod says [SDM 2B MOV]. */
static u8 move_special(struct decoder *d, u8 opcode)
{
    static const u8 ops[4] = { INSN_READ_CR, INSN_READ_DR, INSN_WRITE_CR,
                               INSN_WRITE_DR };
    const u8 modrm = next_byte(d);
    d->in.size = 8;
    d->in.reg = (u8)((modrm >> 3 & 7) + rex_bit(d, REX_R));
    d->in.rm = (u8)((modrm & 7) + rex_bit(d, REX_B));
    return ops[opcode & 3];
}

static u8 read_form(struct decoder *d, u32 row, u8 opcode)
{
    static const u8 arithmetic[8] = { [1] = INSN_OR, [4] = INSN_AND };
    static const u8 move[8] = { [0] = INSN_MOV };
    static const u8 bits[8] = { [5] = INSN_BTS, [6] = INSN_BTR };
    const bool byte_form = (table[row].mask & 1) == 0 && (opcode & 1) == 0;
    d->in.size = byte_form               ? 1
                 : (d->rex & REX_W) != 0 ? 8
                 : d->operand16          ? 2
                                         : 4;
    switch ((enum form)table[row].form) {
    case FORM_STORE:
        return store(d, table[row].op, byte_form);
    case FORM_ARITHMETIC:
        return store_immediate(d, arithmetic, opcode == 0x83);
    case FORM_MOVE:
        return store_immediate(d, move, false);
    case FORM_BITS:
        return store_immediate(d, bits, true);
    case FORM_PORT:
        return port_access(d, opcode);
    case FORM_SYSTEM:
        return group_system(d);
    case FORM_SPECIAL:
        return move_special(d, opcode);
    case FORM_NONE:
    default:
        d->in.size = 0;
        return table[row].op;
    }
}

enum decode_result decode(const u8 *bytes, u32 count, struct insn *insn)
{
    struct decoder d = {
        .bytes = bytes,
        .count = count,
        .in = { .op = INSN_NONE, .base = INSN_NO_REG, .index = INSN_NO_REG }
    };
    u32 opcode = read_prefixes(&d);
    if (opcode == 0x0f) {
        opcode = TWO_BYTES | next_byte(&d);
    }
    for (u32 i = 0; !d.ended && i < ARRAY_COUNT(table); i++) {
        if ((opcode & table[i].mask) == table[i].opcode) {
            d.in.op = read_form(&d, i, (u8)opcode);
            break;
        }
    }
    if (d.ended) {
        return count < INSN_BYTES_MAX ? DECODE_SHORT : DECODE_UNKNOWN;
    }
    if (d.in.op == INSN_NONE ||
        (d.in.lock && (d.in.op == INSN_MOV || d.in.op > INSN_BTR))) {
        return DECODE_UNKNOWN;
    }
    d.in.length = (u8)d.at;
    *insn = d.in;
    return DECODE_OK;
}

/* Where the registers are, in the order of their numbers. */
#define AT(name) (u8) offsetof(struct regs, name)
static const u8 general_at[16] = { AT(rax), AT(rcx), AT(rdx), AT(rbx),
                                   AT(rsp), AT(rbp), AT(rsi), AT(rdi),
                                   AT(r8),  AT(r9),  AT(r10), AT(r11),
                                   AT(r12), AT(r13), AT(r14), AT(r15) };

u64 *regs_general(struct regs *r, u32 n)
{
    return (u64 *)(void *)((u8 *)r + general_at[n & 15]);
}

u64 decode_address(const struct insn *insn, struct regs *r)
{
    u64 ea = insn->disp;
    if (insn->rip_relative) {
        ea += r->rip + insn->length;
    }
    if (insn->base != INSN_NO_REG) {
        ea += *regs_general(r, insn->base);
    }
    if (insn->index != INSN_NO_REG) {
        ea += *regs_general(r, insn->index) << insn->scale;
    }
    return insn->address32 ? ea & U32_MAX : ea;
}
