/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers: xen_version. The ABI version is that of Xen 4.17, whose public
 * headers we follow. [XEN version.h, features.h]
 */
#include "core/abi.h"
#include "core/arch.h"

#define ABI_MAJOR 4
#define ABI_MINOR 17
#define FEATURE_KEEP_AD (1u << 5)   /* mmu_update can keep accessed, dirty */
#define FEATURE_GNT_AVAIL (1u << 7) /* Linux refuses to start without it */

s64 hc_version(struct hc_call *c)
{
    (void)c;
    return ABI_MAJOR << 16 | ABI_MINOR;
}

s64 hc_extraversion(struct hc_call *c)
{
    static const char text[16] = ".0-ringfence";

    return arch_store(gva(c->arg[1]), text, sizeof(text)) ? RC_OK : RC_EFAULT;
}

s64 hc_get_features(struct hc_call *c)
{
    u32 info[2]; /* sub-map number in, bits out */

    if (!arch_fetch(info, gva(c->arg[1]), sizeof(info))) {
        return RC_EFAULT;
    }
    if (info[0] != 0) {
        return RC_EINVAL;
    }
    info[1] = FEATURE_KEEP_AD | FEATURE_GNT_AVAIL;
    return arch_store(gva(c->arg[1]), info, sizeof(info)) ? RC_OK : RC_EFAULT;
}
