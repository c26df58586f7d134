/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address space. The ABI gives the hypervisor top-level slots 256..271
 * [XEN arch-x86/xen-x86_64.h]; a guest owns all others.
 *
 * slot  from               what                             who sees it
 * 256   ffff8000_00000000  M2P: machine-to-phys view,       guest, read-only,
 *                          u64 per machine frame            own frames only
 * 257   ffff8080_00000000  PRIVATE: per-vCPU state of the   supervisor, in this
 *                          domain that owns this table      domain's tables
 * 258   ffff8100_00000000  LINEAR: machine address + base;  supervisor, global
 *                          hypervisor chunks (2 MiB pages)
 *                          and live page tables (4 KiB)
 * 259   ffff8180_00000000  MODULE: the boot module          supervisor, read-
 *                                                           only, own root only
 * 260   ffff8200_00000000  IMAGE: text, rodata, data        supervisor, global
 * 261   ffff8280_00000000  PERCPU: stacks with guard pages, supervisor, global
 *                          per-CPU block, temporary slots
 * 262   ffff8300_00000000  DEVICE: local APIC, I/O APIC     supervisor, global
 * 263..271                 nothing
 *
 * There is no map of tenants' memory: a tenant's frame is in LINEAR only
 * while it is a page table, anything else goes through a temporary slot.
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

#define HV_FIRST_SLOT 256u
#define HV_LAST_SLOT 271u
#define M2P_SLOT 256u
#define PRIVATE_SLOT 257u
#define LINEAR_SLOT 258u
#define MODULE_SLOT 259u
#define IMAGE_SLOT 260u
#define DEVICE_SLOT 262u

#define M2P_BASE 0xffff800000000000
#define PRIVATE_BASE 0xffff808000000000
#define LINEAR_BASE 0xffff810000000000
#define MODULE_BASE 0xffff818000000000
#define IMAGE_BASE 0xffff820000000000
#define PERCPU_BASE 0xffff828000000000
#define DEVICE_BASE 0xffff830000000000
#define HV_END 0xffff880000000000 /* first address after the hole */

/* The image is linked at IMAGE_BASE + its physical address. */
#define IMAGE_PHYS 0x200000

/*
 * PERCPU: CPU n has 2 MiB at PERCPU_BASE + n * PERCPU_STRIDE, one L1 table:
 *   page 0..3    struct cpu (two pages used, the rest unmapped)
 *   page 8..15   main stack (8 pages; page 7 is its guard)
 *   page 24..25  NMI stack, 32..33 #DF stack, 40..41 #MC stack, 48..49 #DB
 *                stack (two pages each; the page below each is its guard)
 *   page 64..79  temporary slots
 */
#define PERCPU_STRIDE 0x200000
#define CPU_STRUCT_PAGES 2
#define STACK_FIRST_PAGE 8
#define STACK_PAGES 8
#define NMI_STACK_PAGE 24
#define DF_STACK_PAGE 32
#define MC_STACK_PAGE 40
#define DB_STACK_PAGE 48
#define IST_STACK_PAGES 2
#define TEMP_FIRST_PAGE 64
#define TEMP_SLOTS 16

/*
 * PRIVATE: vCPU n of the domain has 256 KiB at PRIVATE_BASE + n *
 * PRIVATE_STRIDE. The frames belong to the domain's own chunks and are mapped
 * nowhere else.
 *   page 0       struct guest_state: registers while descheduled, XSAVE area
 *   page 1       trap table: struct trap_info[256]
 *   page 2       LDT copy (512 descriptors)
 *   page 3..4    vcpu_info: guest frame registered by the guest (page 3)
 *   page 5..6    runstate area (may cross a page)
 *   page 7..8    time area (may cross a page)
 *   page 16..31  the virtual GDT: 16 copy of the guest's first 512
 *                descriptors, 17..29 a page of zeroes, 30 the hypervisor's own
 *                descriptors (selectors 0xe000..), 31 zeroes
 */
#define PRIVATE_STRIDE 0x40000
#define PRIVATE_STATE_PAGE 0
#define PRIVATE_TRAPS_PAGE 1
#define PRIVATE_LDT_PAGE 2
#define PRIVATE_VCPU_INFO_PAGE 3
#define PRIVATE_RUNSTATE_PAGE 5
#define PRIVATE_TIME_PAGE 7
#define PRIVATE_GDT_PAGE 16
#define PRIVATE_GDT_HV_PAGE 30
#define PRIVATE_FRAMES_PER_VCPU 4 /* pages 0, 1, 2 and 16 */

/* Selectors of the ABI [XEN arch-x86/xen-x86_64.h] and our own. */
#define SEL_HV_CS 0xe008
#define SEL_HV_DS 0xe010
#define SEL_GUEST_CS32 0xe023
#define SEL_GUEST_DS 0xe02b
#define SEL_GUEST_CS64 0xe033
#define SEL_TSS 0xe040
#define SEL_LDT 0xe050
/* First descriptor index of the hypervisor's page. */
#define GDT_HV_FIRST 7168

#endif
