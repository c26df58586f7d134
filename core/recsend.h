/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log between who writes to it (record.c) and how records leave it
 * (recsend.c). Lock: record_lock (rank audit) around record_log.
 */
#ifndef CORE_RECSEND_H
#define CORE_RECSEND_H

#include "audit/log.h"
#include "core/ids.h"
#include "core/lock.h"

extern struct lock record_lock;
extern struct audit_log record_log;

/* Before the first record: root key of the seals; is there a port? */
void record_send_begin(const u8 key[32], const u8 boot_id[16], bool has_port);
struct audit_now record_now(void);
/* Drop record_lock; something is to be sent. */
void record_let_go(void) RF_DROPS(&record_lock);
/* One turn of waiting for the port; it is given up when it is too late. */
void record_port_wait(ns_t until);

/* In a panic: nobody else sends any more, and record_lock is taken. False: it
 * is not to be had. */
bool record_seize(void) MUST_CHECK RF_UNCHECKED_LOCKS;
/* ... all that is left, by polling. False: the port does not take it. */
bool record_send_rest(void) MUST_CHECK;

#endif
