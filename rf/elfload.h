/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an ELF file in memory to a flat image and the addresses of its notes.
 */
#ifndef RF_ELFLOAD_H
#define RF_ELFLOAD_H

#include "rf/rf.h"

/* Fills the image, address and note fields of `out`. */
bool elf_load(struct blob file, struct kernel *out,
              struct fault *fault) MUST_CHECK;

#endif
