/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf audit html: the log as one page that needs nothing else. The page
 * (rf/audit.html) holds the bytes of the log; it decodes and checks them by
 * itself, so what it shows is what it has checked. Names of events and calls,
 * and the lines of tenant files, come with it as JSON. The key does not.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "rf/auditlog.h"
#include "rf/policytext.h"

#define MARK "@DATA@"
#define PAGE_LOG_BYTES_MAX (64u << 20)

/* rf/audit.html, as it is. */
__asm__(".section .rodata\n"
        "audit_page: .incbin \"rf/audit.html\"\n"
        "audit_page_end: .byte 0\n"
        ".previous\n");
extern const char audit_page[];
extern const char audit_page_end[];

static void print_base64(const u8 *data, u64 bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (u64 i = 0; i < bytes; i += 3) {
        const u64 left = bytes - i;
        const u32 three = (u32)data[i] << 16 |
                          (left > 1 ? (u32)data[i + 1] << 8 : 0) |
                          (left > 2 ? (u32)data[i + 2] : 0);
        putchar(digits[three >> 18]);
        putchar(digits[three >> 12 & 63]);
        putchar(left > 1 ? digits[three >> 6 & 63] : '=');
        putchar(left > 2 ? digits[three & 63] : '=');
    }
}

/* In a script element "</" must not appear; json_string writes it as it is. */
static void safe_string(const char *text)
{
    char *const copy = text_copy(text, strlen(text));

    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '<' || *c == '>' || *c == '&' ? '?' : *c;
    }
    json_string(stdout, copy);
    free(copy);
}

/* Of records that hold a call's structure: name, kind, place, bytes, answer. */
static void print_args(void)
{
    const char *before = "";
    struct audit_arg a;

    printf("},\"net\":%u,\"structs\":{", AUDIT_NET_DENIED);
    for (u32 key = 0; key < AUDIT_EVENT_COUNT * 64u; key++) {
        if (!audit_arg_find(key / 64, key % 64, 0, &a)) {
            continue;
        }
        printf("%s\"%u/%u\":[", before, key / 64, key % 64);
        for (u32 i = 0; audit_arg_find(key / 64, key % 64, i, &a); i++) {
            printf("%s[\"%s\",%u,%u,%u,%u]", i == 0 ? "" : ",", a.name,
                   (u32)a.kind, a.at, a.bytes, a.is_out ? 1u : 0u);
        }
        putchar(']');
        before = ",";
    }
    putchar('}');
}

static void print_tables(void)
{
    const char *before = "";

    printf(",\"version\":%u,\"seal\":%u,\"ends\":[%u,%u],\"events\":[",
           AUDIT_VERSION, AUDIT_SEAL, AUDIT_HOST_SHUTDOWN, AUDIT_PANIC);
    for (u32 e = 0; e < AUDIT_EVENT_COUNT; e++) {
        printf("%s{\"name\":\"%s\",\"args\":[", e == 0 ? "" : ",",
               event_text(e));
        for (u32 a = 0; a < 3; a++) {
            const char *const name = audit_event_arg(e, a);
            printf("%s\"%s\"", a == 0 ? "" : ",", name != NULL ? name : "");
        }
        printf("]}");
    }
    printf("],\"calls\":{");
    for (u32 nr = 0; nr < 64; nr++) {
        for (u32 sub = 0; sub < 64; sub++) {
            if (row_name(nr, sub) != NULL) {
                printf("%s\"%u/%u\":\"%s\"", before, nr, sub,
                       row_name(nr, sub));
                before = ",";
            }
        }
    }
    print_args();
    printf(",\"rights\":[");
    for (u32 i = 0; i < 64 && policy_right_name(i) != NULL; i++) {
        printf("%s\"%s\"", i == 0 ? "" : ",", policy_right_name(i));
    }
    printf("],\"reasons\":[\"\"");
    for (u32 i = 1; i <= POLICY_DENY_NO_SUCH_CALL; i++) {
        putchar(',');
        safe_string(policy_reason((enum policy_verdict)i));
    }
    putchar(']');
}

/* Each line once, and which record has which. */
static void print_policy(const struct blob *log,
                         const struct audit_policy *policy)
{
    struct audit_walk *const walk = walk_begin(log);
    char **lines = NULL;
    size_t count = 0;
    const char *before = "";

    printf(",\"line_of\":{");
    while (policy->count != 0 && walk_next(walk)) {
        char *const line = audit_policy_line(policy, walk);
        size_t i = 0;
        if (line == NULL) {
            continue;
        }
        while (i < count && strcmp(lines[i], line) != 0) {
            i++;
        }
        if (i == count) {
            lines = mem_grow(lines, count + 1, sizeof(lines[0]));
            lines[count++] = line;
        } else {
            free(line);
        }
        printf("%s\"%llu\":%zu", before, (unsigned long long)walk->r.seq, i);
        before = ",";
    }
    printf("},\"lines\":[");
    for (size_t i = 0; i < count; i++) {
        printf("%s", i == 0 ? "" : ",");
        safe_string(lines[i]);
        free(lines[i]);
    }
    printf("],\"policy\":%s", policy->count == 0   ? "null"
                              : policy->is_the_one ? "true"
                                                   : "false");
    free(lines);
    free(walk);
}

int audit_html(const struct blob *log, const struct audit_policy *policy,
               const struct verify_options *options)
{
    const char *const mark = strstr(audit_page, MARK);

    if (log->bytes > PAGE_LOG_BYTES_MAX) {
        fprintf(stderr, "rf: error: a log of more than %u MiB makes no page\n",
                PAGE_LOG_BYTES_MAX >> 20);
        return EXIT_ENVIRONMENT;
    }
    const struct audit_verdict v =
        audit_verify(log->data, log->bytes, options->key);
    fwrite(audit_page, 1, (size_t)(mark - audit_page), stdout);
    printf("{\"schema\":\"ringfence.page/1\",\"file\":");
    safe_string(options->file);
    printf(",\"key_proved\":%lld,\"log\":\"",
           options->key != NULL && v.epochs > 0 ? (long long)v.sealed : -1ll);
    print_base64(log->data, log->bytes);
    putchar('"');
    print_tables();
    print_policy(log, policy);
    putchar('}');
    fwrite(mark + strlen(MARK), 1,
           (size_t)(audit_page_end - mark) - strlen(MARK), stdout);
    return v.fault == AUDIT_GOOD              ? EXIT_OK
           : v.fault == AUDIT_FAULT_TRUNCATED ? AUDIT_TRUNCATED
                                              : EXIT_FINDING;
}
