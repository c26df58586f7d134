/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs of rf audit share: a walk over the good records of a log, the
 * names in it, a filter, and records as text.
 */
#ifndef RF_AUDITLOG_H
#define RF_AUDITLOG_H

#include "rf/logreader.h"
#include "rf/rf.h"

#define LOG_BYTES_MAX (1ull << 33)
#define AUDIT_TRUNCATED 2
#define AUDIT_NO_KEY 3
/* 128 bits are enough to compare; the console shows as many of a tree head. */
#define HEAD_CHARS_MIN 32u
#define HEAD_CHARS ((size_t)2 * SHA256_BYTES)

struct audit_walk {
    const struct blob *log;
    struct audit_reader reader;
    struct audit_record r; /* after walk_next: the record */
    const u8 *bytes;       /* the same as it stands in the log */
    u64 at;                /* of the record after it */
    enum audit_fault fault;
    /* Names of domains, as their DOMAIN_CREATED records give them. */
    char name[MF_DOMAINS_MAX + 1][MF_NAME_BYTES];
};

/* On the heap; free() it. */
struct audit_walk *walk_begin(const struct blob *log);
/* False: the end, or a record that is not good (fault says). */
bool walk_next(struct audit_walk *walk) MUST_CHECK;

/* The name that the record gives a domain, if it does. */
void walk_name_learn(struct audit_walk *walk);
/* Name of a domain, "host", or "domain-N". Like all texts here it may stand in
 * one of five buffers that are used in turn. */
const char *walk_name(const struct audit_walk *walk, u16 domain);
/* Whose packets a report of the router is about, or the target. */
u16 record_target(const struct audit_record *r);
/* Whom a line is about: the target, or else the actor. */
u16 record_domain(const struct audit_record *r);

/* The first field of that kind; NULL when there is none. */
const u8 *field_find(const struct audit_record *r, u16 kind, u32 *bytes);
/* Name of a row of the hypercall table; NULL when there is none. */
const char *row_name(u64 nr, u64 sub);
/* Name of an event in small letters with dashes. */
const char *event_text(u32 event);
const char *family_text(u32 family);
const char *decision_text(u32 decision);
const char *phase_text(u32 phase);
/* A text field as printable ASCII; "" when there is none. */
const char *text_of(const struct audit_record *r, u16 kind);
/* The same of bytes that end with the first zero, if there is one. */
const char *bytes_text(const u8 *data, u32 bytes);
/* 2026-11-21T17:07:52.678Z */
const char *time_text(u64 wall_ns);

/* One line. */
void record_print(const struct audit_walk *walk);

/* ---- auditargs.c ---- */

enum audit_arg_kind {
    ARG_NUMBER,
    ARG_DOMAIN,
    ARG_RIGHTS,
    ARG_TEXT,
    ARG_DIGEST
};

/* A field of a call's structure in a record. */
struct audit_arg {
    const char *name;
    enum audit_arg_kind kind;
    u32 at; /* byte of the structure */
    u32 bytes;
    bool is_out;   /* the hypervisor's answer */
    bool is_known; /* by then; the rest is of record_arg, too */
    const u8 *data;
    u64 number; /* what 8 bytes or fewer say */
};

/* Number i of a record of that event and right; false: there are no more. */
bool audit_arg_find(u32 event, u64 right, u32 i,
                    struct audit_arg *out) MUST_CHECK;
bool record_arg(const struct audit_record *r, u32 i,
                struct audit_arg *out) MUST_CHECK;
/* The number of that name; 0: there is none. */
u64 record_arg_number(const struct audit_record *r, const char *name);

/* What the router says of a packet: `tcp 10.0.0.2:40112 -> 10.0.0.3:22
 * web.cfg:14`, with the reason before the place when it is not a rule, behind
 * `passed ` if it was not refused; "" of other records. */
const char *net_text(const struct audit_record *r);
/* Its end, the line of a tenant file that decided, if it was not cut off; all
 * of a text without a packet. */
const char *net_place(const char *text);

/* ---- auditnet.c ---- */

struct audit_policy;
struct net_causes;

/* What firewalls have refused a tenant, and what its own refused others. */
struct net_causes *net_why_begin(void);
/* True: the record is about the tenant. */
bool net_why_add(struct net_causes *all, const struct audit_walk *walk,
                 const char *tenant, const struct audit_policy *policy);
/* Prints and frees. */
void net_why_end(struct net_causes *all, const struct audit_walk *walk);

/* ---- auditfilter.c ---- */

struct audit_filter {
    const char *actor; /* name or number; NULL: any */
    const char *target;
    const char *op; /* event or hypercall */
    const char *family;
    const char *result; /* allowed, denied, failed, or a number */
    const char *since;
    const char *until;
    u64 since_ns; /* of the day, or since 1970, by filter_begin */
    u64 until_ns;
};

/* False: *wrong says which option is not understood. */
bool filter_begin(struct audit_filter *filter, const char **wrong) MUST_CHECK;
bool filter_takes(const struct audit_filter *filter,
                  const struct audit_walk *walk);

/* ---- policy lines ---- */

/* The tenant files that the host was started from. */
struct audit_policy {
    struct source *file;
    size_t count;
    bool is_the_one; /* their digest is that of the boot record */
};

bool audit_policy_load(struct audit_policy *policy, char *const *paths,
                       size_t count, const struct blob *log,
                       struct fault *fault) MUST_CHECK;
void audit_policy_free(struct audit_policy *policy);
/* Is a report's place in the file of this tenant? */
bool audit_policy_owns(const struct audit_policy *policy, const char *tenant,
                       const char *place);
/* The line behind a decision on r, `file:line: text`; NULL: no file says.
 * To be freed. */
char *audit_policy_line(const struct audit_policy *policy,
                        const struct audit_walk *walk);

/* ---- the verbs ---- */

int audit_show(const struct blob *log, const struct audit_filter *filter);
int audit_tail(const char *path, u64 lines, bool follow,
               const struct audit_filter *filter);
/* The same from Domain0, over the control socket. */
int audit_live(const char *control, u64 lines,
               const struct audit_filter *filter);
int audit_why(const struct blob *log, const char *tenant,
              const struct audit_policy *policy);
int audit_stats(const struct blob *log, const struct audit_filter *filter);

enum export_form { EXPORT_JSON, EXPORT_OCSF, EXPORT_CEF };
int audit_export(const struct blob *log, const struct audit_filter *filter,
                 enum export_form form);

struct verify_options {
    const char *file;
    const u8 *key; /* or NULL */
    const char *key_path;
    const char *head; /* or NULL */
    const char *pcr;  /* what the TPM's register holds, or NULL */
    bool is_open;     /* the host still runs */
    bool as_json;
};
int audit_check(const struct blob *log, const struct verify_options *options);
/* The good part of log, and what a memory image has behind it, into output. */
int audit_recover(const struct blob *log, const struct blob *memory,
                  const char *output);

int audit_prove(const struct blob *log, const char *seq);
int audit_check_proof(const struct blob *proof, const char *head);
int audit_consistency(const struct blob *log, const char *old_head,
                      const char *new_head);
int audit_html(const struct blob *log, const struct audit_policy *policy,
               const struct verify_options *options);

/* `bad: record N, at byte B: why`, and the exit code. */
int report_fault(const struct audit_verdict *verdict);

#endif
