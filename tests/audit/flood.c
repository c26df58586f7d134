/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log at length, by the code that ships (audit/, rf/logreader.c), without
 * sanitizers and with the host's fast SHA-256. See tests/audit/run.
 *
 *   flood N LOG KEY   N records of privileged acts while tenants are refused
 * all the time and the collector is slow: every act that began has both its
 * records, in order; every refusal is counted bits LOG KEY      every
 * single-bit change of it is found, in its record crash LOG KEY     cut at
 * every 100th record, and inside the next one: what was sealed by then is whole
 * and proved cost              instructions that an act's two records take
 * (ptrace)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit/log.h"
#include "rf/auditkey.h"
#include "rf/logreader.h"

enum { SLOTS = 1024, TENANTS = 4 };

static struct audit_record slots[SLOTS];
static struct audit_log log_;
static struct audit_seal seal;
static struct audit_meter meter[TENANTS];
static struct audit_now now;
static u64 truth[TENANTS][AUDIT_CLASSES];
static u64 random_state = 88172645463325252ull;

static u32 random_below(u32 limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)(random_state >> 11) % limit;
}

NO_RETURN static void fail(const char *what, u64 number)
{
    printf("%s: %llu\n", what, (unsigned long long)number);
    exit(1);
}

/* The first event of family PRIV; until there is one, a step of a life. */
static enum audit_event act_event(void)
{
    for (u32 e = 0; e < AUDIT_EVENT_COUNT; e++) {
        if (audit_event_family(e) == AUDIT_PRIV &&
            audit_event_name(e) != NULL) {
            return (enum audit_event)e;
        }
    }
    return AUDIT_DOMAIN_STARTED;
}

static void drain(FILE *file, u32 max)
{
    struct audit_record out;

    while (max > 0 && audit_drain(&log_, &out, 1) == 1) {
        while (!audit_seal_step(&seal, &out)) {
        }
        if (fwrite(&out, 1, out.bytes, file) != out.bytes) {
            fail("cannot write record", out.seq);
        }
        max--;
    }
}

static void refuse(u32 tenant)
{
    struct audit_record note;
    const u32 nr = random_below(70);

    audit_note_init(&note, AUDIT_GUEST_REFUSED);
    note.decision = AUDIT_DENIED;
    note.actor = (u16)(tenant + 1);
    note.actor_incarnation = 1;
    note.arg[0] = nr;
    audit_refused(&log_, &now, &note, nr, &meter[tenant]);
    truth[tenant][nr < AUDIT_CLASS_OTHER ? nr : AUDIT_CLASS_OTHER]++;
    (void)audit_summary(&log_, &now, note.actor, &meter[tenant], false);
}

/* One act: begun when there is room; false: it did not happen. */
static bool act(u64 number)
{
    struct audit_record note;
    struct audit_ticket ticket = { 0 };

    audit_note_init(&note, act_event());
    note.target = 1;
    note.arg[0] = number;
    if (audit_begin(&log_, &now, &note, &ticket) != RC_OK) {
        return false;
    }
    for (u32 i = random_below(20); i > 0; i--) {
        now.mono_ns += 1000;
        refuse(random_below(TENANTS));
    }
    audit_end(&log_, &now, &note, &ticket);
    return true;
}

/* What the file says of the acts and of the refusals. */
static void check_flood(const struct blob *log, const u8 *key, u64 acts)
{
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;
    u64 begun = 0;
    u64 ended = 0;

    audit_reader_init(&reader);
    audit_reader_key(&reader, key);
    while (at < log->bytes) {
        const enum audit_fault fault =
            audit_next(&reader, log->data, log->bytes, &at, &r);
        if (fault != AUDIT_GOOD) {
            fail(audit_fault_text(fault), reader.seq);
        }
        if (r.phase == AUDIT_INTENT && r.arg[0] != begun++) {
            fail("lost intent before act", r.arg[0]);
        }
        if (r.phase == AUDIT_OUTCOME && r.arg[0] != ended++) {
            fail("lost outcome before act", r.arg[0]);
        }
        for (u32 i = 0; r.event == AUDIT_REFUSAL_SUMMARY && i < r.field[2];
             i += sizeof(struct audit_count)) {
            struct audit_count c;
            memcpy(&c, r.field + 4 + i, sizeof(c));
            truth[r.actor - 1][c.class_nr] -= c.refused;
        }
    }
    if (begun != acts || ended != acts || !reader.is_closed) {
        fail("acts whose records are not both there", acts - ended);
    }
    for (u32 i = 0; i < TENANTS * AUDIT_CLASSES; i++) {
        if (truth[i / AUDIT_CLASSES][i % AUDIT_CLASSES] != 0) {
            fail("a count is not exact, class", i % AUDIT_CLASSES);
        }
    }
}

static void write_log(FILE *file, u64 records, u64 *acts, u64 *waited)
{
    struct audit_record note;

    now.wall_ns = 1800000000000000000ull;
    audit_note_init(&note, AUDIT_BOOT);
    note.arg[0] = AUDIT_VERSION;
    (void)!audit_append(&log_, &now, &note);
    while (log_.next < records) {
        /* A short log is spread over more seals than a long one. */
        now.mono_ns +=
            (20000 + random_below(60000)) * (records < 100000 ? 1000ull : 1ull);
        now.wall_ns = 1800000000000000000ull + now.mono_ns;
        refuse(random_below(TENANTS));
        if (act(*acts)) {
            (*acts)++;
        } else {
            (*waited)++;
        }
        /* Slower than the acts at most times, then far behind, then quick. */
        drain(file, random_below(200) == 0 ? 2000 : random_below(3));
    }
    for (u32 i = 0; i < TENANTS; i++) {
        while (!audit_summary(&log_, &now, (u16)(i + 1), &meter[i], true)) {
            drain(file, SLOTS);
        }
    }
    drain(file, SLOTS);
    audit_note_init(&note, AUDIT_HOST_SHUTDOWN);
    (void)!audit_append(&log_, &now, &note);
    audit_seal_due(&log_, &now, true);
    drain(file, SLOTS);
}

static struct blob load(const char *path)
{
    struct blob log = { NULL, 0 };
    struct fault fault;

    if (!file_read(path, 1ull << 33, &log, &fault)) {
        fail(fault.text, 0);
    }
    return log;
}

static void flood(u64 records, const char *path, const u8 *key)
{
    static const u8 boot_id[16] = { 0xb0, 0x07 };
    FILE *const file = fopen(path, "w");
    u64 acts = 0;
    u64 waited = 0;
    u64 refused = 0;

    if (file == NULL || audit_init(&log_, slots, SLOTS, boot_id) != RC_OK) {
        fail("no log", 0);
    }
    audit_seal_init(&seal, key, boot_id);
    write_log(file, records, &acts, &waited);
    fclose(file);
    for (u32 i = 0; i < TENANTS; i++) {
        refused += meter[i].ever;
    }
    const struct blob log = load(path);
    check_flood(&log, key, acts);
    printf("%llu records, %llu acts with both records, %llu acts that had to "
           "wait, %llu refusals counted\n",
           (unsigned long long)log_.next, (unsigned long long)acts,
           (unsigned long long)waited, (unsigned long long)refused);
    free(log.data);
}

static void bits(const struct blob *log, const u8 *key)
{
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;
    u64 flipped = 0;

    audit_reader_init(&reader);
    audit_reader_key(&reader, key);
    while (at < log->bytes) {
        const u32 size = log->data[at + 6] | (u32)log->data[at + 7] << 8;
        for (u64 bit = 0; bit < 8ull * size; bit++) {
            u8 *const byte = &log->data[at + bit / 8];
            u64 here = at;
            *byte ^= (u8)(1u << bit % 8);
            if (audit_next(&reader, log->data, log->bytes, &here, &r) ==
                AUDIT_GOOD) {
                fail("a flipped bit was not found in record", reader.seq);
            }
            *byte ^= (u8)(1u << bit % 8);
            flipped++;
        }
        if (audit_next(&reader, log->data, log->bytes, &at, &r) != AUDIT_GOOD) {
            fail("not good any more: record", reader.seq);
        }
    }
    printf("%llu records, %llu single-bit changes, all found\n",
           (unsigned long long)reader.seq, (unsigned long long)flipped);
}

static void crash(const struct blob *log, const u8 *key)
{
    struct audit_reader reader;
    struct audit_record r;
    u64 at = 0;
    u64 sealed = 0; /* by the records' own word */
    u64 crashes = 0;

    audit_reader_init(&reader);
    audit_reader_key(&reader, key);
    while (at < log->bytes) {
        if (reader.seq % 100 == 0 && reader.seq > 0) {
            u64 here = at;
            if (audit_next(&reader, log->data, at + 100, &here, &r) !=
                    AUDIT_FAULT_TRUNCATED ||
                reader.sealed != sealed) {
                fail("sealed records were lost by a crash at", reader.seq);
            }
            crashes++;
        }
        if (audit_next(&reader, log->data, log->bytes, &at, &r) != AUDIT_GOOD) {
            fail("not good: record", reader.seq);
        }
        sealed = r.event == AUDIT_SEAL ? r.seq : sealed;
        if (reader.seq - sealed > AUDIT_SEAL_RECORDS) {
            fail("more than a seal's records are open at", reader.seq);
        }
    }
    printf("%llu crashes, all sealed records whole each time\n",
           (unsigned long long)crashes);
}

/* ---- cost ------------------------------------------------------------------
 */

static u64 step_to_mark(pid_t child)
{
    u64 steps = 0;
    int status;

    for (;;) {
        struct {
            unsigned long pad[16], rip, more[10];
        } regs;
        if (ptrace(PTRACE_GETREGS, child, NULL, &regs) != 0) {
            fail("ptrace", steps);
        }
        const long code =
            ptrace(PTRACE_PEEKTEXT, child, (void *)regs.rip, NULL);
        if ((code & 0xff) == 0xcc) {
            return steps;
        }
        ptrace(PTRACE_SINGLESTEP, child, NULL, NULL);
        waitpid(child, &status, 0);
        if (!WIFSTOPPED(status)) {
            fail("the child has ended", steps);
        }
        steps++;
    }
}

static void cost_child(void)
{
    static const u8 boot_id[16] = { 1 };
    struct audit_record note;
    struct audit_ticket ticket = { 0 };

    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    (void)!audit_init(&log_, slots, SLOTS, boot_id);
    raise(SIGSTOP);
    for (u32 i = 0; i < 3; i++) {
        __asm__ volatile("int3");
        /* As a call does it: a note, an intent, the act, an outcome. */
        audit_note_init(&note, act_event());
        (void)!audit_begin(&log_, &now, &note, &ticket);
        audit_end(&log_, &now, &note, &ticket);
        __asm__ volatile("int3");
        now.mono_ns += AUDIT_SEAL_NS; /* from the second on with a seal */
    }
    _exit(0);
}

static void cost(void)
{
    const pid_t child = fork();
    int status;

    if (child == 0) {
        cost_child();
    }
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) {
        printf("skipped: ptrace is not allowed here\n");
        exit(77);
    }
    u64 most = 0;
    for (u32 i = 0; i < 3; i++) {
        (void)step_to_mark(child);
        ptrace(PTRACE_SINGLESTEP, child, NULL, NULL); /* over the mark */
        waitpid(child, &status, 0);
        const u64 steps = step_to_mark(child);
        ptrace(PTRACE_SINGLESTEP, child, NULL, NULL);
        waitpid(child, &status, 0);
        most = steps > most ? steps : most;
    }
    ptrace(PTRACE_KILL, child, NULL, NULL);
    waitpid(child, &status, 0);
    printf("%llu instructions at most for an intent and an outcome\n",
           (unsigned long long)most);
    if (most > 2500) {
        exit(1);
    }
}

int main(int argc, char **argv)
{
    u8 key[SHA256_BYTES] = { 0 };
    struct fault fault;

    if (argc == 2 && strcmp(argv[1], "cost") == 0) {
        cost();
        return 0;
    }
    const char *const key_path = argc > 3 ? argv[argc - 1] : NULL;
    if (argc == 5 && strcmp(argv[1], "flood") == 0) {
        if (!audit_key_make(key_path, key, &fault)) {
            fail(fault.text, 0);
        }
        flood(strtoull(argv[2], NULL, 10), argv[3], key);
        return 0;
    }
    if (argc != 4 || !audit_key_read(key_path, key, &fault)) {
        fprintf(stderr, "flood: see the head of flood.c\n");
        return 2;
    }
    const struct blob log = load(argv[2]);
    if (strcmp(argv[1], "bits") == 0) {
        bits(&log, key);
    } else {
        crash(&log, key);
    }
    free(log.data);
    return 0;
}
