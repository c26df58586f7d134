/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf ps, top, pause, unpause, destroy, start, restart, metrics, store: what an
 * operator asks the Domain0 of a run (rf/control.h), and how the answer is
 * shown.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rf/control.h"
#include "rf/verbs.h"

#define SECONDS_MAX 3600u
#define NAME_BYTES 64

enum {
    OPTION_CONTROL = 0x400,
    OPTION_JSON,
    OPTION_TIMEOUT,
    OPTION_ROUNDS,
    OPTION_DELAY
};

static const struct argp_option options[] = {
    { "control", OPTION_CONTROL, "PATH", 0,
      "The run's control socket (that of the only run there is)", 0 },
    { "json", OPTION_JSON, NULL, 0, "Print JSON, with its schema named", 0 },
    { "timeout", OPTION_TIMEOUT, "S", 0, "Wait so long for an answer (15)", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static const struct argp_option top_options[] = {
    { "control", OPTION_CONTROL, "PATH", 0,
      "The run's control socket (that of the only run there is)", 0 },
    { "json", OPTION_JSON, NULL, 0, "Print JSON, with its schema named", 0 },
    { "timeout", OPTION_TIMEOUT, "S", 0, "Wait so long for an answer (15)", 0 },
    { "count", OPTION_ROUNDS, "N", 0, "End after so many rounds", 0 },
    { "delay", OPTION_DELAY, "S", 0, "Seconds between two rounds (1)", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
    struct control_options *const o = state->input;

    switch (key) {
    case OPTION_CONTROL:
        o->path = arg;
        return 0;
    case OPTION_JSON:
        o->is_json = true;
        return 0;
    case OPTION_TIMEOUT:
        o->timeout_s =
            (u32)option_number(state, "timeout", arg, 1, SECONDS_MAX);
        return 0;
    case OPTION_ROUNDS:
        o->rounds = (u32)option_number(state, "count", arg, 1, 1u << 30);
        return 0;
    case OPTION_DELAY:
        o->delay_s = (u32)option_number(state, "delay", arg, 1, SECONDS_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (o->name != NULL) {
            return ARGP_ERR_UNKNOWN;
        }
        o->name = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* what: "" for a verb without an argument, else what it is called. */
static int parse(struct control_options *o, int argc, char **argv,
                 const char *what, bool is_top)
{
    const struct argp argp = { .options = is_top ? top_options : options,
                               .parser = parse_one,
                               .args_doc = what };
    struct fault fault = { "", "" };

    *o = (struct control_options){ .timeout_s = 15, .delay_s = 1 };
    argp_parse(&argp, argc, argv, 0, NULL, o);
    if ((what[0] != '\0') != (o->name != NULL)) {
        fprintf(stderr, "rf: error: %s\n",
                what[0] != '\0' ? "a name is missing" : "too many arguments");
        exit(EXIT_USAGE);
    }
    const int fd = control_connect(o->path, &fault);
    if (fd < 0) {
        fault_print(&fault);
    }
    return fd;
}

int control_do(int fd, const struct control_options *o, const char *request,
               struct answer *answer)
{
    struct fault fault = { "", "" };
    char text[256];

    if (!control_ask(fd, request, o->timeout_s, answer, &fault)) {
        fault_print(&fault);
        return EXIT_ENVIRONMENT;
    }
    if (answer->count != 0 && answer_value(answer->line[answer->count - 1],
                                           "error", text, sizeof(text))) {
        if (!o->is_json) {
            fprintf(stderr, "rf: error: %s\n", text);
        }
        return strcmp(text, "not permitted") == 0 ? EXIT_DENIED : EXIT_FINDING;
    }
    return EXIT_OK;
}

static void print_lines(const struct answer *answer, const char *list)
{
    printf("\"%s\":[", list);
    for (size_t i = 0; i < answer->count; i++) {
        printf("%s%s", i == 0 ? "\n" : ",\n", answer->line[i]);
    }
    putchar(']');
}

void control_print_json(const struct answer *answer, const char *schema,
                        const char *list, const struct answer *interfaces)
{
    printf("{\"schema\":\"ringfence.%s.1\",", schema);
    print_lines(answer, list);
    if (interfaces != NULL) {
        putchar(',');
        print_lines(interfaces, "interfaces");
    }
    printf("}\n");
    fflush(stdout);
}

/* ---- ps and top ---- */

static void print_domain(const char *line)
{
    char name[NAME_BYTES];
    char role[NAME_BYTES];
    char state[NAME_BYTES];

    (void)answer_value(line, "name", name, sizeof(name));
    (void)answer_value(line, "role", role, sizeof(role));
    (void)answer_value(line, "state", state, sizeof(state));
    printf("%4llu %-16s %-8s %-10s %10.3f %8llu %6llu %9llu %6llu",
           (unsigned long long)answer_number(line, "id"), name, role, state,
           (double)answer_number(line, "cpu_ns") / 1e9,
           (unsigned long long)answer_number(line, "frames") / 256,
           (unsigned long long)answer_number(line, "vcpus"),
           (unsigned long long)answer_number(line, "refused"),
           (unsigned long long)answer_number(line, "incarnation"));
}

static void print_head(void)
{
    printf("%4s %-16s %-8s %-10s %10s %8s %6s %9s %6s", "ID", "NAME", "ROLE",
           "STATE", "CPU s", "MiB", "VCPUS", "REFUSED", "LIVES");
}

int cmd_ps(int argc, char **argv)
{
    struct control_options o;
    struct answer answer;
    const int fd = parse(&o, argc, argv, "", false);

    if (fd < 0) {
        return EXIT_ENVIRONMENT;
    }
    const int code = control_do(fd, &o, "ps", &answer);
    if (code == EXIT_OK && o.is_json) {
        control_print_json(&answer, "ps", "domains", NULL);
    } else if (code == EXIT_OK) {
        print_head();
        printf("\n");
        for (size_t i = 0; i < answer.count; i++) {
            print_domain(answer.line[i]);
            printf("\n");
        }
    }
    answer_free(&answer);
    close(fd);
    return code;
}

/* CPU time of the domain in the last round, of the same life. */
static u64 cpu_before(const struct answer *before, const char *line)
{
    const u64 id = answer_number(line, "id");

    for (size_t i = 0; i < before->count; i++) {
        if (answer_number(before->line[i], "id") == id) {
            return answer_number(before->line[i], "cpu_ns");
        }
    }
    return 0;
}

/* What one round of top has asked. */
struct round {
    struct answer domains;
    struct answer interfaces;
};

static void print_top(const struct control_options *o, const struct round *last,
                      const struct round *round)
{
    const struct answer *const before = &last->domains;
    const struct answer *const answer = &round->domains;

    if (o->is_json) {
        control_print_json(answer, "ps", "domains", &round->interfaces);
        return;
    }
    if (isatty(STDOUT_FILENO)) {
        printf("\033[H\033[J");
    }
    print_head();
    printf(" %6s\n", "CPU %");
    for (size_t i = 0; i < answer->count; i++) {
        const u64 now = answer_number(answer->line[i], "cpu_ns");
        const u64 then = cpu_before(before, answer->line[i]);
        print_domain(answer->line[i]);
        if (before->count != 0 && now >= then) {
            printf(" %6.1f\n", (double)(now - then) / 1e7 / o->delay_s);
        } else {
            printf(" %6s\n", "-");
        }
    }
    control_net_table(&last->interfaces, &round->interfaces, o->delay_s);
    fflush(stdout);
}

static void round_free(struct round *round)
{
    answer_free(&round->domains);
    answer_free(&round->interfaces);
}

int cmd_top(int argc, char **argv)
{
    struct control_options o;
    struct round before = { .domains = { NULL, NULL, 0 } };
    struct round round = before;
    const int fd = parse(&o, argc, argv, "", true);
    int code = fd < 0 ? EXIT_ENVIRONMENT : EXIT_OK;

    for (u32 n = 0; code == EXIT_OK && (o.rounds == 0 || n < o.rounds); n++) {
        if (n != 0) {
            sleep(o.delay_s);
        }
        code = control_do(fd, &o, "ps", &round.domains);
        if (code == EXIT_OK) {
            control_net(fd, &o, &round.interfaces);
            print_top(&o, &before, &round);
        }
        round_free(&before);
        before = round;
        round = (struct round){ .domains = { NULL, NULL, 0 } };
    }
    round_free(&before);
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

/* ---- acts ---- */

static int act(int argc, char **argv, const char *verb)
{
    struct control_options o;
    struct answer answer;
    const int fd = parse(&o, argc, argv, "NAME", false);

    if (fd < 0) {
        return EXIT_ENVIRONMENT;
    }
    char *const request = text_format("%s %s", verb, o.name);
    const int code = control_do(fd, &o, request, &answer);
    if (o.is_json && code != EXIT_ENVIRONMENT) {
        control_print_json(&answer, "act", "answer", NULL);
    }
    free(request);
    answer_free(&answer);
    close(fd);
    return code;
}

int cmd_pause(int argc, char **argv)
{
    return act(argc, argv, "pause");
}

int cmd_shutdown(int argc, char **argv)
{
    return act(argc, argv, "shutdown");
}

int cmd_unpause(int argc, char **argv)
{
    return act(argc, argv, "unpause");
}

int cmd_destroy(int argc, char **argv)
{
    return act(argc, argv, "destroy");
}

int cmd_start(int argc, char **argv)
{
    return act(argc, argv, "start");
}

int cmd_restart(int argc, char **argv)
{
    return act(argc, argv, "restart");
}

/* ---- metrics ---- */

static const struct {
    const char *key, *name, *type, *help;
    double scale;
} metrics[] = {
    { "cpu_ns", "cpu_seconds_total", "counter", "CPU time used", 1e-9 },
    { "refused", "refused_total", "counter", "Calls refused by the policy", 1 },
    { "frames", "memory_bytes", "gauge", "Memory it has", 4096 },
    { "frames_max", "memory_max_bytes", "gauge", "Memory it may have", 4096 },
    { "vcpus", "vcpus", "gauge", "Virtual CPUs", 1 },
    { "incarnation", "lives_total", "counter", "Times it was started", 1 },
    { "console_out_bytes", "console_out_bytes_total", "counter",
      "Bytes it printed since Domain0 serves it", 1 },
    { "console_in_bytes", "console_in_bytes_total", "counter",
      "Bytes typed to it", 1 },
    { "console_lost_bytes", "console_lost_bytes_total", "counter",
      "Bytes typed that it did not read", 1 },
    { "store_requests", "store_requests_total", "counter",
      "Requests to the store", 1 },
    { "store_errors", "store_errors_total", "counter",
      "Requests that were refused", 1 },
    { "store_nodes", "store_nodes", "gauge", "Nodes it made", 1 },
    { "store_bytes", "store_bytes", "gauge", "Bytes of its nodes", 1 },
    { "store_watches", "store_watches", "gauge", "Watches it has", 1 },
};

static void print_metrics(const struct answer *answer)
{
    char name[NAME_BYTES];
    char state[NAME_BYTES];

    for (size_t m = 0; m < ARRAY_COUNT(metrics); m++) {
        printf("# HELP ringfence_domain_%s %s.\n# TYPE ringfence_domain_%s "
               "%s\n",
               metrics[m].name, metrics[m].help, metrics[m].name,
               metrics[m].type);
        for (size_t i = 0; i < answer->count; i++) {
            (void)answer_value(answer->line[i], "name", name, sizeof(name));
            printf("ringfence_domain_%s{name=\"%s\"} %.15g\n", metrics[m].name,
                   name,
                   (double)answer_number(answer->line[i], metrics[m].key) *
                       metrics[m].scale);
        }
    }
    printf("# HELP ringfence_domain_state 1 for the state it is in.\n"
           "# TYPE ringfence_domain_state gauge\n");
    for (size_t i = 0; i < answer->count; i++) {
        (void)answer_value(answer->line[i], "name", name, sizeof(name));
        (void)answer_value(answer->line[i], "state", state, sizeof(state));
        printf("ringfence_domain_state{name=\"%s\",state=\"%s\"} 1\n", name,
               state);
    }
}

int cmd_metrics(int argc, char **argv)
{
    struct control_options o;
    struct answer answer;
    struct answer interfaces = { NULL, NULL, 0 };
    const int fd = parse(&o, argc, argv, "", false);

    if (fd < 0) {
        return EXIT_ENVIRONMENT;
    }
    const int code = control_do(fd, &o, "stats", &answer);
    if (code == EXIT_OK) {
        control_net(fd, &o, &interfaces);
    }
    if (code == EXIT_OK && o.is_json) {
        control_print_json(&answer, "stats", "domains", &interfaces);
    } else if (code == EXIT_OK) {
        print_metrics(&answer);
        control_net_metrics(&interfaces);
    }
    answer_free(&interfaces);
    answer_free(&answer);
    close(fd);
    return code;
}

/* ---- the store ---- */

int cmd_store(int argc, char **argv)
{
    struct control_options o;
    struct answer answer;
    const int fd = parse(&o, argc, argv, "PATH", false);

    if (fd < 0) {
        return EXIT_ENVIRONMENT;
    }
    char *const request = text_format("store ls %s", o.name);
    const int code = control_do(fd, &o, request, &answer);
    free(request);
    if (code == EXIT_OK && o.is_json) {
        control_print_json(&answer, "store", "nodes", NULL);
    }
    for (size_t i = 0; code == EXIT_OK && !o.is_json && i < answer.count; i++) {
        char name[512];
        char value[4096];
        (void)answer_value(answer.line[i], "name", name, sizeof(name));
        (void)answer_value(answer.line[i], "value", value, sizeof(value));
        printf("%s%s = \"%s\"\n", name,
               answer_number(answer.line[i], "children") != 0 ? "/" : "",
               value);
    }
    answer_free(&answer);
    close(fd);
    return code;
}
