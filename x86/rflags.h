/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits of RFLAGS [SDM 1 3.4.3].
 */
#ifndef X86_RFLAGS_H
#define X86_RFLAGS_H

#define RFLAGS_CF 0x000001ull
#define RFLAGS_ONE 0x000002ull
#define RFLAGS_PF 0x000004ull
#define RFLAGS_AF 0x000010ull
#define RFLAGS_ZF 0x000040ull
#define RFLAGS_SF 0x000080ull
#define RFLAGS_TF 0x000100ull
#define RFLAGS_IF 0x000200ull
#define RFLAGS_DF 0x000400ull
#define RFLAGS_OF 0x000800ull
#define RFLAGS_IOPL 0x003000ull
#define RFLAGS_NT 0x004000ull
#define RFLAGS_RF 0x010000ull
#define RFLAGS_VM 0x020000ull
#define RFLAGS_AC 0x040000ull
#define RFLAGS_ID 0x200000ull

#endif
