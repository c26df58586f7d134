/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of requests.def: see requests.h. Each handler is answer_<name>;
 * it finds the payload and puts what it has to say into the answer.
 */
#include "guests/domain0/requests.h"
#include "guests/domain0/bytes.h"
#include "guests/domain0/txn.h"
#include "guests/domain0/watch.h"

enum payload { NONE, PATH, VALUE, TEXTS, DENIED };

/* A request under way. */
struct request {
    struct view view;
    u32 tx_id;
    const u8 *rest; /* of the payload, behind what was taken */
    u32 bytes;
    struct path *path;
    struct message *out;
};

/* ---- payloads in ----------------------------------------------------------
 */

/* The next string of the payload. False: its NUL is missing. */
static bool take_text(struct request *r, struct text *t)
{
    for (u32 i = 0; i < r->bytes; i++) {
        if (r->rest[i] == '\0') {
            *t = (struct text){ r->rest, i };
            r->rest += i + 1;
            r->bytes -= i + 1;
            return true;
        }
    }
    return false;
}

/* A number of at most so much, and nothing else. */
static bool take_number(struct request *r, u32 most, u32 *out)
{
    struct text t;
    u64 n = 0;
    if (!take_text(r, &t) || t.bytes == 0 || t.bytes > 10) {
        return false;
    }
    for (u32 i = 0; i < t.bytes; i++) {
        if (t.at[i] < '0' || t.at[i] > '9') {
            return false;
        }
        n = n * 10 + (u64)(t.at[i] - '0');
    }
    *out = (u32)n;
    return n <= most;
}

/* A path, which need not end in NUL when it is all of the payload's rest:
 * some clients send it so. */
static enum xs_error take_path(struct request *r)
{
    struct text t;
    if (!take_text(r, &t)) {
        return XS_EINVAL;
    }
    return path_make(r->path, r->view.domid, t.at, t.bytes, false);
}

/* ---- answers out ----------------------------------------------------------
 */

static void say(struct message *out, const char *text)
{
    for (; *text != '\0'; text++) {
        out->payload[out->bytes++] = (u8)*text;
    }
}

static void say_number(struct message *out, u64 n)
{
    char digits[NUMBER_CHARS];

    say(out, bytes_number(digits, n));
}

static void say_end(struct message *out)
{
    out->payload[out->bytes++] = '\0';
}

static enum xs_error say_ok(struct message *out, enum xs_error e)
{
    if (e == XS_OK) {
        say(out, "OK");
        say_end(out);
    }
    return e;
}

/* ---- the store ------------------------------------------------------------
 */

static enum xs_error answer_directory(struct request *r)
{
    struct listing l = { .room = PAYLOAD_MAX, .to = r->out->payload };
    const enum xs_error e = store_list(&r->view, r->path, &l);
    if (e == XS_OK && l.total > PAYLOAD_MAX) {
        return XS_E2BIG;
    }
    r->out->bytes = e == XS_OK ? l.bytes : 0;
    return e;
}

static enum xs_error answer_directory_part(struct request *r)
{
    u32 offset;
    enum xs_error e = take_path(r);
    if (e != XS_OK || !take_number(r, U32_MAX, &offset)) {
        return XS_EINVAL;
    }
    /* The generation takes at most 21 bytes in front of the names. */
    struct listing l = { .offset = offset,
                         .room = PAYLOAD_MAX - 21,
                         .to = r->out->payload + 21 };
    e = store_list(&r->view, r->path, &l);
    if (e != XS_OK) {
        return e;
    }
    say_number(r->out, l.generation);
    say_end(r->out);
    const u32 at = r->out->bytes;
    for (u32 i = 0; i < l.bytes; i++) {
        r->out->payload[at + i] = l.to[i];
    }
    r->out->bytes = at + l.bytes;
    if (offset + (u64)l.bytes >= l.total && r->out->bytes < PAYLOAD_MAX) {
        say_end(r->out); /* an empty name: this was the end */
    }
    return XS_OK;
}

static enum xs_error answer_read(struct request *r)
{
    u32 bytes = 0;
    const enum xs_error e =
        store_read(&r->view, r->path, r->out->payload, &bytes);
    r->out->bytes = bytes;
    return e;
}

static enum xs_error answer_write(struct request *r)
{
    return say_ok(r->out, store_write(&r->view, r->path, r->rest, r->bytes));
}

static enum xs_error answer_mkdir(struct request *r)
{
    return say_ok(r->out, store_mkdir(&r->view, r->path));
}

static enum xs_error answer_rm(struct request *r)
{
    return say_ok(r->out, store_remove(&r->view, r->path));
}

static const char access_letters[4] = { 'n', 'r', 'w', 'b' };

static enum xs_error answer_get_perms(struct request *r)
{
    struct perm perm[PERMS_MAX];
    u32 count = 0;
    const enum xs_error e = store_perms(&r->view, r->path, perm, &count);
    for (u32 i = 0; e == XS_OK && i < count; i++) {
        r->out->payload[r->out->bytes++] = (u8)access_letters[perm[i].access];
        say_number(r->out, perm[i].domid);
        say_end(r->out);
    }
    return e;
}

static bool take_perm(struct request *r, struct perm *perm)
{
    u32 domid;
    if (r->bytes == 0) {
        return false;
    }
    const u8 letter = *r->rest;
    perm->access = 0;
    while (access_letters[perm->access] != (char)letter) {
        if (++perm->access == 4) {
            return false;
        }
    }
    r->rest++;
    r->bytes--;
    if (!take_number(r, 0x7fef, &domid)) {
        return false;
    }
    perm->domid = (u16)domid;
    return true;
}

static enum xs_error answer_set_perms(struct request *r)
{
    struct perm perm[PERMS_MAX];
    u32 count = 0;
    const enum xs_error e = take_path(r);
    if (e != XS_OK) {
        return e;
    }
    while (r->bytes != 0) { /* each turn takes a byte or more */
        if (count == PERMS_MAX) {
            return XS_ENOSPC;
        }
        if (!take_perm(r, &perm[count])) {
            return XS_EINVAL;
        }
        count++;
    }
    if (count == 0) {
        return XS_EINVAL;
    }
    return say_ok(r->out, store_set_perms(&r->view, r->path, perm, count));
}

/* ---- watches, transactions, domains ---------------------------------------
 */

static enum xs_error answer_watch(struct request *r)
{
    struct text path;
    struct text token;
    if (!take_text(r, &path) || !take_text(r, &token)) {
        return XS_EINVAL;
    }
    return say_ok(r->out, watch_add(r->view.domid, path, token));
}

static enum xs_error answer_unwatch(struct request *r)
{
    struct text path;
    struct text token;
    if (!take_text(r, &path) || !take_text(r, &token)) {
        return XS_EINVAL;
    }
    return say_ok(r->out, watch_remove(r->view.domid, path, token));
}

static enum xs_error answer_reset_watches(struct request *r)
{
    txn_drop_all(r->view.domid);
    watch_drop_all(r->view.domid);
    return say_ok(r->out, XS_OK);
}

static enum xs_error answer_transaction_start(struct request *r)
{
    u32 id = 0;
    if (r->tx_id != 0) {
        return XS_EBUSY;
    }
    const enum xs_error e = txn_start(r->view.domid, &id);
    if (e == XS_OK) {
        say_number(r->out, id);
        say_end(r->out);
    }
    return e;
}

static enum xs_error answer_transaction_end(struct request *r)
{
    struct text t;
    if (r->view.txn == 0) {
        return XS_ENOENT;
    }
    if (!take_text(r, &t) || t.bytes != 1 ||
        (t.at[0] != 'T' && t.at[0] != 'F')) {
        return XS_EINVAL;
    }
    return say_ok(r->out, txn_end(r->view.txn, t.at[0] == 'T'));
}

static enum xs_error answer_get_domain_path(struct request *r)
{
    u32 domid;
    if (!take_number(r, 0xffff, &domid)) {
        return XS_EINVAL;
    }
    say(r->out, "/local/domain/");
    say_number(r->out, domid);
    say_end(r->out);
    return XS_OK;
}

static enum xs_error answer_is_domain_introduced(struct request *r)
{
    u32 domid;
    if (!take_number(r, 0xffff, &domid)) {
        return XS_EINVAL;
    }
    say(r->out, client_is_present(domid) ? "T" : "F");
    say_end(r->out);
    return XS_OK;
}

/* Denied rows have no handler of their own. */
static enum xs_error denied(const struct request *r)
{
    (void)r;
    return XS_EACCES;
}

#define answer_control denied
#define answer_introduce denied
#define answer_release denied
#define answer_resume denied
#define answer_set_target denied

/* ---- one request ----------------------------------------------------------
 */

static enum xs_error answer(struct request *r, u32 type)
{
    enum xs_error e = XS_OK;
    switch (type) {
#define REQUEST(number, name, payload, doc)                                    \
    case number:                                                               \
        if ((payload) == PATH || (payload) == VALUE) {                         \
            e = take_path(r);                                                  \
        }                                                                      \
        return e != XS_OK ? e : answer_##name(r);
#include "guests/domain0/requests.def"
    default:
        return XS_ENOSYS;
    }
}

static const char *error_name(enum xs_error e)
{
    switch (e) {
#define ERROR(name)                                                            \
    case XS_##name:                                                            \
        return #name;
#include "guests/domain0/errors.def"
    case XS_OK:
    default:
        return "EIO";
    }
}

void request_answer(u32 domid, const struct message *in, struct message *out)
{
    static struct path path; /* one request at a time */
    struct request r = { .view = { domid, 0 },
                         .tx_id = in->tx_id,
                         .rest = in->payload,
                         .bytes = in->bytes,
                         .path = &path,
                         .out = out };
    out->type = in->type;
    out->req_id = in->req_id;
    out->tx_id = in->tx_id;
    out->bytes = 0;
    client[domid].requests++;
    enum xs_error e = txn_find(domid, in->tx_id, &r.view.txn);
    if (e == XS_OK) {
        e = answer(&r, in->type);
    }
    if (e != XS_OK) {
        client[domid].errors++;
        out->type = TYPE_ERROR;
        out->bytes = 0;
        say(out, error_name(e));
        say_end(out);
    }
}
