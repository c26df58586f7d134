/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own check of a boot module, run on the host: what rf packs
 * is never refused by the kernel that was built with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/manifest_check.h"
#include "rf/policytext.h"
#include "rf/rf.h"

static bool module_check_bytes(const u8 *module, u64 bytes, struct fault *fault)
{
    struct manifest_fault wrong;

    if (manifest_check(module, bytes, &wrong)) {
        return true;
    }
    fault_set(fault, "the hypervisor would refuse this module: %s",
              manifest_error_text(wrong.error));
    switch (manifest_error_where(wrong.error)) {
    case MF_IN_DOMAIN:
        return fault_help(fault, "it is about tenant file number %u",
                          wrong.index + 1);
    case MF_IN_IMAGE:
    case MF_IN_DIGESTS:
        return fault_help(fault, "it is about image number %u", wrong.index);
    case MF_IN_SIZES:
    case MF_IN_HEADER:
    default:
        return false;
    }
}

bool module_check(const char *path, struct fault *fault)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *module = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        module = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    const int saved = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (module == MAP_FAILED) {
        return fault_set(fault, "cannot read '%s': %s", path, strerror(saved));
    }
    const bool good = module_check_bytes(module, (u64)st.st_size, fault);
    munmap(module, (size_t)st.st_size);
    return good;
}
