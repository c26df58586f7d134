/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edges of the hypervisor, exactly: ring 0 has no indirect jump or call, so
 * fuzz/live/edges.py knows all blocks and all edges from the image. This plugin
 * is called at the first instruction of each block and looks up the edge from
 * the block before, on that CPU. A block that is entered by a call, a return or
 * a trap counts by itself. However QEMU cuts its own blocks does not matter.
 *
 * Arguments: edges=FILE (of edges.py), seen=FILE (a byte an edge, kept over
 * runs), ram=FILE and bytes=N of the machine's memory, in=, out= (pipes),
 * told=FILE, patience=N (hand_open).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/atomic.h"
#include "fuzz/live/live.h"
#include "tests/bounds/qemu_plugin.h"

#define CPUS 64u
#define BLOCKS_MAX 65536u
#define EDGES_MAX 131072u
#define NO_EDGE U32_MAX
#define MEM_WRITES 2

/* What only this plugin uses of the interface: see tests/bounds/qemu_plugin.h.
 */
typedef u32 meminfo_t;
struct qemu_plugin_hwaddr;
typedef void (*qemu_mem_cb)(unsigned int cpu, meminfo_t info, uint64_t va,
                            void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      qemu_mem_cb cb, enum qemu_cb_flags flags,
                                      int rw, void *data);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(meminfo_t info, uint64_t va);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *h);

int qemu_plugin_version = QEMU_PLUGIN_API;

struct block {
    u64 at;
    u32 edge;         /* of its own, or NO_EDGE: by where one came from */
    u32 first, count; /* of from[] */
    bool is_dispatch;
};

static struct block blocks[BLOCKS_MAX];
static struct {
    u32 block, edge;
} from[EDGES_MAX];
static u32 block_count, edge_count;
static u32 before[CPUS]; /* block of each CPU */
static u8 *seen;
static u8 *ram;
static u64 ram_bytes;

u32 edges_seen;
u64 dispatch_entries;

/* ---- edges ------------------------------------------------------------------
 */

static void edge_taken(u32 edge)
{
    if (seen[edge] == 0) {
        seen[edge] = 1;
        (void)__atomic_add_fetch(&edges_seen, 1, __ATOMIC_RELAXED);
    }
}

static void on_block(unsigned int cpu, void *data)
{
    const struct block *const b = data;
    u32 *const last = &before[cpu % CPUS];

    if (b->edge != NO_EDGE) {
        edge_taken(b->edge);
        if (b->is_dispatch) {
            (void)__atomic_add_fetch(&dispatch_entries, 1, __ATOMIC_RELAXED);
        }
    } else {
        for (u32 i = b->first; i < b->first + b->count; i++) {
            if (from[i].block == *last) {
                edge_taken(from[i].edge);
                break;
            }
        }
    }
    *last = (u32)(b - blocks);
}

static struct block *block_at(u64 at)
{
    u32 low = 0;
    u32 high = block_count;

    while (low < high) {
        const u32 middle = (low + high) / 2;

        if (blocks[middle].at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < block_count && blocks[low].at == at ? &blocks[low] : NULL;
}

/* Lines of edges.py, blocks by address, edges by the block they go to:
 *   b ADDRESS | B ADDRESS (by itself) | D ADDRESS (the same, dispatch)
 *   e FROM    an edge to the block of the last b line */
static bool read_edges(const char *path)
{
    FILE *const f = fopen(path, "r");
    char kind;
    unsigned long long n;

    while (f != NULL && fscanf(f, " %c %llx", &kind, &n) == 2) {
        if (block_count == BLOCKS_MAX || edge_count == EDGES_MAX) {
            return false;
        }
        if (kind == 'e') {
            struct block *const b = &blocks[block_count - 1];

            from[edge_count].block = (u32)n;
            from[edge_count].edge = edge_count;
            b->count++;
            edge_count++;
            continue;
        }
        blocks[block_count++] =
            (struct block){ .at = n, .edge = NO_EDGE, .first = edge_count };
        if (kind != 'b') {
            blocks[block_count - 1].edge = edge_count++;
            blocks[block_count - 1].is_dispatch = kind == 'D';
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return edge_count != 0;
}

/* ---- asking -----------------------------------------------------------------
 */

static void on_ask(unsigned int cpu, meminfo_t info, uint64_t va, void *data)
{
    struct qemu_plugin_hwaddr *const h = qemu_plugin_get_hwaddr(info, va);

    (void)cpu;
    (void)data;
    if (h == NULL) {
        return;
    }
    /* said is the first word of the page. */
    const u64 at = qemu_plugin_hwaddr_phys_addr(h);

    if (at % PAGE_BYTES == 0 && at + PAGE_BYTES <= ram_bytes) {
        hand_ask((struct mailbox *)(void *)(ram + at));
    }
}

static bool is_mark(struct qemu_plugin_insn *insn)
{
    const u8 *const b = qemu_plugin_insn_data(insn);
    u32 word;

    if (qemu_plugin_insn_size(insn) != 7 || b[0] != 0x0f || b[1] != 0x1f ||
        b[2] != 0x80) {
        return false;
    }
    memcpy(&word, b + 3, sizeof(word));
    return word == MAILBOX_MARK;
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    const size_t count = qemu_plugin_tb_n_insns(tb);
    u64 at = qemu_plugin_tb_vaddr(tb);

    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct block *const b = block_at(at);

        if (b != NULL) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_block,
                                                   QEMU_CB_NO_REGS, b);
        }
        if (i != 0 && is_mark(qemu_plugin_tb_get_insn(tb, i - 1))) {
            qemu_plugin_register_vcpu_mem_cb(insn, on_ask, QEMU_CB_NO_REGS,
                                             MEM_WRITES, NULL);
        }
        at += qemu_plugin_insn_size(insn);
    }
}

/* ---- start ------------------------------------------------------------------
 */

static void *map_file(const char *path, u64 bytes)
{
    const int fd = open(path, O_RDWR);
    void *const map =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return map == MAP_FAILED ? NULL : map;
}

static const char *argument(int argc, char **argv, const char *name)
{
    const size_t length = strlen(name);

    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') {
            return argv[i] + length + 1;
        }
    }
    return "";
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
                        char **argv)
{
    const u32 patience =
        (u32)strtoul(argument(argc, argv, "patience"), NULL, 10);

    (void)info;
    ram_bytes = strtoull(argument(argc, argv, "bytes"), NULL, 10);
    ram = map_file(argument(argc, argv, "ram"), ram_bytes);
    if (ram == NULL || !read_edges(argument(argc, argv, "edges"))) {
        fprintf(stderr, "live: bad ram=, bytes= or edges=\n");
        return 1;
    }
    seen = map_file(argument(argc, argv, "seen"), edge_count);
    for (u32 i = 0; seen != NULL && i < edge_count; i++) {
        edges_seen += seen[i] != 0;
    }
    if (seen == NULL ||
        !hand_open(argument(argc, argv, "in"), argument(argc, argv, "out"),
                   argument(argc, argv, "told"), patience)) {
        fprintf(stderr, "live: bad seen=, in=, out= or told=\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
