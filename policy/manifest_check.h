/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this boot module one that policy/manifest.h describes, wholly?
 *
 * The kernel asks before it builds anything, and the host tool may ask about
 * what it has written. The bytes are hostile; nobody else writes them while
 * they are checked or used. No byte outside the module is read, and nothing is
 * written but the fault. After a good answer every record may be read as it
 * stands: counts, indices, ranges and strings are within their bounds.
 *
 * Images are large, so their digests are checked one by one, for the caller to
 * show how far it is.
 */
#ifndef POLICY_MANIFEST_CHECK_H
#define POLICY_MANIFEST_CHECK_H

#include "core/base.h"
#include "policy/manifest.h"

#define MF_ERROR(name, where, wrong, text) MF_ERROR_##name,
enum mf_error {
    MF_GOOD = 0,
#include "policy/manifest_errors.def"
    MF_ERROR_COUNT
};
#undef MF_ERROR

/* The groups of checks. */
enum mf_where {
    MF_IN_SIZES,
    MF_IN_HEADER,
    MF_IN_DOMAIN,
    MF_IN_IMAGE,
    MF_IN_DIGESTS
};

struct manifest_fault {
    enum mf_error error;
    u32 index; /* of the domain record or image; 0 for the header */
};

/* All of the manifest, but for the images' digests. False: the first fault.
 * module is 8-byte aligned, module_bytes is what the loader left there. */
bool manifest_check(const u8 *module, u64 module_bytes,
                    struct manifest_fault *fault) MUST_CHECK;

/* The module as its records, once their number is known to be good. */
struct manifest {
    u64 bytes; /* of the module */
    const struct mf_header *header;
    const struct mf_domain *domain;
    const struct mf_image *image;
};

struct manifest manifest_records(const u8 *module);

/* The digest of one image, after a good manifest_check. */
bool manifest_check_image(const u8 *module,
                          const struct mf_image *image) MUST_CHECK;

/* One line that can follow "damaged boot module: "; never NULL. */
const char *manifest_error_text(enum mf_error error);

#endif
