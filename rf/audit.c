/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf audit: read the log that `rf run --audit-log` kept. This file is the
 * command line.
 */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "rf/auditkey.h"
#include "rf/auditlog.h"
#include "rf/verbs.h"

#define ACTION_ARGS_MAX 64

struct options {
    const char *action;
    char *arg[ACTION_ARGS_MAX];
    size_t count;
    struct audit_filter filter;
    const char *key;
    const char *head;
    const char *pcr;
    const char *control;
    const char *memory;
    const char *output;
    enum export_form form;
    u64 lines;
    bool as_json;
    bool is_open;
    bool follow;
};

/* How many arguments an action takes after its name. */
static const struct {
    const char *name;
    size_t least;
    size_t most;
} actions[] = {
    { "show", 1, 1 },        { "tail", 0, 1 },
    { "filter", 1, 1 },      { "why", 2, ACTION_ARGS_MAX - 1 },
    { "stats", 1, 1 },       { "verify", 1, 1 },
    { "prove", 2, 2 },       { "check-proof", 1, 1 },
    { "consistency", 3, 3 }, { "export", 1, 1 },
    { "recover", 1, 1 },     { "html", 1, ACTION_ARGS_MAX - 1 },
};

enum {
    OPTION_ACTOR = 0x500,
    OPTION_TARGET,
    OPTION_OP,
    OPTION_RESULT,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_CLASS,
    OPTION_JSON,
    OPTION_OCSF,
    OPTION_CEF,
    OPTION_OPEN,
    OPTION_MEMORY,
    OPTION_PCR,
    OPTION_CONTROL
};

static const struct argp_option argp_options[] = {
    { "actor", OPTION_ACTOR, "DOMAIN", 0, "Records of what DOMAIN did", 1 },
    { "target", OPTION_TARGET, "DOMAIN", 0, "... of what was done to it", 1 },
    { "op", OPTION_OP, "NAME", 0, "... of this event or hypercall", 1 },
    { "result", OPTION_RESULT, "R", 0,
      "... that were allowed, denied, failed, or gave this number", 1 },
    { "since", OPTION_SINCE, "TIME", 0,
      "... from HH:MM:SS or YYYY-MM-DDTHH:MM:SS on (UTC)", 1 },
    { "until", OPTION_UNTIL, "TIME", 0, "... up to then", 1 },
    { "class", OPTION_CLASS, "CLASS", 0, "... priv, life, guest or stop", 1 },
    { "follow", 'f', NULL, 0, "tail: wait for more", 2 },
    { "control", OPTION_CONTROL, "PATH", 0,
      "tail: what Domain0 of the run with this socket has, without FILE", 2 },
    { "lines", 'n', "N", 0, "tail: this many to begin with (10)", 2 },
    { "key", 'k', "FILE", 0, "verify, html: the key of the seals (LOG.key)",
      3 },
    { "head", 'H', "HEX", 0,
      "verify, check-proof: a head from the host's console", 3 },
    { "pcr", OPTION_PCR, "HEX", 0,
      "verify: what the TPM's register holds, a seal or more ago", 3 },
    { "open", OPTION_OPEN, NULL, 0, "verify: the host still runs", 3 },
    { "json", OPTION_JSON, NULL, 0, "verify, export: as JSON", 4 },
    { "ocsf", OPTION_OCSF, NULL, 0, "export: as OCSF events", 4 },
    { "cef", OPTION_CEF, NULL, 0, "export: as CEF", 4 },
    { "memory", OPTION_MEMORY, "FILE", 0,
      "recover: look for later records in this image of memory", 5 },
    { "output", 'o', "FILE", 0, "recover: write what is whole to FILE", 5 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse_filter(int key, char *arg, struct audit_filter *filter)
{
    switch (key) {
    case OPTION_ACTOR:
        filter->actor = arg;
        return 0;
    case OPTION_TARGET:
        filter->target = arg;
        return 0;
    case OPTION_OP:
        filter->op = arg;
        return 0;
    case OPTION_RESULT:
        filter->result = arg;
        return 0;
    case OPTION_SINCE:
        filter->since = arg;
        return 0;
    case OPTION_UNTIL:
        filter->until = arg;
        return 0;
    case OPTION_CLASS:
        filter->family = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void check_action(const struct options *options,
                         struct argp_state *state)
{
    const char *near = NULL;
    unsigned distance = 0;

    for (size_t i = 0; options->action != NULL && i < ARRAY_COUNT(actions);
         i++) {
        if (strcmp(actions[i].name, options->action) == 0) {
            const bool is_tail = strcmp(options->action, "tail") == 0;
            if (options->control != NULL ? !is_tail || options->count != 0
                                         : is_tail && options->count == 0) {
                argp_error(state, "tail wants FILE, or else --control");
            }
            if (options->count < actions[i].least ||
                options->count > actions[i].most) {
                argp_error(state, "%s: wrong number of arguments",
                           options->action);
            }
            return;
        }
        near_offer(options->action, actions[i].name, &near, &distance);
    }
    if (near != NULL) {
        argp_error(state, "there is no `%s`: did you mean `%s`?",
                   options->action, near);
    } else {
        argp_error(state, "`show FILE` or another action is expected");
    }
}

static void parse_head(int key, char *arg, struct options *options,
                       struct argp_state *state)
{
    const bool is_pcr = key == OPTION_PCR;
    const u32 least = is_pcr ? (u32)HEAD_CHARS : HEAD_CHARS_MIN;

    if (strlen(arg) < least || strlen(arg) > HEAD_CHARS) {
        argp_error(state, "%s: %u to %u hexadecimal digits, please",
                   is_pcr ? "--pcr" : "--head", least, (u32)HEAD_CHARS);
    }
    if (is_pcr) {
        options->pcr = arg;
    } else {
        options->head = arg;
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *const options = state->input;
    const char *wrong;

    switch (key) {
    case 'f':
        options->follow = true;
        return 0;
    case 'n':
        options->lines = option_number(state, "lines", arg, 0, 1000000);
        return 0;
    case 'k':
        options->key = arg;
        return 0;
    case 'o':
        options->output = arg;
        return 0;
    case OPTION_MEMORY:
        options->memory = arg;
        return 0;
    case OPTION_OPEN:
        options->is_open = true;
        return 0;
    case OPTION_JSON:
        options->as_json = true;
        return 0;
    case OPTION_OCSF:
        options->form = EXPORT_OCSF;
        return 0;
    case OPTION_CEF:
        options->form = EXPORT_CEF;
        return 0;
    case OPTION_CONTROL:
        options->control = arg;
        return 0;
    case OPTION_PCR:
    case 'H':
        parse_head(key, arg, options, state);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            options->action = arg;
        } else if (state->arg_num <= ACTION_ARGS_MAX) {
            options->arg[options->count++] = arg;
        } else {
            argp_error(state, "too many files");
        }
        return 0;
    case ARGP_KEY_END:
        check_action(options, state);
        if (!filter_begin(&options->filter, &wrong)) {
            argp_error(state, "%s is expected", wrong);
        }
        return 0;
    default:
        return parse_filter(key, arg, &options->filter);
    }
}

/* The key that was given, or the one beside the log; false: it is not one. */
static bool find_key(const struct options *options, const char *log,
                     struct verify_options *verify, u8 key[SHA256_BYTES])
{
    struct fault fault = { "", "" };
    char *const beside = text_format("%s.key", log);
    const char *const path = options->key != NULL ? options->key : beside;

    verify->file = log;
    verify->head = options->head;
    verify->pcr = options->pcr;
    verify->is_open = options->is_open;
    verify->as_json = options->as_json;
    if (audit_key_read(path, key, &fault)) {
        verify->key = key;
        verify->key_path = options->key != NULL
                               ? NULL
                               : "the key beside the log: whoever could write "
                                 "the one could write the other";
    } else if (options->key != NULL) {
        fprintf(stderr, "rf: error: '%s': %s\n", path, fault.text);
        free(beside);
        return false;
    }
    free(beside);
    return true;
}

static int with_policy(const struct options *options, const struct blob *log,
                       const char *path)
{
    const bool is_why = strcmp(options->action, "why") == 0;
    const size_t first = is_why ? 2 : 1;
    struct verify_options verify = { 0 };
    struct audit_policy policy = { 0 };
    struct fault fault = { "", "" };
    u8 key[SHA256_BYTES];

    if (!audit_policy_load(&policy, (char *const *)options->arg + first,
                           options->count - first, log, &fault)) {
        fault_print(&fault);
        return EXIT_ENVIRONMENT;
    }
    if (!find_key(options, path, &verify, key)) {
        return EXIT_ENVIRONMENT;
    }
    const int code = is_why ? audit_why(log, options->arg[0], &policy)
                            : audit_html(log, &policy, &verify);
    audit_policy_free(&policy);
    return code;
}

static int recover(const struct options *options, const struct blob *log)
{
    struct blob memory = { NULL, 0 };
    struct fault fault = { "", "" };

    if (options->memory != NULL &&
        !file_read(options->memory, LOG_BYTES_MAX, &memory, &fault)) {
        fprintf(stderr, "rf: error: '%s': %s\n", options->memory, fault.text);
        return EXIT_ENVIRONMENT;
    }
    const int code = audit_recover(
        log, options->memory != NULL ? &memory : NULL, options->output);
    free(memory.data);
    return code;
}

static int run_action(const struct options *options, const struct blob *log,
                      const char *path)
{
    const char *const action = options->action;
    struct verify_options verify = { 0 };
    u8 key[SHA256_BYTES];

    if (strcmp(action, "verify") == 0) {
        return find_key(options, path, &verify, key) ? audit_check(log, &verify)
                                                     : EXIT_ENVIRONMENT;
    }
    if (strcmp(action, "stats") == 0) {
        return audit_stats(log, &options->filter);
    }
    if (strcmp(action, "export") == 0) {
        return audit_export(log, &options->filter, options->form);
    }
    if (strcmp(action, "prove") == 0) {
        return audit_prove(log, options->arg[1]);
    }
    if (strcmp(action, "check-proof") == 0) {
        return audit_check_proof(log, options->head);
    }
    if (strcmp(action, "consistency") == 0) {
        return audit_consistency(log, options->arg[1], options->arg[2]);
    }
    if (strcmp(action, "recover") == 0) {
        return recover(options, log);
    }
    if (strcmp(action, "why") == 0 || strcmp(action, "html") == 0) {
        return with_policy(options, log, path);
    }
    return audit_show(log, &options->filter);
}

static void read_input(struct blob *log)
{
    size_t count;

    do {
        log->data = mem_grow(log->data, log->bytes + (1u << 20), 1);
        count = fread(log->data + log->bytes, 1, 1u << 20, stdin);
        log->bytes += count;
    } while (count > 0);
}

int cmd_audit(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .args_doc = "show FILE\nfilter FILE\ntail [-f] FILE\n"
                    "why TENANT FILE [TENANT-FILE...]\nstats FILE\n"
                    "verify FILE\nprove FILE SEQ\ncheck-proof PROOF\n"
                    "consistency FILE OLD-HEAD NEW-HEAD\nexport FILE\n"
                    "recover FILE\nhtml FILE [TENANT-FILE...]",
        .doc = "Read a log of audit records; `-` is the standard input.",
    };
    struct options options = { .lines = 10 };
    struct blob log = { NULL, 0 };
    struct fault fault = { "", "" };

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    const char *path = options.arg[strcmp(options.action, "why") == 0 ? 1 : 0];
    if (options.control != NULL) {
        return audit_live(options.control, options.lines, &options.filter);
    }
    if (strcmp(options.action, "tail") == 0) {
        return audit_tail(path, options.lines, options.follow, &options.filter);
    }
    if (strcmp(path, "-") == 0) {
        read_input(&log);
    } else if (!file_read(path, LOG_BYTES_MAX, &log, &fault)) {
        fprintf(stderr, "rf: error: '%s': %s\n", path, fault.text);
        return EXIT_ENVIRONMENT;
    }
    const int code = run_action(&options, &log, path);
    free(log.data);
    return code;
}
