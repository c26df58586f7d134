/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point and vector state, switched eagerly with the vCPU: nothing of
 * another guest is ever left in the registers while a guest runs (XSA-267).
 *
 * With XSAVE all components that guests may have are saved and restored at
 * each world switch, whatever the guest's own XCR0 is: a component it has off
 * would otherwise keep another guest's contents until it turns it on. XCR0 is
 * written only when it differs (XSETBV is slow, under a hypervisor above all).
 *
 * Components: x87, SSE, AVX, and the three of AVX-512, as the CPU has them and
 * as the area has room for. The mask is the same on all CPUs, chosen on the
 * first one. Without XSAVE: FXSAVE.
 */
#include "x86/cpufeat.h"
#include "x86/hw.h"
#include "x86/hwfault.h"
#include "x86/private.h"

#define XCR0_X87 0x01ull
#define XCR0_SSE 0x02ull
#define XCR0_AVX 0x04ull
#define XCR0_AVX512 0xe0ull

#define IMAGE_FCW 0
#define IMAGE_MXCSR 24
#define IMAGE_BYTES 512
#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80
/* All bits that the oldest supported CPUs define; bit 6 (DAZ) included. */
#define MXCSR_BITS 0xffffu

static u64 guest_mask; /* set by the first CPU, then constant */
static u64 loaded_xcr0[CPU_MAX];

/* Bytes of the standard format up to the end of component n. */
static u32 component_end(u32 n)
{
    if (n < 2) {
        return IMAGE_BYTES + 64;
    }
    const struct hw_cpuid leaf = hw_cpuid(0xd, n);
    return leaf.a + leaf.b;
}

static u64 choose_mask(void)
{
    const u64 have = hw_cpuid(0xd, 0).a;
    u64 mask = XCR0_X87 | XCR0_SSE;
    if ((have & XCR0_AVX) != 0 && component_end(2) <= FPU_AREA_BYTES) {
        mask |= XCR0_AVX;
        if ((have & XCR0_AVX512) == XCR0_AVX512 &&
            component_end(5) <= FPU_AREA_BYTES &&
            component_end(6) <= FPU_AREA_BYTES &&
            component_end(7) <= FPU_AREA_BYTES) {
            mask |= XCR0_AVX512;
        }
    }
    return mask;
}

void fpu_init_cpu(void)
{
    hw_clts();
    if (!cpu_features.xsave) {
        return;
    }
    if (guest_mask == 0) {
        guest_mask = choose_mask();
    }
    hw_xsetbv(guest_mask);
    loaded_xcr0[this_cpu()->id] = guest_mask;
}

u64 fpu_mask(void)
{
    return guest_mask;
}

void fpu_reset(struct guest_state *s)
{
    const u16 fcw = FCW_RESET;
    const u32 mxcsr = MXCSR_RESET;
    hw_fill_bytes(s->fpu, 0, sizeof(s->fpu));
    __builtin_memcpy(s->fpu + IMAGE_FCW, &fcw, sizeof(fcw));
    __builtin_memcpy(s->fpu + IMAGE_MXCSR, &mxcsr, sizeof(mxcsr));
    s->xcr0 = XCR0_X87;
}

void fpu_import(struct guest_state *s, const u8 image[512])
{
    const u64 components = XCR0_X87 | XCR0_SSE;
    u32 mxcsr;
    hw_copy_bytes(s->fpu, image, IMAGE_BYTES);
    __builtin_memcpy(&mxcsr, image + IMAGE_MXCSR, sizeof(mxcsr));
    mxcsr &= MXCSR_BITS;
    __builtin_memcpy(s->fpu + IMAGE_MXCSR, &mxcsr, sizeof(mxcsr));
    /* XSTATE_BV: these two are there; the rest of the header stays 0. */
    __builtin_memcpy(s->fpu + IMAGE_BYTES, &components, sizeof(components));
}

static void load_xcr0(u64 value)
{
    const u32 cpu = this_cpu()->id;
    if (loaded_xcr0[cpu] != value) {
        hw_xsetbv(value);
        loaded_xcr0[cpu] = value;
    }
}

void fpu_save(struct guest_state *s)
{
    hw_clts();
    if (guest_mask == 0) {
        hw_fxsave(s->fpu);
        return;
    }
    load_xcr0(guest_mask);
    hw_xsave(s->fpu, guest_mask);
}

bool fpu_load(struct guest_state *s)
{
    hw_clts();
    hw_x87_forget();
    if (guest_mask == 0) {
        return hw_fxrstor(s->fpu);
    }
    load_xcr0(guest_mask);
    const bool ok = hw_xrstor(s->fpu, guest_mask);
    load_xcr0(s->xcr0);
    return ok;
}

/* What XSETBV accepts [SDM 1 13.3]. */
bool fpu_set_xcr0(struct guest_state *s, u64 value)
{
    const u64 wide = value & XCR0_AVX512;
    const bool sse = (value & XCR0_SSE) != 0;
    const bool avx = (value & XCR0_AVX) != 0;
    if (guest_mask == 0 || (value & ~guest_mask) != 0 ||
        (value & XCR0_X87) == 0 || (avx && !sse) ||
        (wide != 0 && (wide != XCR0_AVX512 || !avx))) {
        return false;
    }
    s->xcr0 = value;
    load_xcr0(value);
    return true;
}
