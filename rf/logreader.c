/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of a log; see logreader.h. */
#include "rf/logreader.h"

void audit_reader_init(struct audit_reader *reader)
{
    reader->seq = 0;
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        reader->head[i] = 0;
    }
    for (u32 i = 0; i < 16; i++) {
        reader->boot_id[i] = 0;
    }
}

static bool format_ok(const struct audit_record *r)
{
    return r->version == AUDIT_VERSION && r->event < AUDIT_EVENT_COUNT &&
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

enum audit_fault audit_next(struct audit_reader *reader, const u8 *data,
                            u64 bytes, u64 *at, struct audit_record *out)
{
    enum audit_fault fault = take(data + *at, bytes - *at, out);
    u8 head[SHA256_BYTES];

    if (fault == AUDIT_GOOD) {
        fault = check_place(reader, out);
    }
    if (fault != AUDIT_GOOD) {
        return fault;
    }
    audit_chain(out, reader->head, head);
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        reader->head[i] = head[i];
    }
    for (u32 i = 0; i < 16; i++) {
        reader->boot_id[i] = out->boot_id[i];
    }
    reader->seq++;
    *at += out->bytes;
    return AUDIT_GOOD;
}

struct audit_verdict audit_verify(const u8 *data, u64 bytes)
{
    struct audit_verdict v = { .fault = AUDIT_GOOD };
    struct audit_reader reader;
    struct audit_record r;

    audit_reader_init(&reader);
    if (bytes == 0) {
        v.fault = AUDIT_FAULT_TRUNCATED;
    }
    while (v.offset < bytes && v.fault == AUDIT_GOOD) {
        v.fault = audit_next(&reader, data, bytes, &v.offset, &r);
        if (v.fault == AUDIT_GOOD) {
            v.is_closed =
                r.event == AUDIT_HOST_SHUTDOWN || r.event == AUDIT_PANIC;
        }
    }
    v.good = reader.seq;
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        v.head[i] = reader.head[i];
    }
    return v;
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
