/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the walker reads: the machine's memory, which QEMU keeps in a file, by
 * machine address or by an address under a root; and the symbols of the image.
 */
#ifndef TESTS_WALKER_MEMORY_H
#define TESTS_WALKER_MEMORY_H

#include "core/base.h"

extern const u8 *ram; /* the mapped file */
extern u64 ram_bytes;

/* Addresses of what the image has, by name. */
extern u64 at_domains, at_domain_count, at_frames, at_frame_count, at_own;
extern u64 at_idle, at_image_start, at_image_end;
/* First and last address of the two functions that end a world switch. */
extern u64 load_first, load_end, unload_first, unload_end;

/* Fill them in from what nm -n prints; false: one is missing. */
bool read_symbols(const char *path);

/* A page of machine memory as a table; of zeroes beyond the end. */
const u64 *table_at(u64 address);
/* Copy what root (a machine address) shows at va; zeroes where it shows
 * nothing. */
void read_at(u64 root, u64 va, void *to, u64 bytes);

#endif
