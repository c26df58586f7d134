/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin of QEMU that counts the instructions of a benchmark row by layer
 * and by function, and those that cost a processor much more than one.
 *
 * A row begins and ends with a NOP of guests/bench/bench.h. Each instruction
 * adds one to a counter of its function in line, so that nothing is called but
 * at a row's ends, where all counters are compared.
 *
 * Layers go by address: below the hole the guest's user, slots 256..271 the
 * hypervisor (the ABI gives them to it, Ringfence and Xen alike), above the
 * guest's kernel. A processor without a hypervisor has the first and the last.
 *
 * To the output, for each row in order:
 *
 *   begin
 *   event LAYER EVENT COUNT         one of events[]
 *   function LAYER NAME COUNT CALLS
 *   address ADDRESS COUNT           of the hypervisor's, with lines=on
 *   end
 *
 * Arguments: out=FILE, lines=on, symbols=FILE as often as wanted (as `nm -n`
 * prints). What lies behind no symbol is called "?".
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guests/bench/bench.h"
#include "tests/bounds/qemu_plugin.h"

#define USER_END 0x0000800000000000ull
#define HV_FIRST 0xffff800000000000ull
#define HV_END 0xffff880000000000ull
#define IMAGE_FIRST 0xffff820000000000ull /* of Ringfence */
#define LINES_MAX (4u << 20)
#define SYMBOLS_MAX 400000u
#define NAME_BYTES 56u

int qemu_plugin_version = QEMU_PLUGIN_API;

enum layer { USER, KERNEL, HYPERVISOR, LAYERS };

static const char *const layer_names[LAYERS] = { "user", "kernel", "hv" };

/* An instruction known by its bytes after prefixes: those under the mask. */
struct event {
    const char *name;
    uint8_t bytes[3], mask[3];
};

static const struct event events[] = {
    { "syscall", { 0x0f, 0x05 }, { 0xff, 0xff } },
    { "sysret", { 0x0f, 0x07 }, { 0xff, 0xff } },
    { "iret", { 0xcf }, { 0xff } },
    { "cr3_load", { 0x0f, 0x22, 0x18 }, { 0xff, 0xff, 0x38 } },
    { "cr_load", { 0x0f, 0x22, 0x00 }, { 0xff, 0xff, 0x00 } },
    { "clts", { 0x0f, 0x06 }, { 0xff, 0xff } },
    { "invlpg", { 0x0f, 0x01, 0x38 }, { 0xff, 0xff, 0xf8 } },
    { "wrmsr", { 0x0f, 0x30 }, { 0xff, 0xff } },
    { "rdmsr", { 0x0f, 0x32 }, { 0xff, 0xff } },
    { "rdtsc", { 0x0f, 0x31 }, { 0xff, 0xff } },
    { "swapgs", { 0x0f, 0x01, 0xf8 }, { 0xff, 0xff, 0xff } },
    { "fsgsbase", { 0x0f, 0xae, 0xc0 }, { 0xff, 0xff, 0xe0 } },
    { "xsave", { 0x0f, 0xae, 0x20 }, { 0xff, 0xff, 0xb0 } },
    { "lgdt", { 0x0f, 0x01, 0x10 }, { 0xff, 0xff, 0xb0 } },
    { "ltr_lldt", { 0x0f, 0x00, 0x10 }, { 0xff, 0xff, 0x30 } },
    { "dr", { 0x0f, 0x21, 0x00 }, { 0xff, 0xfd, 0x00 } },
    { "cpuid", { 0x0f, 0xa2 }, { 0xff, 0xff } },
    { "hlt", { 0xf4 }, { 0xff } },
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

/* Behind them one that goes by a prefix. */
#define EVENT_LOCKED EVENTS
#define EVENT_KINDS (EVENTS + 1)

struct symbol {
    uint64_t at;
    uint64_t count, calls;           /* so far */
    uint64_t count_then, calls_then; /* when the row began */
    char name[NAME_BYTES];
};

static struct symbol symbols[SYMBOLS_MAX];
static uint32_t symbol_count;
static uint64_t event_count[LAYERS][EVENT_KINDS];
static uint64_t event_then[LAYERS][EVENT_KINDS];
static FILE *out;

/* One a byte of the hypervisor's image, counted with lines=on. */
static uint64_t *line_count;
static uint64_t *line_then;

static enum layer layer_of(uint64_t at)
{
    if (at >= HV_FIRST && at < HV_END) {
        return HYPERVISOR;
    }
    return at < USER_END ? USER : KERNEL;
}

/* ---- rows --------------------------------------------------------------- */

static void on_begin(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    for (uint32_t i = 0; i < symbol_count; i++) {
        symbols[i].count_then = symbols[i].count;
        symbols[i].calls_then = symbols[i].calls;
    }
    memcpy(event_then, event_count, sizeof(event_then));
    if (line_count != NULL) {
        memcpy(line_then, line_count, LINES_MAX * sizeof(line_count[0]));
    }
}

static void write_events(enum layer layer)
{
    for (size_t e = 0; e < EVENT_KINDS; e++) {
        const uint64_t n = event_count[layer][e] - event_then[layer][e];
        if (n != 0) {
            fprintf(out, "event %s %s %llu\n", layer_names[layer],
                    e == EVENT_LOCKED ? "locked" : events[e].name,
                    (unsigned long long)n);
        }
    }
}

static void on_end(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    fprintf(out, "begin\n");
    for (int layer = 0; layer < LAYERS; layer++) {
        write_events((enum layer)layer);
    }
    for (uint32_t i = 0; i < symbol_count; i++) {
        const struct symbol *const s = &symbols[i];
        if (s->count != s->count_then) {
            fprintf(out, "function %s %s %llu %llu\n",
                    layer_names[layer_of(s->at)], s->name,
                    (unsigned long long)(s->count - s->count_then),
                    (unsigned long long)(s->calls - s->calls_then));
        }
    }
    for (uint64_t i = 0; line_count != NULL && i < LINES_MAX; i++) {
        if (line_count[i] != line_then[i]) {
            fprintf(out, "address %llx %llu\n",
                    (unsigned long long)(IMAGE_FIRST + i),
                    (unsigned long long)(line_count[i] - line_then[i]));
        }
    }
    fprintf(out, "end\n");
    fflush(out);
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

static void count_event(struct qemu_plugin_insn *insn, enum layer layer,
                        size_t event)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_INLINE_ADD_U64,
                                               &event_count[layer][event], 1);
}

static void watch_event(struct qemu_plugin_insn *insn, enum layer layer)
{
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    size_t size = qemu_plugin_insn_size(insn);

    while (size > 1 &&
           (bytes[0] == 0x66 || bytes[0] == 0xf0 || bytes[0] == 0xf2 ||
            bytes[0] == 0xf3 || bytes[0] == 0x2e || bytes[0] == 0x65 ||
            bytes[0] >> 4 == 4)) {
        if (bytes[0] == 0xf0) {
            count_event(insn, layer, EVENT_LOCKED);
            return;
        }
        bytes++;
        size--;
    }
    for (size_t e = 0; e < EVENTS; e++) {
        bool is_it = true;
        for (size_t i = 0; i < 3 && is_it; i++) {
            const uint8_t have = i < size ? bytes[i] : 0;
            is_it = (have & events[e].mask[i]) == events[e].bytes[i];
        }
        if (is_it) {
            count_event(insn, layer, e);
            return;
        }
    }
}

static void watch_mark(struct qemu_plugin_insn *insn)
{
    const uint8_t *const bytes = qemu_plugin_insn_data(insn);
    uint32_t value;

    if (qemu_plugin_insn_size(insn) != 7 || bytes[0] != 0x0f ||
        bytes[1] != 0x1f || bytes[2] != 0x80) {
        return;
    }
    memcpy(&value, bytes + 3, sizeof(value));
    if (value == MARK_BEGIN || value == MARK_END) {
        qemu_plugin_register_vcpu_insn_exec_cb(
            insn, value == MARK_BEGIN ? on_begin : on_end, QEMU_CB_NO_REGS,
            NULL);
    }
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    uint64_t at = qemu_plugin_tb_vaddr(tb);
    const enum layer layer = layer_of(at);
    const size_t count = qemu_plugin_tb_n_insns(tb);

    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, i);
        struct symbol *const s = symbol_of(at);

        if (layer == USER) {
            watch_mark(insn);
        }
        watch_event(insn, layer);
        if (s->at == at) {
            qemu_plugin_register_vcpu_insn_exec_inline(
                insn, QEMU_INLINE_ADD_U64, &s->calls, 1);
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_INLINE_ADD_U64,
                                                   &s->count, 1);
        if (line_count != NULL && at - IMAGE_FIRST < LINES_MAX) {
            qemu_plugin_register_vcpu_insn_exec_inline(
                insn, QEMU_INLINE_ADD_U64, &line_count[at - IMAGE_FIRST], 1);
        }
        at += qemu_plugin_insn_size(insn);
    }
}

/* ---- start -------------------------------------------------------------- */

static void add_symbol(uint64_t at, const char *name)
{
    if (symbol_count == SYMBOLS_MAX) {
        fprintf(stderr, "layers: too many symbols\n");
        abort();
    }
    struct symbol *const s = &symbols[symbol_count++];
    s->at = at;
    snprintf(s->name, sizeof(s->name), "%.*s", (int)NAME_BYTES - 1, name);
}

static bool read_symbols(const char *file)
{
    FILE *const f = fopen(file, "r");
    char line[512];

    if (f == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        unsigned long long at;
        char kind;
        char name[256];
        if (sscanf(line, "%llx %c %255s", &at, &kind, name) == 3 &&
            (kind == 't' || kind == 'T' || kind == 'W') && at >= HV_FIRST) {
            add_symbol(at, name);
        }
    }
    fclose(f);
    return true;
}

static int by_address(const void *a, const void *b)
{
    const struct symbol *const left = a;
    const struct symbol *const right = b;

    return (left->at > right->at) - (left->at < right->at);
}

/* Names of one address: the first stays. */
static void sort_symbols(void)
{
    uint32_t kept = 1;

    qsort(symbols, symbol_count, sizeof(symbols[0]), by_address);
    for (uint32_t i = 1; i < symbol_count; i++) {
        if (symbols[i].at != symbols[kept - 1].at) {
            symbols[kept++] = symbols[i];
        }
    }
    symbol_count = kept;
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
                        char **argv)
{
    (void)info;
    add_symbol(0, "?");
    add_symbol(HV_FIRST, "?");
    add_symbol(HV_END, "?");
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "symbols=", 8) == 0 &&
            !read_symbols(argv[i] + 8)) {
            perror(argv[i]);
            return -1;
        }
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        }
        if (strcmp(argv[i], "lines=on") == 0) {
            line_count = calloc(LINES_MAX, sizeof(line_count[0]));
            line_then = calloc(LINES_MAX, sizeof(line_then[0]));
        }
    }
    if (out == NULL) {
        fprintf(stderr, "layers: needs out=FILE\n");
        return -1;
    }
    sort_symbols();
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
