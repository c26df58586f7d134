/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin of QEMU that writes down every hypercall of every domain, with the
 * structures it points to: fuzz/live/seeds makes seeds of them. For one CPU.
 *
 * A line a call, and one more behind it for each entry of a list of calls,
 * marked with +:
 *
 *   DOMAIN VCPU NUMBER ARG0 ... ARG5 BYTES
 *
 * in hex, BYTES being what lies at the argument that can be a pointer: the
 * elements of a list, as many as LIST_BYTES hold, or a structure.
 *
 * Arguments: symbols=FILE (of nm -n), ram=FILE, bytes=N of it, out=FILE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/domain.h"
#include "tests/bounds/qemu_plugin.h"
#include "tests/walker/memory.h"
#include "x86/cpu.h"
#include "x86/layout.h"
#include "x86/regs.h"

#define LIST_BYTES 320u
#define STRUCT_BYTES 96u
#define NR_MULTICALL 13u
#define ENTRIES_MAX 32u

int qemu_plugin_version = QEMU_PLUGIN_API;

static FILE *out;
static u64 at_hypercall;

/* Which argument may be a pointer; 6 for none. */
static u32 pointer_of(u64 nr)
{
    switch (nr) {
    case 1:
    case 26:
    case 0:
        return 0;
    case 12:
    case 20:
    case 29:
    case 30:
    case 32:
    case 33:
    case 55:
        return 1;
    case 24:
        return 2;
    default:
        return 6;
    }
}

static void write_call(const char *mark, u64 root, const struct vcpu *v,
                       u32 domain, u64 nr, const u64 arg[6])
{
    const u32 pointer = pointer_of(nr);
    u8 bytes[LIST_BYTES];

    fprintf(out, "%s%x %x %llx", mark, domain, v->id, (unsigned long long)nr);
    for (u32 i = 0; i < 6; i++) {
        fprintf(out, " %llx", (unsigned long long)arg[i]);
    }
    fputc(' ', out);
    if (pointer < 6) {
        const bool list = nr == 1 || nr == 20 || nr == 26;
        const u32 count = list ? LIST_BYTES : STRUCT_BYTES;

        read_at(root, arg[pointer], bytes, count);
        for (u32 i = 0; i < count; i++) {
            fprintf(out, "%02x", bytes[i]);
        }
    }
    fputc('\n', out);
}

static void write_list(u64 root, const struct vcpu *v, u32 domain,
                       const u64 arg[6])
{
    for (u64 i = 0; i < arg[1] && i < ENTRIES_MAX; i++) {
        struct multicall_entry e;

        read_at(root, arg[0] + i * sizeof(e), &e, sizeof(e));
        write_call("+", root, v, domain, e.op, e.args);
    }
}

static void on_call(unsigned int cpu, void *data)
{
    const u64 own_root =
        *(const u64 *)(const void *)(ram + at_idle - IMAGE_BASE) << PAGE_BITS;
    struct cpu block;
    struct regs r;
    struct vcpu v;
    struct domain d;

    (void)data;
    read_at(own_root, PERCPU_BASE + cpu * (u64)PERCPU_STRIDE, &block,
            sizeof(block));
    read_at(own_root, block.stack_top - sizeof(r), &r, sizeof(r));
    read_at(block.cr3, (u64)(uintptr_t)block.current, &v, sizeof(v));
    read_at(block.cr3, (u64)(uintptr_t)v.domain, &d, sizeof(d));
    const u64 arg[6] = { r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9 };

    write_call("", block.cr3, &v, d.id, r.rax, arg);
    if (r.rax == NR_MULTICALL) {
        write_list(block.cr3, &v, d.id, arg);
    }
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    u64 at = qemu_plugin_tb_vaddr(tb);

    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

        if (at == at_hypercall) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_call,
                                                   QEMU_CB_NO_REGS, NULL);
        }
        at += qemu_plugin_insn_size(insn);
    }
}

static bool find_hypercall(const char *path)
{
    FILE *const f = fopen(path, "r");
    unsigned long long at;
    char kind;
    char name[256];

    while (f != NULL && fscanf(f, "%llx %c %255s", &at, &kind, name) == 3) {
        if (strcmp(name, "trap_hypercall") == 0) {
            at_hypercall = at;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return at_hypercall != 0;
}

static void on_end(uint64_t id, void *data)
{
    (void)id;
    (void)data;
    fclose(out);
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
                        char **argv)
{
    const char *symbols = "";
    const char *file = "";

    (void)info;
    for (int i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');

        value = value != NULL ? value + 1 : argv[i];
        if (strncmp(argv[i], "symbols=", 8) == 0) {
            symbols = value;
        } else if (strncmp(argv[i], "ram=", 4) == 0) {
            file = value;
        } else if (strncmp(argv[i], "bytes=", 6) == 0) {
            ram_bytes = strtoull(value, NULL, 10);
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(value, "w");
        }
    }
    const int fd = open(file, O_RDONLY);
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, ram_bytes, PROT_READ, MAP_SHARED, fd, 0);

    if (out == NULL || map == MAP_FAILED || !read_symbols(symbols) ||
        !find_hypercall(symbols)) {
        fprintf(stderr, "trace: bad symbols=, ram=, bytes= or out=\n");
        return 1;
    }
    ram = map;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
