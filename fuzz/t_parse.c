/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ring 0 parses besides hypercalls: instructions, the boot module, the
 * loader's information, the firmware's tables.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/sha256.h"
#include "fuzz/patch.h"
#include "policy/manifest_check.h"
#include "policy/policy.h"
#include "x86/acpi.h"
#include "x86/bootinfo.h"
#include "x86/decode.h"
#include "x86/regs.h"
#include "x86/rmw.h"

/* ---- instructions ----------------------------------------------------------
 */

static void check_insn(const struct insn *in, size_t count)
{
    if (in->length == 0 || in->length > count || in->op == INSN_NONE ||
        in->op > INSN_INVLPG) {
        fuzz_fail("an instruction of %u bytes out of %zu, op %u", in->length,
                  count, in->op);
    }
    if (in->op <= INSN_BTR &&
        (in->size == 0 || in->size > 8 || (in->size & (in->size - 1)) != 0 ||
         (in->reg > 15) || (in->base > 15 && in->base != INSN_NO_REG) ||
         (in->index > 15 && in->index != INSN_NO_REG) || in->scale > 3)) {
        fuzz_fail("an operand that there is not");
    }
}

static void run_insn(const struct insn *in, struct input *rest)
{
    struct regs r;
    u64 *words = (u64 *)(void *)&r;
    struct rmw w;

    for (u32 i = 0; i < sizeof(r) / 8; i++) {
        words[i] = take64(rest);
    }
    (void)decode_address(in, &r);
    if (in->op > INSN_BTR) {
        return;
    }
    const u64 mask = rmw_mask(in->size);
    const u64 old = take64(rest) & mask;

    rmw_compute(in, old, *regs_general(&r, in->reg), r.rax, &w);
    if ((w.value & ~mask) != 0 || (!w.writes && w.value != old) ||
        (w.flags & ~w.flags_changed) != 0) {
        fuzz_fail("op %u writes beyond its operand or its flags", in->op);
    }
}

/* What an instruction is depends on its own bytes only; less of them asks for
 * more. */
void target_decode(const u8 *data, size_t bytes)
{
    struct insn in, again;
    const u32 count = bytes < INSN_BYTES_MAX ? (u32)bytes : INSN_BYTES_MAX;
    struct input rest = { data, bytes, count };
    u8 *copy = fuzz_copy(data, count);
    const enum decode_result result = decode(copy, count, &in);

    if (result == DECODE_OK) {
        check_insn(&in, count);
        u8 *exact = fuzz_copy(data, in.length);

        memset(&again, 0, sizeof(again));
        if (decode(exact, in.length, &again) != DECODE_OK ||
            again.op != in.op || again.length != in.length ||
            again.imm != in.imm || again.disp != in.disp) {
            fuzz_fail("the bytes behind an instruction change it");
        }
        free(exact);
        for (u32 n = 0; n < in.length; n++) {
            if (decode(copy, n, &again) != DECODE_SHORT) {
                fuzz_fail("%u of %u bytes are an answer", n, in.length);
            }
        }
        run_insn(&in, &rest);
    }
    free(copy);
}

/* In place of audit/sha256.c, which would take nearly all the time and which
 * other targets run: a digest that is quick and need not be strong. */
static u64 quick(u64 h, const u8 *from, u64 bytes)
{
    u64 word;

    for (; bytes >= 8; bytes -= 8, from += 8) {
        memcpy(&word, from, 8);
        h = (h ^ word) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 29;
    }
    for (; bytes != 0; bytes--, from++) {
        h = (h ^ *from) * 0x9e3779b97f4a7c15ull;
    }
    return h;
}

void sha256_init(struct sha256 *s)
{
    s->bytes = 1;
}

void sha256_update(struct sha256 *s, const u8 *data, u64 bytes)
{
    s->bytes = quick(s->bytes, data, bytes);
}

void sha256_final(struct sha256 *s, u8 digest[SHA256_BYTES])
{
    for (u32 i = 0; i < SHA256_BYTES; i += 8) {
        memcpy(digest + i, &s->bytes, 8);
    }
}

void sha256(const u8 *data, u64 bytes, u8 digest[SHA256_BYTES])
{
    struct sha256 s;

    sha256_init(&s);
    sha256_update(&s, data, bytes);
    sha256_final(&s, digest);
}

bool sha256_equal(const u8 a[SHA256_BYTES], const u8 b[SHA256_BYTES])
{
    return memcmp(a, b, SHA256_BYTES) == 0;
}

/* ---- the boot module --------------------------------------------------------
 */

#define DOMAINS 2u
#define IMAGES 3u
#define MODULE_BYTES (12u * 4096u)
#define LINUX_BASE 0xffffffff80000000ull

struct module {
    u8 *bytes;
    struct mf_header *h;
    struct mf_domain *d;
    struct mf_image *image;
};

static void fill_domain(struct mf_domain *d, const char *name, u32 kernel)
{
    strcpy(d->name, name);
    strcpy(d->cmdline, "console=hvc0 quiet");
    d->flags = MF_SEALED;
    d->rights = POLICY_TENANT_GIVEN;
    d->frames = 64 * 256;
    d->frames_max = 128 * 256;
    d->vcpus = 1;
    d->weight = 256;
    d->audit = MF_AUDIT_ALL;
    d->port_count = 1024;
    d->grant_frames = 4;
    d->map_count = 64;
    d->kernel = kernel;
    d->ramdisk = 2;
    d->load_va = LINUX_BASE + 0x1000000;
    d->virt_base = LINUX_BASE;
    d->entry_va = d->load_va + 0x200;
    d->memory_bytes = 0x5000;
    d->hypercall_va = d->load_va + 0x1000;
}

static struct module module_at(u8 *bytes)
{
    struct module m = { .bytes = bytes };

    m.h = (struct mf_header *)(void *)(bytes + MF_OFFSET);
    m.d = (struct mf_domain *)(void *)(m.h + 1);
    m.image = (struct mf_image *)(void *)(m.d + DOMAINS);
    return m;
}

static void seal(const struct module *m)
{
    const u64 bytes = m->h->manifest_bytes;

    memset(m->h->digest, 0, 32);
    if (bytes <= MODULE_BYTES - MF_OFFSET) {
        u8 digest[32];

        sha256((const u8 *)m->h, bytes, digest);
        memcpy(m->h->digest, digest, 32);
    }
}

static const u8 *good_module(void)
{
    static u8 bytes[MODULE_BYTES] __attribute__((aligned(4096)));
    const struct module m = module_at(bytes);

    if (m.h->version != 0) {
        return bytes;
    }
    memcpy(m.h->magic, MF_MAGIC, 8);
    m.h->version = MF_VERSION;
    m.h->flags = MF_CONSOLE_MUX;
    m.h->module_bytes = MODULE_BYTES;
    m.h->manifest_bytes = 4 * 4096;
    m.h->domain_count = DOMAINS;
    m.h->image_count = IMAGES;
    fill_domain(&m.d[0], "web", 0);
    fill_domain(&m.d[1], "db-2", 1);
    for (u32 i = 0; i < IMAGES; i++) {
        m.image[i].offset = (5 + 2 * i) * 4096;
        m.image[i].bytes = 4096 + 100 * i;
        sha256(bytes + m.image[i].offset, m.image[i].bytes, m.image[i].digest);
    }
    seal(&m);
    return bytes;
}

/* What an accepted manifest promises to those who build by it. */
static void check_accepted(const struct module *m, u64 bytes)
{
    for (u32 i = 0; i < m->h->image_count; i++) {
        const struct mf_image *image = &m->image[i];

        if (image->offset % 4096 != 0 || image->offset > bytes ||
            image->bytes > bytes - image->offset) {
            fuzz_fail("image %u lies outside the module", i);
        }
        (void)manifest_check_image(m->bytes, image);
    }
    for (u32 i = 0; i < m->h->domain_count; i++) {
        const struct mf_domain *d = &m->d[i];

        if (d->vcpus < 1 || d->vcpus > 32 || d->kernel >= m->h->image_count ||
            (d->ramdisk != MF_NONE && d->ramdisk >= m->h->image_count) ||
            d->frames > d->frames_max || d->load_va < d->virt_base ||
            memchr(d->name, 0, sizeof(d->name)) == NULL ||
            memchr(d->cmdline, 0, sizeof(d->cmdline)) == NULL ||
            (d->rights & ~policy_role_allowed(d->role)) != 0) {
            fuzz_fail("domain %u is not what was promised", i);
        }
    }
}

void target_manifest(const u8 *data, size_t bytes)
{
    struct input in = { data, bytes, 0 };
    struct manifest_fault fault;
    const u8 cut = take8(&in);
    const u64 size = MODULE_BYTES - (cut < 0xf0 ? 0 : (cut & 15u) * 4093u);
    static u8 *copy; /* on the heap: there is a red zone behind it */
    size_t at;
    u32 bits;
    bool changed = false;
    bool sealed = true;

    if (copy == NULL) {
        copy = aligned_alloc(4096, MODULE_BYTES);
        memcpy(copy, good_module(), MODULE_BYTES);
    }
    memcpy(copy + MF_OFFSET, good_module() + MF_OFFSET, 4 * 4096);
    const struct module m = module_at(copy);

    /* Offsets count from the header: what is before it is not looked at. */
    while (patch(&in, copy + MF_OFFSET, 4 * 4096, &at, &bits)) {
        changed = true;
        sealed = (bits & 1) == 0;
    }
    if (changed && sealed) {
        seal(&m);
    }
    const bool good = manifest_check(copy, size, &fault);

    if (good != (fault.error == MF_GOOD) ||
        manifest_error_text(fault.error) == NULL) {
        fuzz_fail("an answer and a reason that differ");
    }
    if (good) {
        check_accepted(&m, size);
        if (changed && !sealed &&
            memcmp(copy + MF_OFFSET, good_module() + MF_OFFSET, 4 * 4096) !=
                0) {
            fuzz_fail("a changed manifest with the digest of another");
        }
    }
}

/* ---- the loader and the firmware
 * --------------------------------------------- */

#define MEM_BYTES 0x6000u
#define INFO_AT 0x1000u

void target_bootinfo(const u8 *data, size_t bytes)
{
    static struct bootinfo b;
    struct input in = { data, bytes, 0 };
    const u8 how = take8(&in);
    const u32 info = (how & 2) != 0 ? take16(&in) : INFO_AT;
    const size_t size = left(&in) + INFO_AT;
    u8 *mem = calloc(1, size);

    memcpy(mem + INFO_AT, data + in.at, left(&in));
    const char *wrong = bootinfo_parse(
        &b, (how & 1) != 0 ? MULTIBOOT2_BOOT_MAGIC : 0, info, mem, size);

    if (b.range_count > BOOT_RANGES_MAX) {
        fuzz_fail("%u ranges of memory", b.range_count);
    }
    if (wrong == NULL && b.module_bytes != 0 &&
        b.module_start + b.module_bytes < b.module_start) {
        fuzz_fail("a module that wraps around");
    }
    free(mem);
}

#define RSDP_AT 0x1000u
#define RSDT_AT 0x1100u
#define MADT_AT 0x1200u
#define FADT_AT 0x1300u
#define DSDT_AT 0x1400u
#define ACPI_BYTES 0x1500u
static void put32(u8 *mem, u32 at, u32 v)
{
    memcpy(mem + at, &v, 4);
}

static void sum_up(u8 *mem, u32 at, u32 bytes, u32 where)
{
    u8 sum = 0;

    if (bytes > ACPI_BYTES - at || where >= bytes) {
        return;
    }
    mem[at + where] = 0;
    for (u32 i = 0; i < bytes; i++) {
        sum = (u8)(sum + mem[at + i]);
    }
    mem[at + where] = (u8)-sum;
}

static void sum_all(u8 *mem)
{
    static const u32 tables[] = { RSDT_AT, MADT_AT, FADT_AT, DSDT_AT };

    sum_up(mem, RSDP_AT, 20, 8);
    if (mem[RSDP_AT + 15] >= 2) {
        sum_up(mem, RSDP_AT, 36, 32);
    }
    for (u32 i = 0; i < ARRAY_COUNT(tables); i++) {
        u32 length;

        memcpy(&length, mem + tables[i] + 4, 4);
        sum_up(mem, tables[i], length, 9);
    }
}

static void table(u8 *mem, u32 at, const char *name, u32 bytes)
{
    memcpy(mem + at, name, 4);
    put32(mem, at + 4, bytes);
}

static void fill_acpi(u8 *mem)
{
    static const u8 madt[] = { 0,  8, 0,    5,    1,    0, 0, 0,  1, 12, 0, 0,
                               0,  0, 0xc0, 0xfe, 0,    0, 0, 0,  2, 10, 0, 4,
                               20, 0, 0,    0,    0x0f, 0, 9, 16, 0, 0,  0, 1,
                               0,  0, 1,    0,    0,    0, 0, 0,  0, 0 };
    static const u8 s5[] = { 0x08, '_',  'S',  '5',  '_',  0x12, 0x06,
                             0x04, 0x0a, 0x05, 0x01, 0x00, 0x00 };

    memcpy(mem + RSDP_AT, "RSD PTR ", 8);
    put32(mem, RSDP_AT + 16, RSDT_AT);
    table(mem, RSDT_AT, "RSDT", 44);
    put32(mem, RSDT_AT + 36, MADT_AT);
    put32(mem, RSDT_AT + 40, FADT_AT);
    table(mem, MADT_AT, "APIC", 44 + sizeof(madt));
    memcpy(mem + MADT_AT + 44, madt, sizeof(madt));
    table(mem, FADT_AT, "FACP", 116);
    put32(mem, FADT_AT + 40, DSDT_AT);
    put32(mem, FADT_AT + 64, 0x604);
    table(mem, DSDT_AT, "DSDT", 128);
    memcpy(mem + DSDT_AT + 60, s5, sizeof(s5));
}

void target_acpi(const u8 *data, size_t bytes)
{
    static struct acpi_info a;
    static struct bootinfo b;
    struct input in = { data, bytes, 0 };
    const u8 how = take8(&in);
    static u8 *mem, *good; /* on the heap: red zones behind them */
    size_t at;
    u32 bits;

    if (mem == NULL) {
        mem = calloc(1, ACPI_BYTES);
        good = calloc(1, ACPI_BYTES);
        fill_acpi(good);
    }
    memcpy(mem + RSDP_AT, good + RSDP_AT, ACPI_BYTES - RSDP_AT);
    while (patch(&in, mem + RSDP_AT, ACPI_BYTES - RSDP_AT, &at, &bits)) {
    }
    if ((how & 1) == 0) {
        sum_all(mem);
    }
    memset(&b, 0, sizeof(b));
    b.rsdp_address = (how & 2) == 0 ? RSDP_AT : 0;
    (void)acpi_parse(&a, &b, mem, ACPI_BYTES);
    if (a.cpu_count > CPU_MAX || a.ioapic_count > IOAPIC_MAX) {
        fuzz_fail("%u CPUs, %u I/O APICs", a.cpu_count, a.ioapic_count);
    }
}
