/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structure of a call in the record of a privilege, field by field, as
 * core/args.def has it; and the router's report of a packet, which is one.
 */
#include <string.h>

#include "core/args.def"
#include "policy/policy.h"
#include "rf/auditlog.h"

#define NET_TEXT_BYTES sizeof(bytes80_t)

enum {
    KIND_VAL,
    KIND_DOM,
    KIND_COUNT,
    KIND_IO,
    KIND_OUT,
    KIND_TEXT,
    KIND_PAD,
    KIND_GVA
};

struct arg {
    const char *name;
    u32 kind;
    u32 bytes;
};

/* Rows whose record holds their structure. Rows of one right share it. */
#define ARG(type, name, kind, low, high) { #name, KIND_##kind, sizeof(type) },
static const struct {
    u32 event;
    u32 right;
    const struct arg *arg; /* ends with a name of NULL */
} rows[] = {
#define HC_P(nr, sub, where, name, ptr, args, right, object, event, guest,     \
             doc)                                                              \
    { AUDIT_##event, RIGHT_##right,                                            \
      (const struct arg[]){ ARGS_##args(ARG){ NULL, 0, 0 } } },
#include "core/hypercalls.def"
};
#undef ARG

static const struct arg *args_of(u32 event, u64 right)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].event == event && rows[i].right == right &&
            event != AUDIT_NONE && event != AUDIT_RIGHT_USED) {
            return rows[i].arg;
        }
    }
    return NULL;
}

bool audit_arg_find(u32 event, u64 right, u32 i, struct audit_arg *out)
{
    const struct arg *a = args_of(event, right);
    u32 at = 0;

    for (; a != NULL && a->name != NULL; at += a->bytes, a++) {
        if (a->kind == KIND_PAD || a->kind == KIND_GVA) {
            continue;
        }
        if (i-- == 0) {
            *out = (struct audit_arg){ .name = a->name,
                                       .at = at,
                                       .bytes = a->bytes,
                                       .is_out = a->kind == KIND_OUT };
            out->kind = a->kind == KIND_DOM            ? ARG_DOMAIN
                        : a->bytes == SHA256_BYTES     ? ARG_DIGEST
                        : a->bytes > 8                 ? ARG_TEXT
                        : strcmp(a->name, "mask") == 0 ? ARG_RIGHTS
                                                       : ARG_NUMBER;
            return true;
        }
    }
    return false;
}

bool record_arg(const struct audit_record *r, u32 i, struct audit_arg *out)
{
    u32 bytes = 0;
    const u8 *const data = field_find(r, AUDIT_FIELD_ARGS, &bytes);

    if (data == NULL || !audit_arg_find(r->event, r->arg[0], i, out) ||
        out->at + out->bytes > bytes) {
        return false;
    }
    out->data = data + out->at;
    out->is_known = !out->is_out ||
                    (r->phase == AUDIT_OUTCOME && r->decision == AUDIT_ALLOWED);
    for (u32 k = 0; k < out->bytes && out->bytes <= 8; k++) {
        out->number |= (u64)out->data[k] << 8 * k;
    }
    return true;
}

u64 record_arg_number(const struct audit_record *r, const char *name)
{
    struct audit_arg a;

    for (u32 i = 0; record_arg(r, i, &a); i++) {
        if (strcmp(a.name, name) == 0) {
            return a.number;
        }
    }
    return 0;
}

const char *net_text(const struct audit_record *r)
{
    struct audit_arg a;

    for (u32 i = 0; r->event == AUDIT_NET_DENIED && record_arg(r, i, &a); i++) {
        if (a.kind == ARG_TEXT) {
            return bytes_text(a.data, a.bytes);
        }
    }
    return "";
}

const char *net_place(const char *text)
{
    const char *const last = strrchr(text, ' ');

    if (strlen(text) + 1 >= NET_TEXT_BYTES) {
        return "(cut off)";
    }
    return strstr(text, " -> ") != NULL || strncmp(text, "frame ", 6) == 0
               ? last + 1
               : text;
}
