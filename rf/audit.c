/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf audit: read the log that `rf run --audit-log` kept.
 *
 *   rf audit show FILE              a line a record
 *   rf audit verify [--head H] FILE  is the chain whole, and does it end at H?
 *
 * The file is hostile: audit/chain.c, which the kernel shares, reads it, and
 * text in it is printed as printable ASCII only. verify answers 0 good,
 * 1 tampered, 2 cut short; show prints what is good and then says what is not.
 */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/policy.h"
#include "rf/logreader.h"
#include "rf/policytext.h"
#include "rf/rf.h"
#include "rf/verbs.h"

#define LOG_BYTES_MAX (1ull << 32)
#define AUDIT_TRUNCATED 2
/* The host prints half of a head: 128 bits are enough to compare. */
#define HEAD_CHARS_MIN 32u
#define HEAD_CHARS (u32)(2 * SHA256_BYTES)

struct options {
    const char *action;
    const char *file;
    const char *head;
};

/* Names of domains, as their DOMAIN_CREATED records give them. */
struct names {
    char name[MF_DOMAINS_MAX + 1][MF_NAME_BYTES];
};

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

static const char *row_name(u64 nr, u64 sub)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].nr == nr && rows[i].sub == sub) {
            return rows[i].name;
        }
    }
    return NULL;
}

/* The first field of that kind; NULL when there is none. */
static const u8 *field_find(const struct audit_record *r, u16 kind, u32 *bytes)
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

static void names_learn(struct names *names, const struct audit_record *r)
{
    u32 bytes = 0;
    const u8 *const text = field_find(r, AUDIT_FIELD_NAME, &bytes);

    if (text == NULL || r->target > MF_DOMAINS_MAX) {
        return;
    }
    char *const name = names->name[r->target];
    u32 i = 0;
    for (; i < bytes && i + 1 < MF_NAME_BYTES; i++) {
        name[i] = (char)(text[i] > 0x20 && text[i] < 0x7f ? text[i] : '?');
    }
    name[i] = '\0';
}

static void print_domain(const struct names *names, u16 domain)
{
    if (domain == AUDIT_NOBODY) {
        printf(" %-10s", "host");
    } else if (domain <= MF_DOMAINS_MAX && names->name[domain][0] != '\0') {
        printf(" %-10s", names->name[domain]);
    } else {
        printf(" domain-%-3u", domain);
    }
}

static void print_time(u64 wall_ns)
{
    const time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL) {
        memset(&tm, 0, sizeof(tm));
    }
    printf("%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec,
           (u32)(wall_ns / 1000000u % 1000u));
}

static void print_event(const struct audit_record *r)
{
    const char *const name = audit_event_name(r->event);
    char text[32];
    size_t i = 0;

    for (; name != NULL && name[i] != '\0' && i + 1 < sizeof(text); i++) {
        text[i] = (char)(name[i] == '_' ? '-' : name[i] | 0x20);
    }
    text[i] = '\0';
    printf(" %-16s", text);
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
        if (strcmp(name, "rip") == 0) {
            printf(" %s=%#llx", name, (unsigned long long)r->arg[i]);
        } else {
            printf(" %s=%llu", name, (unsigned long long)r->arg[i]);
        }
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
    const u8 *const why = field_find(r, AUDIT_FIELD_REASON, &bytes);
    if (why != NULL) {
        printf(" why=\"");
        for (u32 i = 0; i < bytes; i++) {
            putchar(why[i] >= 0x20 && why[i] < 0x7f && why[i] != '"' ? why[i]
                                                                     : '?');
        }
        putchar('"');
    }
}

static void print_record(const struct names *names,
                         const struct audit_record *r)
{
    static const char *const phases[] = { "", " intent", " outcome" };
    static const char *const decisions[] = { "", " denied", " failed" };

    print_time(r->wall_ns);
    printf(" #%llu", (unsigned long long)r->seq);
    print_domain(names, r->target != AUDIT_NOBODY ? r->target : r->actor);
    print_event(r);
    print_args(r);
    print_digest(r, AUDIT_FIELD_BUILD, "build");
    print_digest(r, AUDIT_FIELD_POLICY, "policy");
    print_counts(r);
    print_crash(r);
    printf("%s%s", r->phase < ARRAY_COUNT(phases) ? phases[r->phase] : "",
           r->decision < ARRAY_COUNT(decisions) ? decisions[r->decision] : "");
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

static void print_head(const u8 *head)
{
    for (u32 i = 0; i < SHA256_BYTES; i++) {
        printf("%02x", head[i]);
    }
}

static int report_fault(const struct audit_verdict *verdict)
{
    printf("bad: record %llu, at byte %llu: %s\n",
           (unsigned long long)verdict->good,
           (unsigned long long)verdict->offset,
           audit_fault_text(verdict->fault));
    return verdict->fault == AUDIT_FAULT_TRUNCATED ? AUDIT_TRUNCATED
                                                   : EXIT_FINDING;
}

static int show(const struct blob *log)
{
    struct names *const names = mem_alloc(sizeof(*names));
    struct audit_reader reader;
    struct audit_record record;
    u64 at = 0;

    audit_reader_init(&reader);
    while (at < log->bytes && audit_next(&reader, log->data, log->bytes, &at,
                                         &record) == AUDIT_GOOD) {
        names_learn(names, &record);
        print_record(names, &record);
    }
    free(names);
    const struct audit_verdict verdict =
        audit_verify(log->data, log->bytes, NULL);
    return verdict.fault == AUDIT_GOOD ? EXIT_OK : report_fault(&verdict);
}

static bool head_is(const u8 *head, const char *text)
{
    char hex[HEAD_CHARS + 1];

    for (u32 i = 0; i < SHA256_BYTES; i++) {
        snprintf(hex + 2 * (size_t)i, 3, "%02x", head[i]);
    }
    return strncmp(hex, text, strlen(text)) == 0;
}

static int verify(const struct blob *log, const char *head)
{
    const struct audit_verdict verdict =
        audit_verify(log->data, log->bytes, NULL);

    if (verdict.fault != AUDIT_GOOD) {
        return report_fault(&verdict);
    }
    if (head != NULL && !head_is(verdict.head, head)) {
        printf("bad: record %llu is the last, and the chain does not end at "
               "the head given\n",
               (unsigned long long)(verdict.good - 1));
        return EXIT_FINDING;
    }
    printf("good: %llu records, chained, %s; head ",
           (unsigned long long)verdict.good,
           verdict.is_closed ? "closed by the host" : "not closed");
    print_head(verdict.head);
    printf("%s\n", head != NULL ? ", as given" : "");
    return EXIT_OK;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *const options = state->input;

    switch (key) {
    case 'H':
        if (strlen(arg) < HEAD_CHARS_MIN || strlen(arg) > HEAD_CHARS) {
            argp_error(state, "--head: %u to %u hexadecimal digits, please",
                       HEAD_CHARS_MIN, HEAD_CHARS);
        }
        options->head = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            options->action = arg;
        } else if (state->arg_num == 1) {
            options->file = arg;
        } else {
            argp_error(state, "one file at a time");
        }
        return 0;
    case ARGP_KEY_END:
        if (options->file == NULL || (strcmp(options->action, "show") != 0 &&
                                      strcmp(options->action, "verify") != 0)) {
            argp_error(state, "`show FILE` or `verify FILE` is expected");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_audit(int argc, char **argv)
{
    static const struct argp_option argp_options[] = {
        { "head", 'H', "HEX", 0, "verify: the head that the host printed", 0 },
        { NULL, 0, NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .args_doc = "show FILE\nverify FILE",
        .doc = "Read a log of audit records.",
    };
    struct options options = { NULL, NULL, NULL };
    struct blob log = { NULL, 0 };
    struct fault fault = { "", "" };

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (!file_read(options.file, LOG_BYTES_MAX, &log, &fault)) {
        fprintf(stderr, "rf: error: '%s': %s\n", options.file, fault.text);
        return EXIT_ENVIRONMENT;
    }
    const int code = strcmp(options.action, "show") == 0
                         ? show(&log)
                         : verify(&log, options.head);
    free(log.data);
    return code;
}
