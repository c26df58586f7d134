/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables [ACPI 6.3 chapter 5.2]: RSDP, RSDT or XSDT, MADT, FADT, TPM2, and
 * of the DSDT only the package named _S5_, found by its name.
 */
#include "x86/acpi.h"

#include "core/mem.h"

#define HEADER_BYTES 36u
#define TABLES_MAX 64u
#define TABLE_BYTES_MAX 0x1000000u
#define MADT_ENTRIES_MAX 4096u
#define CPU_ENABLED 1u
#define TPM2_FIFO 6u /* start method [TCG ACPI Specification 8] */

/* A table found: its place and length. */
struct table {
    u64 at;
    u32 bytes;
};

static u64 get(const struct phys *p, u64 at, u32 bytes)
{
    u64 v = 0;
    (void)phys_read(p, at, &v, bytes);
    return v;
}

/* All bytes together are zero, as in any table that is whole. */
static bool sum_ok(const struct phys *p, u64 at, u64 bytes)
{
    u8 sum = 0;
    for (u64 i = 0; i < bytes; i++) {
        sum = (u8)(sum + get(p, at + i, 1));
    }
    return sum == 0;
}

static bool table_open(const struct phys *p, u64 at, struct table *t)
{
    t->at = at;
    t->bytes = (u32)get(p, at + 4, 4);
    return at != 0 && t->bytes >= HEADER_BYTES && t->bytes <= TABLE_BYTES_MAX &&
           at <= p->bytes && t->bytes <= p->bytes - at &&
           sum_ok(p, at, t->bytes);
}

/* A field of a table, 0 when the table is too short for it. */
static u64 field(const struct phys *p, const struct table *t, u32 offset,
                 u32 bytes)
{
    return offset + bytes <= t->bytes ? get(p, t->at + offset, bytes) : 0;
}

static bool signature_is(const struct phys *p, u64 at, const char *name,
                         u32 bytes)
{
    char found[8];
    return phys_read(p, at, found, bytes) && memcmp(found, name, bytes) == 0;
}

/* ---- RSDP -------------------------------------------------------------- */

static bool rsdp_is_at(const struct phys *p, u64 at)
{
    return at != 0 && signature_is(p, at, "RSD PTR ", 8) && sum_ok(p, at, 20);
}

static u64 rsdp_scan(const struct phys *p, u64 from, u64 to)
{
    for (u64 at = from; at < to; at += 16) {
        if (rsdp_is_at(p, at)) {
            return at;
        }
    }
    return 0;
}

/* Where the loader says, or in the BIOS area; 0: nowhere. */
static u64 rsdp_find(const struct bootinfo *b, const struct phys *p)
{
    const u64 ebda = get(p, 0x40e, 2) << 4;
    if (rsdp_is_at(p, b->rsdp_address)) {
        return b->rsdp_address;
    }
    const u64 at = ebda != 0 ? rsdp_scan(p, ebda, ebda + 1024) : 0;
    return at != 0 ? at : rsdp_scan(p, 0xe0000, 0x100000);
}

/* ---- MADT -------------------------------------------------------------- */

static void cpu_add(struct acpi_info *a, u32 apic_id, u64 flags)
{
    if ((flags & CPU_ENABLED) == 0) {
        return;
    }
    if (a->cpu_count >= CPU_MAX) {
        a->cpus_left_out++;
        return;
    }
    a->apic_id[a->cpu_count] = apic_id;
    a->cpu_count++;
}

static void madt_entry(struct acpi_info *a, const struct phys *p, u64 at,
                       u32 bytes)
{
    const u64 type = get(p, at, 1);
    if (type == 0 && bytes >= 8) {
        cpu_add(a, (u32)get(p, at + 3, 1), get(p, at + 4, 4));
    } else if (type == 9 && bytes >= 16) {
        const u32 id = (u32)get(p, at + 4, 4);
        if (id > 254) { /* lower ones have an entry of type 0 too */
            cpu_add(a, id, get(p, at + 8, 4));
        }
    } else if (type == 1 && bytes >= 12 && a->ioapic_count < IOAPIC_MAX) {
        a->ioapic[a->ioapic_count].address = get(p, at + 4, 4);
        a->ioapic[a->ioapic_count].first_irq = (u32)get(p, at + 8, 4);
        a->ioapic_count++;
    } else if (type == 2 && bytes >= 10) {
        const u64 irq = get(p, at + 3, 1);
        if (irq < ISA_IRQS) {
            a->isa_line[irq] = (u32)get(p, at + 4, 4);
            a->isa_flags[irq] = (u16)get(p, at + 8, 2);
        }
    }
}

static void madt_parse(struct acpi_info *a, const struct phys *p,
                       const struct table *t)
{
    u32 at = 44;
    for (u32 i = 0; i < MADT_ENTRIES_MAX && at + 2 <= t->bytes; i++) {
        const u32 bytes = (u32)field(p, t, at + 1, 1);
        if (bytes < 2 || bytes > t->bytes - at) {
            return;
        }
        madt_entry(a, p, t->at + at, bytes);
        at += bytes;
    }
}

/* ---- FADT -------------------------------------------------------------- */

/* A small AML integer: 0, 1, or a byte constant. */
static u16 aml_byte(const struct phys *p, u64 *at)
{
    u64 v = get(p, *at, 1);
    *at += 1;
    if (v == 0x0a) {
        v = get(p, *at, 1);
        *at += 1;
    }
    return (u16)(v & 7);
}

/* "_S5_" PackageOp length count SLP_TYPa SLP_TYPb ... [ACPI 7.4.2.6]. */
static void s5_find(struct acpi_info *a, const struct phys *p,
                    const struct table *dsdt)
{
    const u64 end = dsdt->at + dsdt->bytes;
    for (u64 at = dsdt->at + HEADER_BYTES; at + 16 <= end; at++) {
        if (!signature_is(p, at, "_S5_", 4) || get(p, at + 4, 1) != 0x12) {
            continue;
        }
        /* The two top bits of the length say how many more bytes it has. */
        u64 v = at + 5 + 1 + (get(p, at + 5, 1) >> 6) + 1;
        a->s5[0] = aml_byte(p, &v);
        a->s5[1] = aml_byte(p, &v);
        a->has_s5 = true;
        return;
    }
}

static void fadt_parse(struct acpi_info *a, const struct phys *p,
                       const struct table *t)
{
    a->pm1_port[0] = (u16)field(p, t, 64, 4);
    a->pm1_port[1] = (u16)field(p, t, 68, 4);
    struct table dsdt;
    const u64 wide = field(p, t, 140, 8);
    if (table_open(p, wide != 0 ? wide : field(p, t, 40, 4), &dsdt)) {
        s5_find(a, p, &dsdt);
    }
}

/* ---- all --------------------------------------------------------------- */

bool acpi_parse(struct acpi_info *a, const struct bootinfo *b, const u8 *mem,
                u64 mem_bytes)
{
    const struct phys p = { mem, mem_bytes };
    memset(a, 0, sizeof(*a));
    for (u32 i = 0; i < ISA_IRQS; i++) {
        a->isa_line[i] = i;
    }
    const u64 rsdp = rsdp_find(b, &p);
    if (rsdp == 0) {
        return false;
    }
    const u64 narrow = get(&p, rsdp + 16, 4);
    const u64 wide = get(&p, rsdp + 15, 1) >= 2 ? get(&p, rsdp + 24, 8) : 0;
    const bool use_wide = wide != 0 && wide < mem_bytes;
    const u32 step = use_wide ? 8 : 4;
    struct table root;
    /*@ split step; */
    if (!table_open(&p, use_wide ? wide : narrow, &root)) {
        return false;
    }
    bool found = false;
    u32 at = HEADER_BYTES;
    for (u32 i = 0; i < TABLES_MAX && at + step <= root.bytes; i++) {
        struct table t;
        if (table_open(&p, field(&p, &root, at, step), &t)) {
            if (signature_is(&p, t.at, "APIC", 4)) {
                madt_parse(a, &p, &t);
                found = true;
            } else if (signature_is(&p, t.at, "FACP", 4)) {
                fadt_parse(a, &p, &t);
            } else if (signature_is(&p, t.at, "TPM2", 4)) {
                a->has_tpm = field(&p, &t, 48, 4) == TPM2_FIFO;
            }
        }
        at += step;
    }
    return found;
}
