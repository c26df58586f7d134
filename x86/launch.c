/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the boot module to tenants that run: check all of it, make every
 * domain's record, build every domain. Anything wrong is one line, and then
 * the host stops before anything has started.
 */
#include "x86/launch.h"

#include "audit/sha256.h"
#include "core/arch.h"
#include "core/auditor.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/record.h"
#include "core/recsend.h"
#include "core/sched.h"
#include "policy/manifest.h"
#include "policy/manifest_check.h"
#include "x86/hostcon.h"
#include "x86/image.h"
#include "x86/machine.h"
#include "x86/memory.h"
#include "x86/paging.h"
#include "x86/print.h"
#include "x86/serial.h"
#include "x86/smp.h"

static void attach_images(struct domain *d, const struct manifest *m,
                          const u8 *module)
{
    const struct mf_domain *p = d->plan;
    const struct mf_image *k = &m->image[p->kernel];

    d->kernel = module + k->offset;
    d->kernel_bytes = k->bytes;
    if (p->ramdisk != MF_NONE) {
        const struct mf_image *r = &m->image[p->ramdisk];

        d->ramdisk = module + r->offset;
        d->ramdisk_bytes = r->bytes;
    }
}

static void create_all(const u8 *module)
{
    const struct manifest m = manifest_records(module);
    const u32 first = m.domain[0].role == MF_ROLE_DOMAIN0 ? 0 : 1;

    for (u32 i = 0; i < m.header->domain_count; i++) {
        const struct mf_domain *p = &m.domain[i];

        if (domain_create((domid_t)(first + i), p) != RC_OK) {
            cannot_start("too little memory for tenant %s (%lu MiB)", p->name,
                         p->frames_max >> 8);
        }
        struct domain *d = domain_table[first + i];

        attach_images(d, &m, module);
        if ((p->rights & RIGHT_MASK(COLLECT)) != 0) {
            record_log.is_collected = true; /* nobody else is here yet */
            record_log.look_at = 0;
        }
        if (domain_begin(d) != RC_OK) {
            cannot_start("tenant %s: %lu MiB do not hold its images", p->name,
                         p->frames >> 8);
        }
    }
}

void arch_build_digest(u8 digest[32])
{
    sha256(image_text_start, (u64)(image_seal_start - image_text_start),
           digest);
}

const struct mf_header *launch_check(void)
{
    u64 bytes = 0;
    const u8 *module = module_map(&bytes);
    struct manifest_fault fault;

    if (module == NULL) {
        cannot_start("no boot module: make one with `rf pack`");
    }
    /* Believed before it is checked: it only says how a failure shows. */
    if (bytes >= MF_OFFSET + sizeof(struct mf_header)) {
        const struct mf_header *h = (const void *)(module + MF_OFFSET);

        machine_set_debug_exit((h->flags & MF_DEBUG_EXIT) != 0);
    }
    if (!manifest_check(module, bytes, &fault)) {
        cannot_start("damaged boot module: %s (record %u)",
                     manifest_error_text(fault.error), fault.index);
    }
    const struct manifest m = manifest_records(module);

    for (u32 i = 0; i < m.header->image_count; i++) {
        if (!manifest_check_image(module, &m.image[i])) {
            cannot_start("damaged boot module: image %u does not have its "
                         "digest",
                         i);
        }
    }
    return m.header;
}

/* One record for each frame that any chunk may have. */
static void make_frame_table(void)
{
    const u64 frames = (u64)memory_chunk_count() << CHUNK_FRAME_BITS;
    const u64 bytes = frames * sizeof(struct frame);
    mfn_t first;

    if (!memory_take_run((bytes + CHUNK_BYTES - 1) / CHUNK_BYTES, &first)) {
        cannot_start("too little memory for the frame table");
    }
    frame_table = linear(first);
    frame_table_count = frames;
}

void launch_all(const struct mf_header *h)
{
    const u8 *module = (const u8 *)h - MF_OFFSET;

    hostcon_init((h->flags & MF_CONSOLE_MUX) != 0);
    make_frame_table();
    sched_init(smp_cpu_count());
    record_boot(h->policy_digest, h->seal_key, h->domain_count,
                (h->flags & MF_AUDIT_SERIAL) != 0 &&
                    serial_is_present(SERIAL_AUDIT));
    module_forget(h->seal_key, sizeof(h->seal_key));
    create_all(module);
    if (auditor_init((h->flags & MF_TEST_FRAMES) != 0) != RC_OK) {
        cannot_start("too little memory for the frame auditor");
    }
    while (domain_work()) {
    }
}
