/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf audit verify and recover: what of a log is proved, by what, and what can
 * be saved of a damaged one.
 *
 * The chain alone proves nothing to somebody who does not trust the file: it
 * could have been written anew. A key proves the records under good seals, a
 * head from elsewhere the records that it is the head of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rf/auditkey.h"
#include "rf/auditlog.h"

int report_fault(const struct audit_verdict *verdict)
{
    printf("bad: record %llu, at byte %llu: %s\n",
           (unsigned long long)verdict->good,
           (unsigned long long)verdict->offset,
           audit_fault_text(verdict->fault));
    return verdict->fault == AUDIT_FAULT_TRUNCATED ? AUDIT_TRUNCATED
                                                   : EXIT_FINDING;
}

static bool head_is(const u8 *head, const char *text)
{
    char hex[HEAD_CHARS + 1];

    for (u32 i = 0; i < SHA256_BYTES; i++) {
        snprintf(hex + 2 * (size_t)i, 3, "%02x", head[i]);
    }
    return strncasecmp(hex, text, strlen(text)) == 0;
}

struct result {
    struct audit_verdict v;
    bool head_seen;
    u64 head_proves; /* records */
    u64 pcr;         /* the TPM's register that takes the seals; 0: no TPM */
    u8 pcr_value[SHA256_BYTES];
};

/* What the register holds when another tree head went into it. */
static void pcr_extend(struct result *out, const u8 *root)
{
    audit_hash(out->pcr_value, SHA256_BYTES, root, SHA256_BYTES, NULL, 0,
               out->pcr_value);
}

static void read_log(const struct blob *log, const struct verify_options *o,
                     struct result *out)
{
    struct audit_walk *const walk = walk_begin(log);

    *out = (struct result){ .head_seen = false };
    if (o->key != NULL) {
        audit_reader_key(&walk->reader, o->key);
    }
    while (walk_next(walk)) {
        const struct audit_reader *const reader = &walk->reader;
        if (walk->r.event == AUDIT_BOOT) {
            out->pcr = walk->r.arg[2];
        }
        if (walk->r.event == AUDIT_SEAL) {
            pcr_extend(out, reader->root);
        }
        if (walk->r.event == AUDIT_SEAL && o->pcr != NULL && out->pcr != 0 &&
            head_is(out->pcr_value, o->pcr)) {
            out->head_seen = true;
            out->head_proves = reader->sealed;
        }
        if (o->head == NULL) {
            continue;
        }
        if (walk->r.event == AUDIT_SEAL && head_is(reader->root, o->head)) {
            out->head_seen = true;
            out->head_proves = reader->sealed;
        }
        if (head_is(reader->head, o->head)) {
            out->head_seen = true;
            out->head_proves = reader->seq;
        }
    }
    if (log->bytes == 0) {
        walk->fault = AUDIT_FAULT_TRUNCATED;
    }
    out->v = audit_verdict_of(&walk->reader, walk->fault, walk->at);
    free(walk);
}

/* Something from elsewhere to compare with. */
static bool has_head(const struct verify_options *o)
{
    return o->head != NULL || o->pcr != NULL;
}

/* Records that key or head prove, from the first on. */
static u64 proved(const struct result *result, const struct verify_options *o)
{
    const u64 by_key =
        o->key != NULL && result->v.epochs > 0 ? result->v.sealed + 1 : 0;
    const u64 by_head = result->head_seen ? result->head_proves : 0;

    return by_key > by_head ? by_key : by_head;
}

static int code_of(const struct result *result, const struct verify_options *o)
{
    const struct audit_verdict *const v = &result->v;

    if (v->fault != AUDIT_GOOD) {
        return v->fault == AUDIT_FAULT_TRUNCATED ? AUDIT_TRUNCATED
                                                 : EXIT_FINDING;
    }
    if (has_head(o) && !result->head_seen) {
        return EXIT_FINDING;
    }
    if (!v->is_closed && !o->is_open &&
        !(result->head_seen && result->head_proves == v->good)) {
        return AUDIT_TRUNCATED;
    }
    return o->key == NULL && !has_head(o) ? AUDIT_NO_KEY : EXIT_OK;
}

static void print_range(const struct result *result,
                        const struct verify_options *o)
{
    const u64 count = proved(result, o);
    const u64 good = result->v.good;

    if (count > 0) {
        printf("proved: records 0 to %llu, by %s\n",
               (unsigned long long)(count - 1),
               o->key == NULL && o->pcr != NULL ? "the register given"
               : o->key == NULL                 ? "the head given"
               : result->head_seen && o->pcr != NULL
                   ? "the key and the register given"
               : result->head_seen   ? "the key and the head given"
               : o->key_path == NULL ? "the key"
                                     : o->key_path);
    } else {
        printf("proved: nothing: %s\n",
               o->key == NULL && !has_head(o)
                   ? "a key or a head from elsewhere is needed"
                   : "no seal is there yet");
    }
    if (count < good) {
        printf("chained only: records %llu to %llu\n",
               (unsigned long long)count, (unsigned long long)(good - 1));
    }
}

static void print_text(const struct result *result,
                       const struct verify_options *o, int code)
{
    const struct audit_verdict *const v = &result->v;

    if (v->fault != AUDIT_GOOD) {
        (void)report_fault(v);
    } else if (has_head(o) && !result->head_seen) {
        printf("bad: record %llu is the last, and no record up to there has "
               "the %s given\n",
               (unsigned long long)(v->good - 1),
               o->pcr != NULL ? "value of the TPM's register" : "head");
    } else {
        printf("%s: %llu records, chained, %llu seals, %s; head ",
               code == AUDIT_TRUNCATED ? "cut short" : "good",
               (unsigned long long)v->good, (unsigned long long)v->epochs,
               v->is_closed ? "closed by the host" : "not closed");
        hex_write(stdout, v->head, SHA256_BYTES);
        printf("%s\n", result->head_seen && result->head_proves == v->good
                           ? ", as given"
                           : "");
    }
    if (v->good > 0) {
        print_range(result, o);
    }
    if (result->pcr != 0 && v->epochs > 0) {
        printf("register %llu of the TPM, after the last seal: ",
               (unsigned long long)result->pcr);
        hex_write(stdout, result->pcr_value, SHA256_BYTES);
        printf("\n");
    }
}

static void print_json(const struct result *result,
                       const struct verify_options *o, int code)
{
    const struct audit_verdict *const v = &result->v;

    printf("{\"schema\":\"ringfence.verify/1\",\"exit\":%d,\"good\":%llu,"
           "\"proved\":%llu,\"seals\":%llu,\"closed\":%s,\"fault\":",
           code, (unsigned long long)v->good,
           (unsigned long long)proved(result, o), (unsigned long long)v->epochs,
           v->is_closed ? "true" : "false");
    json_string(stdout, audit_fault_text(v->fault));
    printf(",\"head\":\"");
    hex_write(stdout, v->head, SHA256_BYTES);
    printf("\",\"tree_head\":\"");
    hex_write(stdout, v->root, SHA256_BYTES);
    if (result->pcr != 0) {
        printf("\",\"pcr\":%llu,\"pcr_value\":\"",
               (unsigned long long)result->pcr);
        hex_write(stdout, result->pcr_value, SHA256_BYTES);
    }
    printf("\"}\n");
}

int audit_check(const struct blob *log, const struct verify_options *options)
{
    struct result result;

    read_log(log, options, &result);
    const int code = code_of(&result, options);
    if (options->as_json) {
        print_json(&result, options, code);
    } else {
        print_text(&result, options, code);
    }
    return code;
}

/* ---- recover ---------------------------------------------------------------
 */

#define RING_MAX 65536u /* records that a ring may hold */

/* A slot of the ring: written, not chained yet; of this boot and one of the
 * next records. */
static bool is_slot(const u8 *at, const struct audit_reader *reader)
{
    struct audit_record r;

    memcpy(&r, at, sizeof(r));
    return memcmp(r.magic, AUDIT_MAGIC, 4) == 0 && r.seq >= reader->seq &&
           r.seq - reader->seq < RING_MAX &&
           memcmp(r.boot_id, reader->boot_id, 16) == 0 &&
           r.version == AUDIT_VERSION && r.bytes >= AUDIT_HEADER_BYTES &&
           r.bytes <= AUDIT_RECORD_BYTES && audit_event_name(r.event) != NULL;
}

/* What the memory image holds behind the log, in order; nobody has sealed it.
 * Answers how many. */
static u64 recover_ring(struct audit_walk *walk, const struct blob *memory,
                        FILE *out)
{
    const struct audit_reader *const reader = &walk->reader;
    const u8 **const slot = mem_grow(NULL, RING_MAX, sizeof(*slot));
    struct audit_record r;
    u64 count = 0;

    memset(slot, 0, RING_MAX * sizeof(*slot));
    for (u64 at = 0;
         at + AUDIT_RECORD_BYTES <= memory->bytes && reader->seq > 0;
         at += 16) {
        if (is_slot(memory->data + at, reader)) {
            memcpy(&r, memory->data + at, sizeof(r));
            slot[r.seq - reader->seq] = memory->data + at;
        }
    }
    for (; count < RING_MAX && slot[count] != NULL; count++) {
        memcpy(&walk->r, slot[count], sizeof(walk->r));
        walk->name[0][0] = '\0';
        record_print(walk);
        if (out != NULL) {
            fwrite(&walk->r, 1, walk->r.bytes, out);
        }
    }
    free(slot);
    return count;
}

int audit_recover(const struct blob *log, const struct blob *memory,
                  const char *output)
{
    struct audit_walk *const walk = walk_begin(log);

    while (walk_next(walk)) {
    }
    const struct audit_verdict v =
        audit_verdict_of(&walk->reader, walk->fault, walk->at);
    FILE *const out = output != NULL ? fopen(output, "we") : NULL;
    if (output != NULL && out == NULL) {
        fprintf(stderr, "rf: error: cannot write '%s': %s\n", output,
                strerror(errno));
        free(walk);
        return EXIT_ENVIRONMENT;
    }
    printf("whole: records 0 to %lld; sealed: %llu; bytes left over: %llu\n",
           (long long)v.good - 1,
           (unsigned long long)(v.epochs > 0 ? v.sealed + 1 : 0),
           (unsigned long long)(log->bytes - v.offset));
    if (out != NULL) {
        fwrite(log->data, 1, v.offset, out);
    }
    u64 found = 0;
    if (memory != NULL) {
        FILE *const ring =
            output != NULL ? fopen(text_format("%s.ring", output), "we") : NULL;
        found = recover_ring(walk, memory, ring);
        if (ring != NULL) {
            fclose(ring);
        }
        printf("in memory behind them: %llu records, not chained, not "
               "sealed\n",
               (unsigned long long)found);
    }
    const bool is_written = out == NULL || fclose(out) == 0;
    free(walk);
    if (!is_written) {
        fprintf(stderr, "rf: error: cannot write '%s'\n", output);
        return EXIT_ENVIRONMENT;
    }
    return v.good == 0 ? EXIT_FINDING : EXIT_OK;
}
