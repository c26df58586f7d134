/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin of QEMU that measures how long ring 0 keeps others waiting, in
 * executed instructions of the hypervisor's image. For one CPU.
 *
 * Two kinds of stretches:
 *   OFF   with interrupts off: from an entry (gates and SYSCALL clear IF) or
 *         CLI, to STI, HLT or the first instruction of a guest
 *   RUN   between preemption points: from an entry or from a look of the
 *         scheduler for who is to run (sched_pick), to the next such look, HLT,
 *         or the first instruction of a guest
 *
 * An entry that interrupts ring 0 with interrupts off (a fault with a fixup, an
 * NMI) is part of the stretch it interrupts. What comes before the first
 * return to a guest is start-up and does not count.
 *
 * A stretch goes by the name of its path: the first handler of a hypercall
 * (hc_*) in it, else how it began; with the work on domains' lives told apart.
 * For each path: how many there were, the longest, and in which functions that
 * one was spent. One line a path and kind goes to the output:
 *
 *   off|run COUNT LONGEST TOTAL PATH: FUNCTION N, FUNCTION N, ...
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
#define SYMBOLS_MAX 8192u
#define PATHS_MAX 1024u
#define NAME_BYTES 64u
#define TOP 6u
#define OPCODE_CLI 0xfau
#define OPCODE_STI 0xfbu
#define OPCODE_HLT 0xf4u

int qemu_plugin_version = QEMU_PLUGIN_API;

/* What the start of a function means. */
enum mark {
    MARK_NONE,
    MARK_ENTRY, /* stubs and system call entries */
    MARK_GUEST, /* the entry was from a guest */
    MARK_ROW,   /* handler of a hypercall */
    MARK_WORK,  /* lives of domains */
    MARK_PICK,  /* the scheduler looks for who is to run */
};

struct symbol {
    uint64_t at;
    char name[NAME_BYTES];
    enum mark mark;
};

static struct symbol symbols[SYMBOLS_MAX];
static uint32_t symbol_count;
static const char *out_path;

struct path {
    char name[NAME_BYTES];
    uint64_t count, longest, total;
    uint64_t top_count[TOP];
    uint32_t top[TOP];
};

struct stretch {
    const char *kind;
    bool open;
    uint64_t from;
    const char *began; /* how */
    const char *row;   /* first handler, or NULL */
    bool works;
    uint32_t touched_count;
    uint32_t touched[SYMBOLS_MAX]; /* functions it was in */
    uint64_t spent[SYMBOLS_MAX];   /* instructions in each */
    struct path path[PATHS_MAX];
    uint32_t path_count;
};

static struct stretch off = { .kind = "off" };
static struct stretch run = { .kind = "run" };

static uint64_t executed;   /* instructions of the image */
static uint64_t looked;     /* executed, when the last block began */
static uint32_t in;         /* the function that block is of */
static bool armed;          /* a guest has run */
static bool returning;      /* the instruction before was the last IRETQ */
static const char *at_once; /* an entry that followed it, or NULL */
static uint32_t nested;     /* entries within a stretch */
static uint64_t iret_guest; /* address of iret_to_guest */

/* ---- stretches ---------------------------------------------------------- */

static struct path *path_of(struct stretch *s)
{
    char name[NAME_BYTES];

    snprintf(name, sizeof(name), "%s%s", s->row != NULL ? s->row : s->began,
             s->works ? " + domain work" : "");
    for (uint32_t i = 0; i < s->path_count; i++) {
        if (strcmp(s->path[i].name, name) == 0) {
            return &s->path[i];
        }
    }
    if (s->path_count == PATHS_MAX) {
        fprintf(stderr, "bounds: too many paths\n");
        abort();
    }
    struct path *p = &s->path[s->path_count++];
    memcpy(p->name, name, sizeof(name));
    return p;
}

/* The functions of s in which most of it was spent. */
static void keep_top(struct path *p, const struct stretch *s)
{
    memset(p->top_count, 0, sizeof(p->top_count));
    for (uint32_t i = 0; i < s->touched_count; i++) {
        uint32_t f = s->touched[i];
        uint64_t n = s->spent[f];
        for (uint32_t k = 0; k < TOP; k++) {
            if (n > p->top_count[k]) {
                const uint64_t other_n = p->top_count[k];
                const uint32_t other = p->top[k];
                p->top_count[k] = n;
                p->top[k] = f;
                n = other_n;
                f = other;
            }
        }
    }
}

static void spend(struct stretch *s, uint32_t function, uint64_t n)
{
    if (!s->open || n == 0) {
        return;
    }
    if (s->spent[function] == 0) {
        s->touched[s->touched_count++] = function;
    }
    s->spent[function] += n;
}

static void stretch_end(struct stretch *s)
{
    if (!s->open) {
        return;
    }
    const uint64_t length = executed - s->from;
    struct path *p = path_of(s);

    p->count++;
    p->total += length;
    if (length > p->longest) {
        p->longest = length;
        keep_top(p, s);
    }
    for (uint32_t i = 0; i < s->touched_count; i++) {
        s->spent[s->touched[i]] = 0;
    }
    s->touched_count = 0;
    s->open = false;
}

static void stretch_begin(struct stretch *s, const char *began)
{
    if (s->open || !armed) {
        return;
    }
    s->open = true;
    s->from = executed;
    s->began = began;
    s->row = NULL;
    s->works = false;
}

/* What was executed since the last look belongs to the function then. */
static void account(void)
{
    const uint64_t n = executed - looked;

    spend(&off, in, n);
    spend(&run, in, n);
    looked = executed;
}

/* ---- what happens ------------------------------------------------------- */

static void on_guest(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (!off.open && !run.open && !returning) {
        return;
    }
    account();
    stretch_end(&off);
    stretch_end(&run);
    armed = armed || returning;
    returning = false;
    nested = 0;
}

static void on_entry(const char *name)
{
    at_once = returning ? name : NULL;
    returning = false;
    if (off.open) {
        nested++;
        return;
    }
    stretch_begin(&off, name);
    stretch_begin(&run, name);
}

/* IRETQ, and at once another entry: if that one was from ring 3, IRETQ did not
 * fault. The guest was reached, and its first instruction could not be
 * fetched. */
static void on_from_guest(void)
{
    if (at_once != NULL) {
        const char *const name = at_once;
        account();
        stretch_end(&off);
        stretch_end(&run);
        nested = 0;
        on_entry(name);
    }
    at_once = NULL;
}

static void on_mark(const struct symbol *s)
{
    switch (s->mark) {
    case MARK_ENTRY:
        on_entry(s->name);
        break;
    case MARK_GUEST:
        on_from_guest();
        break;
    case MARK_ROW:
        off.row = off.row != NULL ? off.row : s->name;
        run.row = run.row != NULL ? run.row : s->name;
        break;
    case MARK_WORK:
        off.works = true;
        run.works = true;
        break;
    case MARK_PICK:
        stretch_end(&run);
        stretch_begin(&run, "after the scheduler's look");
        break;
    case MARK_NONE:
        break;
    }
}

/* A block of the image. */
static void on_host(unsigned int cpu, void *data)
{
    const struct symbol *s = data;

    (void)cpu;
    account();
    in = (uint32_t)(s - symbols);
}

static void on_start(unsigned int cpu, void *data)
{
    (void)cpu;
    on_mark(data);
}

static void on_sti(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    account();
    stretch_end(&off);
}

static void on_cli(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    account();
    if (!run.open) {
        stretch_begin(&off, "CLI");
        return;
    }
    stretch_begin(&off, run.began);
    off.row = run.row;
    off.works = run.works;
}

static void on_hlt(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    account();
    stretch_end(&run);
}

static void on_iret_guest(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    returning = true;
}

/* The return into ring 0: IF is what it was. */
static void on_iret_host(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (nested > 0) {
        nested--;
        return;
    }
    account();
    stretch_end(&off);
}

/* ---- translation -------------------------------------------------------- */

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

static void watch_insn(struct qemu_plugin_insn *insn, uint64_t at)
{
    const uint8_t *const bytes = qemu_plugin_insn_data(insn);
    const size_t size = qemu_plugin_insn_size(insn);
    qemu_exec_cb cb = NULL;

    if (size == 1 && bytes[0] == OPCODE_CLI) {
        cb = on_cli;
    } else if (size == 1 && bytes[0] == OPCODE_STI) {
        cb = on_sti;
    } else if (size == 1 && bytes[0] == OPCODE_HLT) {
        cb = on_hlt;
    } else if (size == 2 && bytes[0] == 0x48 && bytes[1] == 0xcf) {
        cb = at == iret_guest ? on_iret_guest : on_iret_host;
    }
    if (cb != NULL) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, cb, QEMU_CB_NO_REGS, NULL);
    }
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    uint64_t at = qemu_plugin_tb_vaddr(tb);
    const size_t count = qemu_plugin_tb_n_insns(tb);

    (void)id;
    if (at < IMAGE_FIRST || at > IMAGE_LAST) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_guest, QEMU_CB_NO_REGS,
                                             NULL);
        return;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_host, QEMU_CB_NO_REGS,
                                         symbol_of(at));
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct symbol *s = symbol_of(at);

        if (s->at == at && s->mark != MARK_NONE) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_start,
                                                   QEMU_CB_NO_REGS, s);
        }
        watch_insn(insn, at);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_INLINE_ADD_U64,
                                                   &executed, 1);
        at += qemu_plugin_insn_size(insn);
    }
}

/* ---- start and end ------------------------------------------------------ */

static enum mark mark_of(const char *name)
{
    if (strncmp(name, "stub_", 5) == 0 || strncmp(name, "entry_sys", 9) == 0) {
        return MARK_ENTRY;
    }
    if (strncmp(name, "hc_", 3) == 0) {
        return MARK_ROW;
    }
    if (strcmp(name, "guest_entry") == 0) {
        return MARK_GUEST;
    }
    if (strcmp(name, "sched_pick") == 0) {
        return MARK_PICK;
    }
    return strcmp(name, "domain_work") == 0 ? MARK_WORK : MARK_NONE;
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
        char name[256];
        if (sscanf(line, "%llx %c %255s", &at, &kind, name) != 3 ||
            (kind != 't' && kind != 'T') || at < IMAGE_FIRST ||
            symbol_count == SYMBOLS_MAX) {
            continue;
        }
        struct symbol *s = &symbols[symbol_count++];
        s->at = at;
        snprintf(s->name, sizeof(s->name), "%.*s", (int)NAME_BYTES - 1, name);
        s->mark = mark_of(name);
        if (strcmp(name, "iret_to_guest") == 0) {
            iret_guest = at;
        }
    }
    fclose(f);
    return symbol_count > 0 && iret_guest != 0;
}

static void write_paths(FILE *f, struct stretch *s)
{
    for (uint32_t i = 0; i < s->path_count; i++) {
        const struct path *p = &s->path[i];
        fprintf(f, "%s %llu %llu %llu %s:", s->kind,
                (unsigned long long)p->count, (unsigned long long)p->longest,
                (unsigned long long)p->total, p->name);
        for (uint32_t k = 0; k < TOP && p->top_count[k] != 0; k++) {
            fprintf(f, "%s %s %llu", k == 0 ? "" : ",", symbols[p->top[k]].name,
                    (unsigned long long)p->top_count[k]);
        }
        fprintf(f, "\n");
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
    write_paths(f, &off);
    write_paths(f, &run);
    fprintf(f, "end %llu\n", (unsigned long long)executed);
    fclose(f);
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
                        char **argv)
{
    const char *from = NULL;

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "symbols=", 8) == 0) {
            from = argv[i] + 8;
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = argv[i] + 4;
        }
    }
    if (from == NULL || out_path == NULL || !read_symbols(from)) {
        fprintf(stderr, "bounds: needs symbols=FILE,out=FILE\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
