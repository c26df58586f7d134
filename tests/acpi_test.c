/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables: CPUs, I/O APICs, overrides and the power-off values of a good
 * set; damaged sets give the defaults and read nothing outside the memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86/acpi.h"

#define MEM 0x8000u
#define RSDP 0x1000u
#define RSDT 0x2000u
#define MADT 0x3000u
#define FADT 0x4000u
#define DSDT 0x5000u
#define TPM 0x6000u

static u8 *mem;
static struct bootinfo b;
static struct acpi_info a;

static void put(u32 at, u64 v, u32 bytes)
{
    memcpy(mem + at, &v, bytes);
}

static void seal(u32 at, u32 bytes, u32 where)
{
    u8 sum = 0;
    mem[at + where] = 0;
    for (u32 i = 0; i < bytes; i++) {
        sum = (u8)(sum + mem[at + i]);
    }
    mem[at + where] = (u8)(0u - sum);
}

static void table(u32 at, const char *name, u32 bytes)
{
    memcpy(mem + at, name, 4);
    put(at + 4, bytes, 4);
    seal(at, bytes, 9);
}

static void fill_madt(void)
{
    static const u8 entries[] = {
        0, 8,  0, 5, 1,  0, 0,    0,                   /* CPU, APIC 5 */
        0, 8,  1, 7, 0,  0, 0,    0,                   /* disabled */
        0, 8,  2, 9, 1,  0, 0,    0,                   /* CPU, APIC 9 */
        1, 12, 0, 0, 0,  0, 0xc0, 0xfe, 0,    0, 0, 0, /* I/O APIC */
        2, 10, 0, 4, 20, 0, 0,    0,    0x0f, 0,       /* irq 4 -> line 20 */
        9, 16, 0, 0, 0,  1, 0,    0,    1,    0, 0, 0,
        0, 0,  0, 0, /* x2APIC 256 */
    };
    put(MADT + 36, 0xfee00000, 4);
    memcpy(mem + MADT + 44, entries, sizeof(entries));
    table(MADT, "APIC", 44 + sizeof(entries));
}

static void fill(void)
{
    static const u8 s5[] = { 0x08, '_',  'S',  '5',  '_',  0x12, 0x06,
                             0x04, 0x0a, 0x05, 0x01, 0x00, 0x00 };
    memset(mem, 0, MEM);
    memset(&b, 0, sizeof(b));
    memcpy(mem + RSDP, "RSD PTR ", 8);
    put(RSDP + 16, RSDT, 4);
    seal(RSDP, 20, 8);
    b.rsdp_address = RSDP;
    put(RSDT + 36, MADT, 4);
    put(RSDT + 40, FADT, 4);
    table(RSDT, "RSDT", 44);
    fill_madt();
    put(FADT + 40, DSDT, 4);
    put(FADT + 64, 0x604, 4);
    table(FADT, "FACP", 116);
    memcpy(mem + DSDT + 60, s5, sizeof(s5));
    table(DSDT, "DSDT", 128);
}

static int set_up(void **state)
{
    (void)state;
    mem = malloc(MEM);
    if (mem != NULL) {
        fill();
    }
    return mem == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free(mem);
    return 0;
}

static void test_complete(void **state)
{
    (void)state;
    assert_true(acpi_parse(&a, &b, mem, MEM));
    assert_int_equal(a.cpu_count, 3);
    assert_int_equal(a.apic_id[0], 5);
    assert_int_equal(a.apic_id[1], 9);
    assert_int_equal(a.apic_id[2], 256);
    assert_int_equal(a.ioapic_count, 1);
    assert_int_equal(a.ioapic[0].address, 0xfec00000);
    assert_int_equal(a.isa_line[4], 20);
    assert_int_equal(a.isa_flags[4], 0x0f);
    assert_int_equal(a.isa_line[3], 3);
    assert_int_equal(a.pm1_port[0], 0x604);
    assert_true(a.has_s5);
    assert_int_equal(a.s5[0], 5);
    assert_int_equal(a.s5[1], 1);
    assert_false(a.has_tpm);
}

/* Of a TPM only the FIFO interface is used. */
static void test_a_tpm(void **state)
{
    (void)state;
    for (u32 method = 0; method < 13; method++) {
        put(TPM + 48, method, 4);
        table(TPM, "TPM2", 52);
        put(RSDT + 44, TPM, 4);
        table(RSDT, "RSDT", 48);
        assert_true(acpi_parse(&a, &b, mem, MEM));
        assert_int_equal(a.has_tpm, method == 6);
    }
    table(TPM, "TPM2", 48); /* too short to say */
    assert_true(acpi_parse(&a, &b, mem, MEM));
    assert_false(a.has_tpm);
}

static void test_no_tables(void **state)
{
    (void)state;
    mem[RSDP] = 'X';
    assert_false(acpi_parse(&a, &b, mem, MEM));
    assert_int_equal(a.cpu_count, 0);
    assert_int_equal(a.isa_line[15], 15);
    fill();
    mem[RSDT + 20] ^= 1; /* checksum */
    assert_false(acpi_parse(&a, &b, mem, MEM));
    fill();
    put(RSDT + 4, U32_MAX, 4);
    assert_false(acpi_parse(&a, &b, mem, MEM));
}

static void test_entry_without_length(void **state)
{
    (void)state;
    mem[MADT + 45] = 0;
    table(MADT, "APIC", 44 + 72);
    assert_true(acpi_parse(&a, &b, mem, MEM));
    assert_int_equal(a.cpu_count, 0);
}

static void test_more_cpus_than_we_can(void **state)
{
    (void)state;
    const u32 count = CPU_MAX + 10;
    for (u32 i = 0; i < count; i++) {
        const u8 entry[8] = { 0, 8, (u8)i, (u8)i, 1, 0, 0, 0 };
        memcpy(mem + MADT + 44 + 8 * i, entry, 8);
    }
    table(MADT, "APIC", 44 + 8 * count);
    assert_true(acpi_parse(&a, &b, mem, MEM));
    assert_int_equal(a.cpu_count, CPU_MAX);
    assert_int_equal(a.cpus_left_out, 10);
}

/* Each byte turned over in turn, with the checksum made right again. */
static void test_flipped_bytes(void **state)
{
    static const struct {
        u32 at, bytes;
    } part[] = { { RSDT, 44 }, { MADT, 110 }, { FADT, 116 }, { DSDT, 128 } };
    (void)state;
    for (u32 p = 0; p < ARRAY_COUNT(part); p++) {
        for (u32 i = 0; i < part[p].bytes * 8; i++) {
            mem[part[p].at + i / 8] ^= (u8)(1u << (i % 8));
            seal(part[p].at, part[p].bytes, 9);
            (void)acpi_parse(&a, &b, mem, MEM);
            assert_true(a.cpu_count <= CPU_MAX);
            assert_true(a.ioapic_count <= IOAPIC_MAX);
            fill();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_tpm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_entry_without_length, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_more_cpus_than_we_can, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bytes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
