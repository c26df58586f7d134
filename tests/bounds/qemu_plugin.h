/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bounds.c uses of the interface that QEMU offers to plugins, version 1,
 * as the QEMU documentation ("QEMU TCG Plugins") describes it. No package of
 * Debian 12 carries a header for it; the functions are exported by the QEMU
 * program itself.
 *
 * QEMU looks for two symbols of a plugin: qemu_plugin_version, the version
 * that it was written for, and qemu_plugin_install, called once at start.
 */
#ifndef TESTS_BOUNDS_QEMU_PLUGIN_H
#define TESTS_BOUNDS_QEMU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define QEMU_PLUGIN_API 1

struct qemu_plugin_tb;   /* a block of translated instructions */
struct qemu_plugin_insn; /* one of its instructions */
struct qemu_info;        /* about the emulator; not looked at */

enum qemu_cb_flags { QEMU_CB_NO_REGS };
enum qemu_inline_op { QEMU_INLINE_ADD_U64 };

typedef void (*qemu_trans_cb)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_exec_cb)(unsigned int cpu, void *data);
typedef void (*qemu_exit_cb)(uint64_t id, void *data);

/* Called when a block is translated; the one place to ask for the others. */
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, qemu_trans_cb cb);
/* Called, or added, each time before a block or an instruction is executed. */
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                          qemu_exec_cb cb,
                                          enum qemu_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            qemu_exec_cb cb,
                                            enum qemu_cb_flags flags,
                                            void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                enum qemu_inline_op op,
                                                void *counter, uint64_t add);
void qemu_plugin_register_atexit_cb(uint64_t id, qemu_exit_cb cb, void *data);

uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

/* What a plugin has to export. */
extern int qemu_plugin_version;
int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
                        char **argv);

#endif
