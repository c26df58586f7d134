/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder. It walks the bytes once: prefixes, REX, opcode, ModRM, SIB,
 * displacement, immediate. A cursor refuses to pass the end, so no input can
 * make it read outside bytes[0..count); the table of opcodes is a switch.
 */
#include "x86/decode.h"

#include "x86/regs.h"

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

struct cursor {
    const u8 *bytes;
    u32 count;
    u32 at;
    bool ended; /* wanted more than there is */
};

struct prefixes {
    u8 rex; /* 0: none */
    bool operand16;
    bool repeat;
};

static u8 next_byte(struct cursor *c)
{
    if (c->at >= c->count) {
        c->ended = true;
        return 0;
    }
    const u8 b = c->bytes[c->at];
    c->at += 1;
    return b;
}

/* Little-endian, size 1, 2 or 4, sign-extended. */
static u64 next_signed(struct cursor *c, u32 size)
{
    u64 v = 0;
    for (u32 i = 0; i < size; i++) {
        v |= (u64)next_byte(c) << (8 * i);
    }
    const u64 sign = 1ull << (8 * size - 1);
    return (v ^ sign) - sign;
}

/* Legacy prefixes and REX; the first opcode byte comes back. */
static u8 read_prefixes(struct cursor *c, struct prefixes *p, struct insn *in)
{
    /* Ends: each turn takes a byte, and there are at most 15. */
    for (;;) {
        const u8 b = next_byte(c);
        if (c->ended) {
            return 0;
        }
        switch (b) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            break; /* these bases are 0 in 64-bit code */
        case 0x64:
        case 0x65:
            in->segment = true;
            break;
        case 0x66:
            p->operand16 = true;
            break;
        case 0x67:
            in->address32 = true;
            break;
        case 0xf0:
            in->lock = true;
            break;
        case 0xf2:
        case 0xf3:
            p->repeat = true;
            break;
        default:
            if ((b & 0xf0) != 0x40) {
                return b;
            }
            p->rex = b;
            return next_byte(c);
        }
    }
}

static u8 rex_bit(const struct prefixes *p, u32 bit)
{
    return (p->rex & bit) != 0 ? 8 : 0;
}

/* ModRM, SIB and displacement. False: the r/m operand is a register. */
static bool read_modrm(struct cursor *c, const struct prefixes *p,
                       struct insn *in, u8 *extension)
{
    const u8 modrm = next_byte(c);
    const u8 mod = modrm >> 6;
    const u8 rm = modrm & 7;
    *extension = modrm >> 3 & 7;
    in->reg = (u8)(*extension + rex_bit(p, REX_R));
    in->rm = (u8)(rm + rex_bit(p, REX_B));
    if (mod == 3) {
        return false;
    }
    in->base = in->rm;
    if (rm == 4) {
        const u8 sib = next_byte(c);
        const u8 index = (u8)((sib >> 3 & 7) + rex_bit(p, REX_X));
        in->scale = sib >> 6;
        in->index = index == 4 ? INSN_NO_REG : index;
        in->base = (u8)((sib & 7) + rex_bit(p, REX_B));
        if ((sib & 7) == 5 && mod == 0) {
            in->base = INSN_NO_REG;
            in->disp = next_signed(c, 4);
        }
    } else if (rm == 5 && mod == 0) {
        in->base = INSN_NO_REG;
        in->rip_relative = true;
        in->disp = next_signed(c, 4);
    }
    if (mod == 1) {
        in->disp = next_signed(c, 1);
    } else if (mod == 2) {
        in->disp = next_signed(c, 4);
    }
    return true;
}

/* Operand size of opcodes with a byte form (even) and a full form (odd). */
static u8 operand_size(const struct prefixes *p, bool byte_form)
{
    if (byte_form) {
        return 1;
    }
    if ((p->rex & REX_W) != 0) {
        return 8;
    }
    return p->operand16 ? 2 : 4;
}

/* A write to memory: op with reg as source. */
static u8 memory_from_reg(struct cursor *c, const struct prefixes *p,
                          struct insn *in, bool byte_form, u8 op)
{
    u8 extension;
    in->size = operand_size(p, byte_form);
    if (!read_modrm(c, p, in, &extension)) {
        return INSN_NONE;
    }
    if (byte_form && p->rex == 0 && in->reg >= 4) {
        in->high_byte = true;
        in->reg = (u8)(in->reg - 4);
    }
    return op;
}

/* The immediate of a memory operand that ModRM has described. */
static void read_immediate(struct cursor *c, struct insn *in, bool short_form)
{
    const u32 size = in->size == 8 ? 4 : in->size;
    in->immediate = true;
    in->imm = next_signed(c, short_form ? 1 : size);
}

/* 80, 81, 83: arithmetic with an immediate. */
static u8 group_arithmetic(struct cursor *c, const struct prefixes *p,
                           struct insn *in, u8 opcode)
{
    static const u8 ops[8] = { INSN_ADD, INSN_OR,  INSN_NONE, INSN_NONE,
                               INSN_AND, INSN_SUB, INSN_XOR,  INSN_NONE };
    u8 extension;
    in->size = operand_size(p, opcode == 0x80);
    if (!read_modrm(c, p, in, &extension)) {
        return INSN_NONE;
    }
    read_immediate(c, in, opcode == 0x83);
    return ops[extension];
}

static u8 port_access(struct cursor *c, const struct prefixes *p,
                      struct insn *in, u8 opcode)
{
    if (p->repeat) {
        return INSN_NONE;
    }
    in->size = (opcode & 1) == 0 ? 1 : p->operand16 ? 2 : 4;
    if (opcode < 0xe8) {
        in->immediate = true;
        in->imm = next_byte(c);
    }
    return (opcode & 2) != 0 ? INSN_OUT : INSN_IN;
}

static u8 one_byte(struct cursor *c, const struct prefixes *p, struct insn *in,
                   u8 opcode)
{
    u8 extension;
    switch (opcode) {
    case 0x00:
    case 0x01:
        return memory_from_reg(c, p, in, opcode == 0x00, INSN_ADD);
    case 0x08:
    case 0x09:
        return memory_from_reg(c, p, in, opcode == 0x08, INSN_OR);
    case 0x20:
    case 0x21:
        return memory_from_reg(c, p, in, opcode == 0x20, INSN_AND);
    case 0x28:
    case 0x29:
        return memory_from_reg(c, p, in, opcode == 0x28, INSN_SUB);
    case 0x30:
    case 0x31:
        return memory_from_reg(c, p, in, opcode == 0x30, INSN_XOR);
    case 0x80:
    case 0x81:
    case 0x83:
        return group_arithmetic(c, p, in, opcode);
    case 0x86:
    case 0x87:
        return memory_from_reg(c, p, in, opcode == 0x86, INSN_XCHG);
    case 0x88:
    case 0x89:
        return memory_from_reg(c, p, in, opcode == 0x88, INSN_MOV);
    case 0xc6:
    case 0xc7:
        in->size = operand_size(p, opcode == 0xc6);
        if (!read_modrm(c, p, in, &extension) || extension != 0) {
            return INSN_NONE;
        }
        read_immediate(c, in, false);
        return INSN_MOV;
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
        return port_access(c, p, in, opcode);
    case 0xfa:
        return INSN_CLI;
    case 0xfb:
        return INSN_STI;
    default:
        return INSN_NONE;
    }
}

/* 0f 01: XSETBV, or INVLPG of a memory operand. */
static u8 group_system(struct cursor *c, const struct prefixes *p,
                       struct insn *in)
{
    u8 extension;
    if (!read_modrm(c, p, in, &extension)) {
        return extension == 2 && (in->rm & 7) == 1 ? INSN_XSETBV : INSN_NONE;
    }
    return extension == 7 ? INSN_INVLPG : INSN_NONE;
}

/* 0f 20..23: MOV to and from control and debug registers. The r/m operand is
 * a register whatever mod says [SDM 2B MOV]. */
static u8 move_special(struct cursor *c, const struct prefixes *p,
                       struct insn *in, u8 opcode)
{
    static const u8 ops[4] = { INSN_READ_CR, INSN_READ_DR, INSN_WRITE_CR,
                               INSN_WRITE_DR };
    const u8 modrm = next_byte(c);
    in->size = 8;
    in->reg = (u8)((modrm >> 3 & 7) + rex_bit(p, REX_R));
    in->rm = (u8)((modrm & 7) + rex_bit(p, REX_B));
    return ops[opcode & 3];
}

/* 0f ba: bit operations with an immediate bit number. */
static u8 group_bits(struct cursor *c, const struct prefixes *p,
                     struct insn *in)
{
    static const u8 ops[4] = { INSN_NONE, INSN_BTS, INSN_BTR, INSN_BTC };
    u8 extension;
    in->size = operand_size(p, false);
    if (!read_modrm(c, p, in, &extension) || extension < 4) {
        return INSN_NONE;
    }
    in->immediate = true;
    in->imm = next_byte(c);
    return ops[extension - 4];
}

static u8 two_byte(struct cursor *c, const struct prefixes *p, struct insn *in)
{
    const u8 opcode = next_byte(c);
    switch (opcode) {
    case 0x01:
        return group_system(c, p, in);
    case 0x06:
        return INSN_CLTS;
    case 0x09:
        return INSN_WBINVD;
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
        return move_special(c, p, in, opcode);
    case 0x30:
        return INSN_WRMSR;
    case 0x32:
        return INSN_RDMSR;
    case 0xa2:
        return INSN_CPUID;
    case 0xab:
        return memory_from_reg(c, p, in, false, INSN_BTS);
    case 0xb3:
        return memory_from_reg(c, p, in, false, INSN_BTR);
    case 0xbb:
        return memory_from_reg(c, p, in, false, INSN_BTC);
    case 0xb0:
    case 0xb1:
        return memory_from_reg(c, p, in, opcode == 0xb0, INSN_CMPXCHG);
    case 0xba:
        return group_bits(c, p, in);
    case 0xc0:
    case 0xc1:
        return memory_from_reg(c, p, in, opcode == 0xc0, INSN_XADD);
    default:
        return INSN_NONE;
    }
}

enum decode_result decode(const u8 *bytes, u32 count, struct insn *insn)
{
    struct cursor c = { bytes, count, 0, false };
    struct prefixes p = { 0, false, false };
    struct insn in = { .op = INSN_NONE,
                       .base = INSN_NO_REG,
                       .index = INSN_NO_REG };
    const u8 opcode = read_prefixes(&c, &p, &in);
    if (!c.ended) {
        in.op = opcode == 0x0f ? two_byte(&c, &p, &in)
                               : one_byte(&c, &p, &in, opcode);
    }
    if (c.ended) {
        return count < INSN_BYTES_MAX ? DECODE_SHORT : DECODE_UNKNOWN;
    }
    /* LOCK is for read-modify-write only [SDM 2A LOCK]. */
    if (in.op == INSN_NONE ||
        (in.lock && (in.op == INSN_MOV || in.op > INSN_BTC))) {
        return DECODE_UNKNOWN;
    }
    in.length = (u8)c.at;
    *insn = in;
    return DECODE_OK;
}

u64 *regs_general(struct regs *r, u32 n)
{
    switch (n & 15) {
    case 0:
        return &r->rax;
    case 1:
        return &r->rcx;
    case 2:
        return &r->rdx;
    case 3:
        return &r->rbx;
    case 4:
        return &r->rsp;
    case 5:
        return &r->rbp;
    case 6:
        return &r->rsi;
    case 7:
        return &r->rdi;
    case 8:
        return &r->r8;
    case 9:
        return &r->r9;
    case 10:
        return &r->r10;
    case 11:
        return &r->r11;
    case 12:
        return &r->r12;
    case 13:
        return &r->r13;
    case 14:
        return &r->r14;
    default:
        return &r->r15;
    }
}

u64 decode_address(const struct insn *insn, const struct regs *r)
{
    struct regs copy = *r;
    u64 ea = insn->disp;
    if (insn->rip_relative) {
        ea += r->rip + insn->length;
    }
    if (insn->base != INSN_NO_REG) {
        ea += *regs_general(&copy, insn->base);
    }
    if (insn->index != INSN_NO_REG) {
        ea += *regs_general(&copy, insn->index) << insn->scale;
    }
    return insn->address32 ? ea & U32_MAX : ea;
}
