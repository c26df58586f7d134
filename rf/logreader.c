/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of a log; see logreader.h. */
#include "rf/logreader.h"

#include <string.h>

#include "audit/log.h"

void audit_reader_init(struct audit_reader *reader)
{
    memset(reader, 0, sizeof(*reader));
}

void audit_reader_key(struct audit_reader *reader, const u8 key[SHA256_BYTES])
{
    reader->has_key = true;
    memcpy(reader->key, key, SHA256_BYTES);
}

static bool format_ok(const struct audit_record *r)
{
    return r->version == AUDIT_VERSION && audit_event_name(r->event) != NULL &&
           r->family == (u8)audit_event_family(r->event) &&
           r->phase <= AUDIT_OUTCOME && r->decision <= AUDIT_FAILED &&
           r->actor_kernel <= 1;
}

/* Fields one after the other, then zeroes to the end. */
static bool fields_ok(const struct audit_record *r)
{
    const u32 room = r->bytes - AUDIT_HEADER_BYTES;
    u32 at = 0;

    while (at + 4 <= room) {
        const u32 type = r->field[at] | (u32)r->field[at + 1] << 8;
        const u32 bytes = r->field[at + 2] | (u32)r->field[at + 3] << 8;

        if (type == 0) {
            break;
        }
        if (bytes > room - at - 4) {
            return false;
        }
        at += 4 + bytes;
    }
    for (; at < room; at++) {
        if (r->field[at] != 0) {
            return false;
        }
    }
    return true;
}

static enum audit_fault check_place(const struct audit_reader *reader,
                                    const struct audit_record *r)
{
    for (u32 i = 0; i < 16 && reader->seq > 0; i++) {
        if (r->boot_id[i] != reader->boot_id[i]) {
            return AUDIT_FAULT_BOOT;
        }
    }
    if (r->seq != reader->seq || (r->event == AUDIT_BOOT) != (r->seq == 0)) {
        return AUDIT_FAULT_SEQ;
    }
    if (!sha256_equal(r->prev, reader->head)) {
        return AUDIT_FAULT_CHAIN;
    }
    return fields_ok(r) ? AUDIT_GOOD : AUDIT_FAULT_FIELDS;
}

/* The record's bytes into *out; what can be said of it alone. */
static enum audit_fault take(const u8 *data, u64 bytes,
                             struct audit_record *out)
{
    u8 *const to = (u8 *)out;
    u64 length = 0;

    for (u32 i = 0; i < 4 && i < bytes; i++) {
        if (data[i] != (u8)AUDIT_MAGIC[i]) {
            return AUDIT_FAULT_MAGIC;
        }
    }
    if (bytes < AUDIT_HEADER_BYTES) {
        return AUDIT_FAULT_TRUNCATED;
    }
    length = data[6] | (u64)data[7] << 8;
    if (length < AUDIT_HEADER_BYTES || length > AUDIT_RECORD_BYTES ||
        length % 16 != 0) {
        return AUDIT_FAULT_FORMAT;
    }
    if (length > bytes) {
        return AUDIT_FAULT_TRUNCATED;
    }
    for (u64 i = 0; i < AUDIT_RECORD_BYTES; i++) {
        to[i] = i < length ? data[i] : 0;
    }
    if (out->check != audit_check_value(out)) {
        return AUDIT_FAULT_CHECK;
    }
    return format_ok(out) ? AUDIT_GOOD : AUDIT_FAULT_FORMAT;
}

void audit_tree_root(const struct audit_tree *tree, u8 out[SHA256_BYTES])
{
    u32 left = tree->nodes;

    memset(out, 0, SHA256_BYTES);
    if (left > 0) {
        left--;
        memcpy(out, tree->node[left], SHA256_BYTES);
    }
    while (left > 0) {
        left--;
        audit_node(tree->node[left], out, out);
    }
}

/* Its two fields, and nothing that a seal does not say. */
static bool seal_form_ok(const struct audit_record *r)
{
    static const u8 heads[2][4] = {
        { AUDIT_FIELD_TREE, 0, SHA256_BYTES, 0 },
        { AUDIT_FIELD_MAC, 0, SHA256_BYTES, 0 },
    };

    return r->bytes >= AUDIT_HEADER_BYTES + AUDIT_MAC_AT + SHA256_BYTES &&
           memcmp(r->field, heads[0], 4) == 0 &&
           memcmp(r->field + AUDIT_MAC_AT - 4, heads[1], 4) == 0;
}

/* The seal's code, with the key that is due; and the key after it. */
static bool code_ok(struct audit_reader *reader, const struct audit_record *r)
{
    struct audit_record bare = *r;
    u8 code[SHA256_BYTES];

    bare.check = 0;
    memset(bare.field + AUDIT_MAC_AT, 0, SHA256_BYTES);
    audit_chain(&bare, reader->head, code);
    audit_hmac(reader->key, code, SHA256_BYTES, code);
    if (!sha256_equal(code, r->field + AUDIT_MAC_AT)) {
        return false;
    }
    audit_hmac(reader->key, "next", 4, reader->key);
    return true;
}

static enum audit_fault check_seal(struct audit_reader *reader,
                                   const struct audit_record *r)
{
    u8 root[SHA256_BYTES];

    audit_tree_root(&reader->tree, root);
    if (!seal_form_ok(r) || r->arg[0] != reader->epoch ||
        !sha256_equal(root, r->field + AUDIT_TREE_AT)) {
        return AUDIT_FAULT_SEAL;
    }
    if (reader->has_key && !code_ok(reader, r)) {
        return AUDIT_FAULT_CODE;
    }
    memcpy(reader->root, root, SHA256_BYTES);
    reader->epoch++;
    reader->sealed = r->seq;
    return AUDIT_GOOD;
}

/* Records come in time's order, and none is later than its seal may be. */
static enum audit_fault check_time(const struct audit_reader *reader,
                                   const struct audit_record *r)
{
    const u64 first = reader->epoch == 0 ? 0 : reader->sealed + 1;
    const u64 open = reader->seq - first;

    if (r->mono_ns < reader->last_ns) {
        return AUDIT_FAULT_SEQ;
    }
    if (r->event == AUDIT_SEAL) {
        return open > 0 && open < AUDIT_SEAL_RECORDS ? AUDIT_GOOD
                                                     : AUDIT_FAULT_SEAL;
    }
    return open == 0 || (open < AUDIT_SEAL_RECORDS - 1 &&
                         r->mono_ns - reader->open_ns < AUDIT_SEAL_NS)
               ? AUDIT_GOOD
               : AUDIT_FAULT_UNSEALED;
}

static void take_in(struct audit_reader *reader, const struct audit_record *r)
{
    const u64 first = reader->epoch == 0 ? 0 : reader->sealed + 1;

    if (reader->seq == first) {
        reader->open_ns = r->mono_ns;
    }
    reader->is_closed = r->event == AUDIT_SEAL && reader->has_ended;
    reader->has_ended =
        r->event == AUDIT_HOST_SHUTDOWN || r->event == AUDIT_PANIC;
    reader->last_ns = r->mono_ns;
    memcpy(reader->boot_id, r->boot_id, sizeof(reader->boot_id));
    audit_chain(r, reader->head, reader->head);
    audit_tree_add(&reader->tree, reader->head);
    while (reader->tree.merges > 0) {
        audit_tree_merge(&reader->tree);
    }
    reader->seq++;
}

enum audit_fault audit_next(struct audit_reader *reader, const u8 *data,
                            u64 bytes, u64 *at, struct audit_record *out)
{
    enum audit_fault fault = take(data + *at, bytes - *at, out);

    if (fault == AUDIT_GOOD) {
        fault = check_place(reader, out);
    }
    if (fault == AUDIT_GOOD) {
        fault = check_time(reader, out);
    }
    if (fault == AUDIT_GOOD && reader->seq == 0 && reader->has_key) {
        audit_hmac(reader->key, out->boot_id, 16, reader->key);
    }
    if (fault == AUDIT_GOOD && out->event == AUDIT_SEAL) {
        fault = check_seal(reader, out);
    }
    if (fault != AUDIT_GOOD) {
        return fault;
    }
    take_in(reader, out);
    *at += out->bytes;
    return AUDIT_GOOD;
}

struct audit_verdict audit_verdict_of(const struct audit_reader *reader,
                                      enum audit_fault fault, u64 offset)
{
    struct audit_verdict v = { .fault = fault,
                               .good = reader->seq,
                               .offset = offset,
                               .is_closed = reader->is_closed,
                               .epochs = reader->epoch,
                               .sealed = reader->sealed };

    memcpy(v.root, reader->root, SHA256_BYTES);
    memcpy(v.head, reader->head, SHA256_BYTES);
    return v;
}

struct audit_verdict audit_verify(const u8 *data, u64 bytes, const u8 *key)
{
    enum audit_fault fault = bytes == 0 ? AUDIT_FAULT_TRUNCATED : AUDIT_GOOD;
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;

    audit_reader_init(&reader);
    if (key != NULL) {
        audit_reader_key(&reader, key);
    }
    while (at < bytes && fault == AUDIT_GOOD) {
        fault = audit_next(&reader, data, bytes, &at, &r);
    }
    return audit_verdict_of(&reader, fault, at);
}

const char *audit_fault_text(enum audit_fault fault)
{
    static const char *const texts[AUDIT_FAULT_COUNT] = {
        [AUDIT_GOOD] = "every record is in its place",
        [AUDIT_FAULT_TRUNCATED] = "the log ends inside a record",
        [AUDIT_FAULT_MAGIC] = "no record starts here",
        [AUDIT_FAULT_FORMAT] = "the record is not of this format",
        [AUDIT_FAULT_CHECK] = "the record is damaged",
        [AUDIT_FAULT_BOOT] = "the record is of another boot",
        [AUDIT_FAULT_SEQ] = "records are missing, repeated or out of order",
        [AUDIT_FAULT_CHAIN] = "the record before is not the one that was there",
        [AUDIT_FAULT_FIELDS] = "the record's fields do not fill it",
        [AUDIT_FAULT_UNSEALED] = "a seal is missing in front of the record",
        [AUDIT_FAULT_SEAL] = "the seal is not the one that is due here",
        [AUDIT_FAULT_CODE] = "the seal was not made with this key",
    };

    return (u32)fault < AUDIT_FAULT_COUNT ? texts[fault] : "unknown fault";
}

#define EVENT(number, name, family, arg0, arg1, arg2, doc)                     \
    [number] = { #name, { arg0, arg1, arg2 }, doc },
static const struct {
    const char *name;
    const char *arg[3];
    const char *doc;
} events[AUDIT_EVENT_COUNT] = {
#include "audit/events.def"
};
#undef EVENT

const char *audit_event_name(u32 event)
{
    return event < AUDIT_EVENT_COUNT ? events[event].name : NULL;
}

const char *audit_event_arg(u32 event, u32 arg)
{
    return event < AUDIT_EVENT_COUNT && arg < 3 ? events[event].arg[arg] : NULL;
}

const char *audit_event_doc(u32 event)
{
    return event < AUDIT_EVENT_COUNT ? events[event].doc : NULL;
}
