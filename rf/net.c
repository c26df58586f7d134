/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf net load: compile the firewall rules of tenant files and put them in force
 * in a run, all or nothing, through its Domain0 (rf/control.h). rf net show:
 * which are in force, hashed here.
 *
 * A rule set names domains by their numbers, which only the run knows: it is
 * asked first. A tenant that runs and is in no file would lose its interfaces,
 * so the files have to be those of all.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rf/netrun.h"
#include "rf/pf.h"
#include "rf/verbs.h"

#define SECONDS_MAX 3600u
#define TIMEOUT_S 60u   /* 64 KiB of rules, in hex, on a serial line */
#define LINE_BYTES 512u /* of the rule set, in a line of digits */

enum { OPTION_CONTROL = 0x500, OPTION_JSON, OPTION_TIMEOUT };

struct net {
    struct control_options o;
    const char *what; /* load, show */
    char **paths;
    size_t count;
};

static bool is_load(const struct net *net)
{
    return strcmp(net->what, "load") == 0;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
    struct net *const net = state->input;

    switch (key) {
    case OPTION_CONTROL:
        net->o.path = arg;
        return 0;
    case OPTION_JSON:
        net->o.is_json = true;
        return 0;
    case OPTION_TIMEOUT:
        net->o.timeout_s =
            (u32)option_number(state, "timeout", arg, 1, SECONDS_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (net->what == NULL) {
            net->what = arg;
            return 0;
        }
        net->paths = mem_grow(net->paths, net->count + 1, sizeof(*net->paths));
        net->paths[net->count++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (net->what == NULL ||
            (!is_load(net) && strcmp(net->what, "show") != 0)) {
            argp_error(state, "say what: load or show");
        } else if (is_load(net) != (net->count != 0)) {
            argp_error(state, is_load(net) ? "load which tenant files?"
                                           : "too many arguments");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* "rules BYTES SHA256", then the bytes as lines of hex digits, the last one
 * without its end. The digest is that of the files. */
static char *request_make(const struct blob *rules, const u8 digest[32])
{
    char *text = NULL;
    size_t room = 0;
    FILE *const out = open_memstream(&text, &room);

    if (out == NULL) {
        return NULL;
    }
    fprintf(out, "rules %zu ", rules->bytes);
    for (u32 i = 0; i < 32; i++) {
        fprintf(out, "%02x", digest[i]);
    }
    for (size_t i = 0; i < rules->bytes; i++) {
        fprintf(out, i % LINE_BYTES == 0 ? "\n%02x" : "%02x", rules->data[i]);
    }
    return fclose(out) == 0 ? text : NULL;
}

static int send_rules(int fd, const struct net *net,
                      const struct tenant_set *set, const struct blob *rules)
{
    struct answer answer = { NULL, NULL, 0 };
    char digest[80];
    char *const request = request_make(rules, set->policy_digest);

    if (request == NULL) {
        return EXIT_ENVIRONMENT;
    }
    const int code = control_do(fd, &net->o, request, &answer);
    free(request);
    if (net->o.is_json && code != EXIT_ENVIRONMENT) {
        control_print_json(&answer, "rules", "answer", NULL);
    } else if (code == EXIT_OK && answer.count != 0) {
        (void)answer_value(answer.line[0], "digest", digest, sizeof(digest));
        printf("generation %llu, %zu bytes, sha256 %s\n",
               (unsigned long long)answer_number(answer.line[0], "generation"),
               rules->bytes, digest);
    }
    answer_free(&answer);
    return code;
}

static int load(int fd, const struct net *net, const struct tenant_set *set)
{
    struct answer domains = { NULL, NULL, 0 };
    struct blob rules = { NULL, 0 };
    struct fault fault = { "", "" };
    u16 *const domid = mem_alloc(set->count * sizeof(*domid));
    int code = control_do(fd, &net->o, "ps", &domains);

    if (code == EXIT_OK && (!netrun_match(set, &domains, domid, &fault) ||
                            !pf_blob(set, domid, &rules, &fault))) {
        fault_print(&fault);
        code = EXIT_FINDING;
    }
    if (code == EXIT_OK) {
        code = send_rules(fd, net, set, &rules);
    }
    free(rules.data);
    free(domid);
    answer_free(&domains);
    return code;
}

/* ---- show ---- */

static int show(int fd, const struct net *net)
{
    struct answer answer = { NULL, NULL, 0 };
    struct fault fault = { "", "" };
    char digest[65];
    int code = control_do(fd, &net->o, "rules", &answer);

    if (code == EXIT_OK && answer.count != 0) {
        const u64 generation = answer_number(answer.line[0], "generation");
        const u64 bytes = answer_number(answer.line[0], "bytes");
        if (!netrun_digest(&answer, digest)) {
            (void)fault_set(&fault, "the answer is not whole");
            fault_print(&fault);
            code = EXIT_ENVIRONMENT;
        } else if (net->o.is_json) {
            printf("{\"schema\":\"ringfence.rules.1\",\"answer\":[\n"
                   "{\"generation\":%llu,\"bytes\":%llu,\"digest\":\"%s\"}]}\n",
                   (unsigned long long)generation, (unsigned long long)bytes,
                   digest);
        } else {
            printf("generation %llu, %llu bytes, sha256 %s\n",
                   (unsigned long long)generation, (unsigned long long)bytes,
                   digest);
        }
    }
    answer_free(&answer);
    return code;
}

int cmd_net(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "control", OPTION_CONTROL, "PATH", 0,
          "The run's control socket (that of the only run there is)", 0 },
        { "json", OPTION_JSON, NULL, 0, "Print JSON, with its schema named",
          0 },
        { "timeout", OPTION_TIMEOUT, "S", 0, "Wait so long for an answer (60)",
          0 },
        { NULL, 0, NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_one,
        .args_doc = "load FILE...\nshow",
        .doc = "Put the firewall rules of the tenant files, which are those of "
               "all tenants of the run, in force in the run; or say which are.",
    };
    struct net net = { .o = { .timeout_s = TIMEOUT_S } };
    struct tenant_set set = { .is_rules_only = true, .has_services = true };
    struct fault fault = { "", "" };
    int code = EXIT_ENVIRONMENT;

    argp_parse(&argp, argc, argv, 0, NULL, &net);
    if (is_load(&net) && !tenant_set_load(&set, net.paths, net.count, 0)) {
        code = tenant_set_report(&set, net.o.is_json);
    } else {
        const int fd = control_connect(net.o.path, &fault);
        if (fd < 0) {
            fault_print(&fault);
        } else {
            code = is_load(&net) ? load(fd, &net, &set) : show(fd, &net);
            close(fd);
        }
    }
    tenant_set_free(&set);
    free(net.paths);
    return code;
}
