/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin of QEMU that counts what each way through ring 0 costs, in executed
 * instructions of the hypervisor's image. For one CPU. (bounds.c beside it asks
 * for the longest way of each kind; here it is the common one, of one
 * operation.)
 *
 * A path begins at an entry (stub_*, entry_sys*) and ends where a guest runs
 * again. It goes by its entry and the handlers (hc_*) and deliveries (bounce_*)
 * it came through, in order; repeats in a row count once. What one guest
 * switch leads to another guest is part of the path.
 *
 * Counted is between two marks of the guest's program (tests/paths/load.c): a
 * long NOP whose displacement is MARK_BASE plus the phase, 0 for the end. For
 * each phase and path: how often, the commonest length, the shortest, the sum;
 * after it in which functions; and the layers of a phase:
 *
 *   path PHASE COUNT COMMON SHORTEST TOTAL COSTLY NAME
 *   in INSTRUCTIONS FUNCTION
 *   layer PHASE HYPERVISOR GUEST-KERNEL GUEST-USER
 *
 * COSTLY is how many of the commonest length were instructions that take a
 * processor much longer than others: MSRs, control registers, LFENCE, IRETQ,
 * locked operations.
 *
 * Arguments: symbols=FILE (what `nm -n` prints of the image), out=FILE.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bounds/qemu_plugin.h"

#define IMAGE_FIRST 0xffff820000000000ull
#define IMAGE_LAST 0xffff827fffffffffull
#define KERNEL_HALF 0x8000000000000000ull
#define SYMBOLS_MAX 8192u
#define PATHS_MAX 4096u
#define NAME_BYTES 200u
#define PHASES_MAX 16u
#define LENGTH_MAX 8192u
#define MARK_BASE 0x52460000u

int qemu_plugin_version = QEMU_PLUGIN_API;

enum mark { MARK_NONE, MARK_ENTRY, MARK_STEP };

struct symbol {
    uint64_t at;
    char name[64];
    enum mark mark;
};

struct path {
    char name[NAME_BYTES];
    uint32_t phase;
    uint64_t count, total, shortest;
    uint32_t of_length[LENGTH_MAX]; /* how often each */
    uint32_t costly[LENGTH_MAX];    /* costly ones, of the last that long */
    uint64_t spent[SYMBOLS_MAX];    /* in each function, all together */
};

static struct symbol symbols[SYMBOLS_MAX];
static uint32_t symbol_count;
static struct path *paths[PATHS_MAX];
static uint32_t path_count;
static const char *out_path;

static uint32_t phase;
static uint64_t executed, from, costly, costly_from;
static uint64_t in_kernel, in_user;
static uint64_t layers[PHASES_MAX][3];
static uint64_t layers_from[3];
static bool open_path;
static char name[NAME_BYTES];
static uint64_t looked; /* executed, when the last block began */
static struct symbol *in;
static uint64_t spent[SYMBOLS_MAX]; /* of this path, in each function */
static uint32_t touched[SYMBOLS_MAX], touched_count;

/* ---- paths --------------------------------------------------------------- */

static struct path *path_of(void)
{
    for (uint32_t i = 0; i < path_count; i++) {
        if (paths[i]->phase == phase && strcmp(paths[i]->name, name) == 0) {
            return paths[i];
        }
    }
    if (path_count == PATHS_MAX) {
        fprintf(stderr, "paths: too many\n");
        abort();
    }
    struct path *const p = calloc(1, sizeof(*p));
    if (p == NULL) {
        abort();
    }
    paths[path_count++] = p;
    memcpy(p->name, name, sizeof(name));
    p->phase = phase;
    p->shortest = UINT64_MAX;
    return p;
}

/* What was executed since the last look belongs to the function then. */
static void account(void)
{
    if (in != NULL) {
        if (spent[in - symbols] == 0) {
            touched[touched_count++] = (uint32_t)(in - symbols);
        }
        spent[in - symbols] += executed - looked;
    }
    looked = executed;
}

static void path_end(void)
{
    const uint64_t length = executed - from;

    open_path = false;
    if (phase == 0) {
        return;
    }
    struct path *const p = path_of();
    for (uint32_t i = 0; i < touched_count; i++) {
        p->spent[touched[i]] += spent[touched[i]];
    }
    p->count++;
    p->total += length;
    p->shortest = length < p->shortest ? length : p->shortest;
    if (length < LENGTH_MAX) {
        p->of_length[length]++;
        p->costly[length] = (uint32_t)(costly - costly_from);
    }
}

static void step(const char *what)
{
    const size_t length = strlen(name);
    const size_t more = strlen(what);

    if (!open_path || length + more + 2 > sizeof(name)) {
        return;
    }
    if (length >= more && strcmp(name + length - more, what) == 0) {
        return;
    }
    name[length] = ' ';
    memcpy(name + length + 1, what, more + 1);
}

/* ---- what happens -------------------------------------------------------- */

static void on_guest(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (open_path) {
        account();
        path_end();
    }
    in = NULL;
}

static void on_host(unsigned int cpu, void *data)
{
    (void)cpu;
    account();
    in = data;
}

static void on_start(unsigned int cpu, void *data)
{
    const struct symbol *const s = data;

    (void)cpu;
    if (s->mark == MARK_STEP) {
        step(s->name);
    } else if (!open_path) {
        open_path = true;
        while (touched_count > 0) {
            spent[touched[--touched_count]] = 0;
        }
        from = executed;
        costly_from = costly;
        snprintf(name, sizeof(name), "%s", s->name);
    }
}

static void on_mark(unsigned int cpu, void *data)
{
    const uint64_t now[3] = { executed, in_kernel, in_user };

    (void)cpu;
    for (uint32_t i = 0; i < 3; i++) {
        layers[phase][i] += now[i] - layers_from[i];
        layers_from[i] = now[i];
    }
    phase = (uint32_t)(uintptr_t)data;
}

/* ---- translation --------------------------------------------------------- */

static struct symbol *symbol_of(uint64_t at)
{
    uint32_t low = 0;
    uint32_t high = symbol_count;

    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (symbols[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &symbols[low];
}

static bool is_costly(const uint8_t *b, size_t size)
{
    if (b[0] == 0xf0 || (size == 2 && b[0] == 0x48 && b[1] == 0xcf)) {
        return true;
    }
    if (b[0] == 0x0f) {
        return b[1] == 0x30 || b[1] == 0x32 || b[1] == 0x22 || b[1] == 0x20 ||
               (b[1] == 0xae && b[2] == 0xe8) || b[1] == 0x06;
    }
    /* XCHG with memory locks by itself. */
    const size_t rex = (b[0] & 0xf0) == 0x40 ? 1 : 0;
    return (b[rex] == 0x86 || b[rex] == 0x87) && b[rex + 1] < 0xc0;
}

static void watch_guest(struct qemu_plugin_insn *insn)
{
    const uint8_t *const b = qemu_plugin_insn_data(insn);
    uint32_t disp;

    if (qemu_plugin_insn_size(insn) != 7 || b[0] != 0x0f || b[1] != 0x1f ||
        b[2] != 0x80) {
        return;
    }
    memcpy(&disp, b + 3, sizeof(disp));
    if (disp - MARK_BASE < PHASES_MAX) {
        qemu_plugin_register_vcpu_insn_exec_cb(
            insn, on_mark, QEMU_CB_NO_REGS,
            (void *)(uintptr_t)(disp - MARK_BASE));
    }
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    uint64_t at = qemu_plugin_tb_vaddr(tb);
    const size_t count = qemu_plugin_tb_n_insns(tb);
    const bool host = at >= IMAGE_FIRST && at <= IMAGE_LAST;
    uint64_t *const counter = host                ? &executed
                              : at >= KERNEL_HALF ? &in_kernel
                                                  : &in_user;

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, host ? on_host : on_guest,
                                         QEMU_CB_NO_REGS, symbol_of(at));
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct symbol *s = symbol_of(at);

        if (!host) {
            watch_guest(insn);
        } else if (s->at == at && s->mark != MARK_NONE) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_start,
                                                   QEMU_CB_NO_REGS, s);
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_INLINE_ADD_U64,
                                                   counter, 1);
        if (host && is_costly(qemu_plugin_insn_data(insn),
                              qemu_plugin_insn_size(insn))) {
            qemu_plugin_register_vcpu_insn_exec_inline(
                insn, QEMU_INLINE_ADD_U64, &costly, 1);
        }
        at += qemu_plugin_insn_size(insn);
    }
}

/* ---- start and end ------------------------------------------------------- */

static enum mark mark_of(const char *symbol)
{
    if (strncmp(symbol, "stub_", 5) == 0 ||
        strncmp(symbol, "entry_sys", 9) == 0) {
        return MARK_ENTRY;
    }
    static const char *const steps[] = { "trap_iret", "ptwrite_emulate",
                                         "read_msr", "ctxsw_load" };
    bool step =
        strncmp(symbol, "hc_", 3) == 0 || strncmp(symbol, "bounce_", 7) == 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        step = step || strcmp(symbol, steps[i]) == 0;
    }
    return step ? MARK_STEP : MARK_NONE;
}

static bool read_symbols(const char *file)
{
    FILE *f = fopen(file, "r");
    char line[512];

    if (f == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long long at;
        char kind;
        char symbol[256];
        if (sscanf(line, "%llx %c %255s", &at, &kind, symbol) != 3 ||
            (kind != 't' && kind != 'T') || at < IMAGE_FIRST ||
            symbol_count == SYMBOLS_MAX) {
            continue;
        }
        struct symbol *s = &symbols[symbol_count++];
        s->at = at;
        snprintf(s->name, sizeof(s->name), "%.63s", symbol);
        s->mark = mark_of(symbol);
    }
    fclose(f);
    return symbol_count > 0;
}

static void write_path(FILE *f, const struct path *p)
{
    uint32_t common = 0;

    for (uint32_t i = 0; i < LENGTH_MAX; i++) {
        if (p->of_length[i] > p->of_length[common]) {
            common = i;
        }
    }
    fprintf(f, "path %u %llu %u %llu %llu %u %s\n", p->phase,
            (unsigned long long)p->count, common,
            (unsigned long long)p->shortest, (unsigned long long)p->total,
            p->costly[common], p->name);
    for (uint32_t i = 0; i < symbol_count; i++) {
        if (p->spent[i] != 0) {
            fprintf(f, "in %llu %s\n", (unsigned long long)p->spent[i],
                    symbols[i].name);
        }
    }
}

static void on_end(uint64_t id, void *data)
{
    FILE *f = fopen(out_path, "w");

    (void)id;
    (void)data;
    if (f == NULL) {
        perror(out_path);
        return;
    }
    for (uint32_t i = 0; i < path_count; i++) {
        write_path(f, paths[i]);
    }
    for (uint32_t n = 1; n < PHASES_MAX; n++) {
        if (layers[n][0] != 0) {
            fprintf(f, "layer %u %llu %llu %llu\n", n,
                    (unsigned long long)layers[n][0],
                    (unsigned long long)layers[n][1],
                    (unsigned long long)layers[n][2]);
        }
    }
    fprintf(f, "end %llu\n", (unsigned long long)executed);
    fclose(f);
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
                        char **argv)
{
    const char *file = NULL;

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "symbols=", 8) == 0) {
            file = argv[i] + 8;
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = argv[i] + 4;
        }
    }
    if (file == NULL || out_path == NULL || !read_symbols(file)) {
        fprintf(stderr, "paths: needs symbols=FILE,out=FILE\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
