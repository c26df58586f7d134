/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records for other programs, one a line: JSON as docs/audit-record.schema.json
 * says, the same as an OCSF event (class API Activity), or CEF.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "rf/auditlog.h"
#include "rf/policytext.h"

#define SCHEMA "ringfence.audit/1"

static void json_text(const char *name, const char *text)
{
    printf(",\"%s\":", name);
    json_string(stdout, text);
}

static void json_number(const char *name, u64 value)
{
    printf(",\"%s\":%llu", name, (unsigned long long)value);
}

static void json_domain(const struct audit_walk *walk, const char *name,
                        u16 domain, u64 incarnation)
{
    if (domain == AUDIT_NOBODY) {
        printf(",\"%s\":null", name);
        return;
    }
    printf(",\"%s\":{\"domain\":%u,\"name\":", name, domain);
    json_string(stdout, walk_name(walk, domain));
    printf(",\"incarnation\":%llu}", (unsigned long long)incarnation);
}

static void json_bytes(const char *name, const u8 *data, u32 bytes)
{
    printf(",\"%s\":\"", name);
    for (u32 i = 0; i < bytes; i++) {
        printf("%02x", data[i]);
    }
    putchar('"');
}

static void json_args(const struct audit_record *r)
{
    const char *before = "";
    struct audit_arg a;

    printf(",\"args\":{");
    for (u32 i = 0; i < ARRAY_COUNT(r->arg); i++) {
        const char *const name = audit_event_arg(r->event, i);
        if (name != NULL && name[0] != '\0') {
            /* As text: JSON readers lose digits beyond 2^53. */
            printf("%s\"%s\":\"%llu\"", before, name,
                   (unsigned long long)r->arg[i]);
            before = ",";
        }
    }
    for (u32 i = 0; record_arg(r, i, &a); i++) {
        if (a.is_known && a.bytes <= 8) {
            printf("%s\"%s\":\"%llu\"", before, a.name,
                   (unsigned long long)a.number);
            before = ",";
        }
    }
    putchar('}');
    for (u32 i = 0; record_arg(r, i, &a); i++) {
        if (a.is_known && a.kind == ARG_DIGEST) {
            json_bytes(a.name, a.data, a.bytes);
        } else if (a.kind == ARG_TEXT) {
            json_text("packet", net_text(r));
        }
    }
}

static void json_hex(const struct audit_record *r, const char *name, u16 kind)
{
    u32 bytes = 0;
    const u8 *const data = field_find(r, kind, &bytes);

    if (data != NULL) {
        json_bytes(name, data, bytes);
    }
}

static void json_counts(const struct audit_record *r)
{
    u32 bytes = 0;
    const u8 *const counts = field_find(r, AUDIT_FIELD_COUNTS, &bytes);
    const char *before = ",\"counts\":{";

    for (u32 at = 0; counts != NULL && at + 8 <= bytes; at += 8) {
        struct audit_count count;
        memcpy(&count, counts + at, sizeof(count));
        printf("%s\"%u\":%llu", before, (u32)count.class_nr,
               (unsigned long long)count.refused);
        before = ",";
    }
    if (before[1] == '\0') {
        putchar('}');
    }
}

/* Everything but the braces around it. */
static void json_body(const struct audit_walk *walk)
{
    const struct audit_record *const r = &walk->r;
    const char *const call =
        r->event == AUDIT_GUEST_REFUSED ? row_name(r->arg[0], r->arg[1]) : NULL;

    printf("\"schema\":\"" SCHEMA "\",\"seq\":%llu",
           (unsigned long long)r->seq);
    json_text("time", time_text(r->wall_ns));
    json_number("mono_ns", r->mono_ns);
    json_number("cpu", r->cpu);
    json_text("class", family_text(r->family));
    json_text("event", event_text(r->event));
    json_text("phase", phase_text(r->phase));
    if (r->phase == AUDIT_OUTCOME) {
        json_number("intent", r->corr);
    }
    json_text("decision", decision_text(r->decision));
    printf(",\"result\":%d", r->result);
    if (r->reason != 0) {
        json_text("reason", policy_reason((enum policy_verdict)r->reason));
    }
    json_domain(walk, "actor", r->actor, r->actor_incarnation);
    json_domain(walk, "target", r->target, r->target_incarnation);
    if (call != NULL) {
        json_text("call", call);
    }
    json_args(r);
    json_number("suppressed", r->suppressed);
    if (text_of(r, AUDIT_FIELD_REASON)[0] != '\0') {
        json_text("why", text_of(r, AUDIT_FIELD_REASON));
    }
    json_hex(r, "build", AUDIT_FIELD_BUILD);
    json_hex(r, "policy", AUDIT_FIELD_POLICY);
    json_hex(r, "tree_head", AUDIT_FIELD_TREE);
    json_counts(r);
    printf(",\"chain\":\"");
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        printf("%02x", walk->reader.head[i]);
    }
    putchar('"');
}

/* OCSF 1.3, class 6003 API Activity [https://schema.ocsf.io]; what it has no
 * place for is under unmapped. */
static void export_ocsf(const struct audit_walk *walk)
{
    const struct audit_record *const r = &walk->r;
    const bool is_denied = r->decision == AUDIT_DENIED;
    const bool is_bad = is_denied || r->decision == AUDIT_FAILED;

    printf("{\"category_uid\":6,\"category_name\":\"Application Activity\","
           "\"class_uid\":6003,\"class_name\":\"API Activity\","
           "\"activity_id\":99,\"type_uid\":600399,\"severity_id\":%d,"
           "\"status_id\":%d,\"time\":%llu",
           is_bad ? 3 : 1, is_bad ? 2 : 1,
           (unsigned long long)(r->wall_ns / 1000000u));
    json_text("activity_name", event_text(r->event));
    if (r->reason != 0) {
        json_text("status_detail",
                  policy_reason((enum policy_verdict)r->reason));
    }
    printf(",\"metadata\":{\"version\":\"1.3.0\",\"sequence\":%llu,"
           "\"product\":{\"name\":\"Ringfence\",\"vendor_name\":\"Ringfence\","
           "\"version\":\"" RF_VERSION "\"}}",
           (unsigned long long)r->seq);
    printf(",\"actor\":{\"app_name\":");
    json_string(stdout, walk_name(walk, r->actor));
    printf("},\"api\":{\"operation\":");
    const char *const call =
        r->event == AUDIT_GUEST_REFUSED ? row_name(r->arg[0], r->arg[1]) : NULL;
    json_string(stdout, call != NULL ? call : event_text(r->event));
    printf(",\"response\":{\"code\":%d}},\"src_endpoint\":{\"name\":",
           r->result);
    json_string(stdout, walk_name(walk, r->actor));
    printf("},\"resources\":[{\"type\":\"domain\",\"name\":");
    json_string(stdout, walk_name(walk, record_domain(r)));
    printf("}],\"unmapped\":{");
    json_body(walk);
    printf("}}\n");
}

/* A value of the extension: backslash and '=' are escaped; the rest is
 * printable already. */
static void cef_pair(const char *name, const char *text)
{
    printf(" %s=", name);
    for (; *text != '\0'; text++) {
        printf(*text == '\\' || *text == '=' ? "\\%c" : "%c", *text);
    }
}

static void export_cef(const struct audit_walk *walk)
{
    const struct audit_record *const r = &walk->r;
    const bool is_bad = r->decision != AUDIT_ALLOWED;

    printf("CEF:0|Ringfence|Ringfence|" RF_VERSION "|%u|%s|%d|rt=%llu",
           r->event, event_text(r->event), is_bad ? 5 : 2,
           (unsigned long long)(r->wall_ns / 1000000u));
    printf(" externalId=%llu act=%s", (unsigned long long)r->seq,
           decision_text(r->decision));
    cef_pair("cat", family_text(r->family));
    cef_pair("suser", walk_name(walk, r->actor));
    cef_pair("duser", walk_name(walk, record_target(r)));
    if (r->reason != 0) {
        cef_pair("reason", policy_reason((enum policy_verdict)r->reason));
    }
    for (u32 i = 0; i < ARRAY_COUNT(r->arg); i++) {
        const char *const name = audit_event_arg(r->event, i);
        if (name != NULL && name[0] != '\0') {
            printf(" cn%u=%llu cn%uLabel=%s", i + 1,
                   (unsigned long long)r->arg[i], i + 1, name);
        }
    }
    if (r->event == AUDIT_NET_DENIED) {
        cef_pair("msg", net_text(r));
        printf(" cnt=%llu", (unsigned long long)record_arg_number(r, "count"));
    } else if (r->suppressed != 0) {
        printf(" cnt=%u", r->suppressed);
    }
    putchar('\n');
}

int audit_export(const struct blob *log, const struct audit_filter *filter,
                 enum export_form form)
{
    struct audit_walk *const walk = walk_begin(log);
    int code = EXIT_OK;

    while (walk_next(walk)) {
        if (!filter_takes(filter, walk)) {
            continue;
        }
        if (form == EXPORT_JSON) {
            putchar('{');
            json_body(walk);
            printf("}\n");
        } else if (form == EXPORT_OCSF) {
            export_ocsf(walk);
        } else {
            export_cef(walk);
        }
    }
    if (walk->fault != AUDIT_GOOD) {
        const struct audit_verdict v =
            audit_verdict_of(&walk->reader, walk->fault, walk->at);
        fprintf(stderr, "rf: the log is bad from record %llu on: %s\n",
                (unsigned long long)v.good, audit_fault_text(v.fault));
        code =
            v.fault == AUDIT_FAULT_TRUNCATED ? AUDIT_TRUNCATED : EXIT_FINDING;
    }
    free(walk);
    return code;
}
