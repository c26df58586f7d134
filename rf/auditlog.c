/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over a log, and records as text; see auditlog.h. The file is hostile:
 * text in it is printed as printable ASCII only. */
#include "rf/auditlog.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "rf/policytext.h"

static const struct {
    u32 nr;
    u32 sub;
    const char *name;
} rows[] = {
#define HC_R(nr, sub, where, name, right, object, guest, doc)                  \
    { nr, sub, #name },
#define HC_S(nr, sub, where, name, ptr, arg, right, object, guest, doc)        \
    { nr, sub, #name },
#define HC_B(nr, sub, where, name, arg, right, object, guest, doc)             \
    { nr, sub, #name },
#include "core/hypercalls.def"
};

const char *row_name(u64 nr, u64 sub)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].nr == nr && rows[i].sub == sub) {
            return rows[i].name;
        }
    }
    return NULL;
}

/* One of a few buffers in turn. */
static char *buffer(void)
{
    static char buffers[5][AUDIT_RECORD_BYTES];
    static u32 next;

    next = (next + 1) % ARRAY_COUNT(buffers);
    buffers[next][0] = '\0';
    return buffers[next];
}

const u8 *field_find(const struct audit_record *r, u16 kind, u32 *bytes)
{
    u32 at = 0;
    const u32 end = r->bytes - AUDIT_HEADER_BYTES;

    while (at + 4 <= end) {
        const u32 type = r->field[at] | (u32)r->field[at + 1] << 8;
        const u32 size = r->field[at + 2] | (u32)r->field[at + 3] << 8;
        if (type == 0 || size > end - at - 4) {
            return NULL;
        }
        if (type == kind) {
            *bytes = size;
            return r->field + at + 4;
        }
        at += 4 + size;
    }
    return NULL;
}

static const char *printable(const u8 *text, u32 bytes)
{
    char *const out = buffer();

    for (u32 i = 0; i < bytes; i++) {
        out[i] =
            (char)(text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' ? text[i]
                                                                       : '?');
        out[i + 1] = '\0';
    }
    return out;
}

const char *text_of(const struct audit_record *r, u16 kind)
{
    u32 bytes = 0;
    const u8 *const text = field_find(r, kind, &bytes);

    return printable(text, bytes);
}

const char *bytes_text(const u8 *data, u32 bytes)
{
    return printable(data, (u32)strnlen((const char *)data, bytes));
}

void walk_name_learn(struct audit_walk *walk)
{
    const char *const text = text_of(&walk->r, AUDIT_FIELD_NAME);

    if (text[0] == '\0' || walk->r.target > MF_DOMAINS_MAX) {
        return;
    }
    char *const name = walk->name[walk->r.target];
    snprintf(name, MF_NAME_BYTES, "%.*s", (int)MF_NAME_BYTES - 1, text);
    for (u32 i = 0; name[i] != '\0'; i++) {
        name[i] = name[i] == ' ' ? '?' : name[i];
    }
}

struct audit_walk *walk_begin(const struct blob *log)
{
    struct audit_walk *const walk = mem_alloc(sizeof(*walk));

    walk->log = log;
    walk->fault = AUDIT_GOOD;
    audit_reader_init(&walk->reader);
    return walk;
}

bool walk_next(struct audit_walk *walk)
{
    if (walk->at >= walk->log->bytes || walk->fault != AUDIT_GOOD) {
        return false;
    }
    walk->bytes = walk->log->data + walk->at;
    walk->fault = audit_next(&walk->reader, walk->log->data, walk->log->bytes,
                             &walk->at, &walk->r);
    if (walk->fault == AUDIT_GOOD) {
        walk_name_learn(walk);
    }
    return walk->fault == AUDIT_GOOD;
}

const char *walk_name(const struct audit_walk *walk, u16 domain)
{
    char *const out = buffer();

    if (domain == AUDIT_NOBODY) {
        return "host";
    }
    if (domain <= MF_DOMAINS_MAX && walk->name[domain][0] != '\0') {
        return walk->name[domain];
    }
    snprintf(out, 32, "domain-%u", domain);
    return out;
}

u16 record_target(const struct audit_record *r)
{
    struct audit_arg a;

    return r->event == AUDIT_NET_DENIED && record_arg(r, 0, &a) ? (u16)a.number
                                                                : r->target;
}

u16 record_domain(const struct audit_record *r)
{
    const u16 target = record_target(r);

    return target != AUDIT_NOBODY ? target : r->actor;
}

const char *event_text(u32 event)
{
    const char *const name = audit_event_name(event);
    char *const out = buffer();
    size_t i = 0;

    for (; name != NULL && name[i] != '\0' && i < 40; i++) {
        out[i] = (char)(name[i] == '_' ? '-' : name[i] | 0x20);
    }
    out[i] = '\0';
    return out;
}

const char *family_text(u32 family)
{
    static const char *const texts[] = { "priv", "life", "guest", "stop" };

    return family < ARRAY_COUNT(texts) ? texts[family] : "unknown";
}

const char *decision_text(u32 decision)
{
    static const char *const texts[] = { "allowed", "denied", "failed" };

    return decision < ARRAY_COUNT(texts) ? texts[decision] : "unknown";
}

const char *phase_text(u32 phase)
{
    static const char *const texts[] = { "atomic", "intent", "outcome" };

    return phase < ARRAY_COUNT(texts) ? texts[phase] : "unknown";
}

const char *time_text(u64 wall_ns)
{
    const time_t seconds = (time_t)(wall_ns / 1000000000u);
    char *const out = buffer();
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL) {
        memset(&tm, 0, sizeof(tm));
    }
    const size_t used = strftime(out, 64, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + used, 64 - used, ".%03uZ",
             (u32)(wall_ns / 1000000u % 1000u));
    return out;
}

static void print_args(const struct audit_record *r)
{
    const bool is_call = r->event == AUDIT_GUEST_REFUSED;
    const char *const call = is_call ? row_name(r->arg[0], r->arg[1]) : NULL;

    if (call != NULL) {
        printf(" %s", call);
    }
    for (u32 i = call != NULL ? 2 : 0; i < ARRAY_COUNT(r->arg); i++) {
        const char *const name = audit_event_arg(r->event, i);
        if (name == NULL || name[0] == '\0') {
            continue;
        }
        const char *const right = strcmp(name, "right") == 0 && r->arg[i] < 64
                                      ? policy_right_name((u32)r->arg[i])
                                      : NULL;
        if (right != NULL) {
            printf(" right=%s", right);
        } else if (strcmp(name, "rip") == 0) {
            printf(" %s=%#llx", name, (unsigned long long)r->arg[i]);
        } else {
            printf(" %s=%llu", name, (unsigned long long)r->arg[i]);
        }
    }
}

static void print_rights(u64 mask)
{
    const char *before = "";

    for (u32 i = 0; i < 64; i++) {
        const char *const right = policy_right_name(i);
        if ((mask >> i & 1) != 0 && right != NULL) {
            printf("%s%s", before, right);
            before = ",";
        }
    }
}

/* What the call was given, and by whom. */
static void print_call(const struct audit_walk *walk)
{
    const struct audit_record *const r = &walk->r;
    struct audit_arg a;

    for (u32 i = 0; record_arg(r, i, &a); i++) {
        if (!a.is_known ||
            (a.kind == ARG_DOMAIN && a.number == record_domain(r))) {
            continue;
        }
        printf(" %s=", a.name);
        if (a.kind == ARG_DOMAIN) {
            printf("%s", walk_name(walk, (u16)a.number));
        } else if (a.kind == ARG_RIGHTS) {
            print_rights(a.number);
        } else if (a.kind == ARG_TEXT) {
            printf("\"%s\"", bytes_text(a.data, a.bytes));
        } else if (a.kind == ARG_NUMBER) {
            printf("%llu", (unsigned long long)a.number);
        }
        for (u32 k = 0; a.kind == ARG_DIGEST && k < 8; k++) {
            printf("%02x", a.data[k]);
        }
    }
    if (record_arg(r, 0, &a) && r->actor != record_domain(r)) {
        printf(" by=%s", walk_name(walk, r->actor));
    }
}

static void print_digest(const struct audit_record *r, u16 kind,
                         const char *name)
{
    u32 bytes = 0;
    const u8 *const digest = field_find(r, kind, &bytes);

    if (digest != NULL && bytes == SHA256_BYTES) {
        printf(" %s=", name);
        for (u32 i = 0; i < 8; i++) {
            printf("%02x", digest[i]);
        }
    }
}

static void print_counts(const struct audit_record *r)
{
    u32 bytes = 0;
    const u8 *const counts = field_find(r, AUDIT_FIELD_COUNTS, &bytes);

    for (u32 at = 0; counts != NULL && at + 8 <= bytes; at += 8) {
        struct audit_count count;
        memcpy(&count, counts + at, sizeof(count));
        printf(" call-%u:%llu", (u32)count.class_nr,
               (unsigned long long)count.refused);
    }
}

/* How a domain was ended: on which vCPU, after which calls, why. */
static void print_crash(const struct audit_record *r)
{
    u32 bytes = 0;
    const u8 *const calls = field_find(r, AUDIT_FIELD_CALLS, &bytes);
    const char *const why = text_of(r, AUDIT_FIELD_REASON);

    if (calls != NULL && bytes == 16) {
        const char *before = " calls=";
        printf(" vcpu=%u", r->actor_vcpu);
        for (u32 i = 8; i-- > 0;) {
            const char *const name = row_name(calls[i] - 1u, calls[8 + i]);
            if (calls[i] != 0) {
                printf("%s%s", before, name != NULL ? name : "unknown");
                before = ",";
            }
        }
    }
    if (why[0] != '\0') {
        printf(" why=\"%s\"", why);
    }
}

void record_print(const struct audit_walk *walk)
{
    const struct audit_record *const r = &walk->r;

    printf("%.12s #%llu %-10s %-16s", time_text(r->wall_ns) + 11,
           (unsigned long long)r->seq, walk_name(walk, record_domain(r)),
           event_text(r->event));
    if (r->event == AUDIT_NET_DENIED) {
        printf(" \"%s\" count=%llu by=%s", net_text(r),
               (unsigned long long)record_arg_number(r, "count"),
               walk_name(walk, r->actor));
    } else {
        print_args(r);
        print_call(walk);
    }
    print_digest(r, AUDIT_FIELD_BUILD, "build");
    print_digest(r, AUDIT_FIELD_POLICY, "policy");
    print_digest(r, AUDIT_FIELD_TREE, "tree");
    print_counts(r);
    print_crash(r);
    if (r->phase != AUDIT_ATOMIC) {
        printf(" %s", phase_text(r->phase));
    }
    if (r->phase == AUDIT_OUTCOME) {
        printf(" of=#%llu", (unsigned long long)r->corr);
    }
    if (r->decision != AUDIT_ALLOWED) {
        printf(" %s", decision_text(r->decision));
    }
    if (r->result != 0) {
        printf(" result=%d", r->result);
    }
    if (r->reason != 0) {
        printf(" (%s)", policy_reason((enum policy_verdict)r->reason));
    }
    if (r->suppressed != 0) {
        printf(" (and %u more)", r->suppressed);
    }
    putchar('\n');
}
