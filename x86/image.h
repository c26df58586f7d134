/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses the linker script defines, and what follows from them. Only the
 * addresses of these symbols mean something.
 */
#ifndef X86_IMAGE_H
#define X86_IMAGE_H

#include "core/ids.h"
#include "x86/layout.h"

extern const u8 image_text_start[];
extern const u8 image_rodata_start[];
extern const u8 image_seal_start[];
extern const u8 image_data_start[];
extern const u8 image_end[];

/* A variable that start-up writes and nobody after it: read-only once
 * paging_seal has run. */
#define SEALED __attribute__((section(".data.sealed")))

/* Physical address of something in the image. */
static inline u64 image_phys(const void *p)
{
    return (u64)(uintptr_t)p - IMAGE_BASE;
}

#endif
