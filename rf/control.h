/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the Domain0 of a run, over the socket that `rf run` offers.
 *
 * A request is one line; its answer is lines of flat JSON objects and an empty
 * line (docs/man/rf-ps.1).
 */
#ifndef RF_CONTROL_H
#define RF_CONTROL_H

#include "rf/rf.h"

struct control_options {
    const char *path; /* of the socket, or NULL: the only run there is */
    const char *name; /* a domain's, or a path of the store */
    u32 timeout_s;
    u32 rounds;  /* of top; 0: no end */
    u32 delay_s; /* of top */
    bool is_json;
};

/* Lines of an answer, each NUL-terminated. */
struct answer {
    char *text;
    char **line;
    size_t count;
};

/* The only run there is, or the one of the path; answers a descriptor or -1. */
int control_connect(const char *path, struct fault *fault) MUST_CHECK;
/* One request, without its newline. Released by answer_free. */
bool control_ask(int fd, const char *request, u32 timeout_s,
                 struct answer *answer, struct fault *fault) MUST_CHECK;
void answer_free(struct answer *answer);

/* control_ask, and look for an error in the answer, which is printed unless
 * JSON is wanted; the exit code. Released by answer_free in any case. */
int control_do(int fd, const struct control_options *o, const char *request,
               struct answer *answer) MUST_CHECK;
/* {"schema":"ringfence.SCHEMA.1","LIST":[the lines]}; with interfaces, unless
 * NULL: ,"interfaces":[their lines] behind. */
void control_print_json(const struct answer *answer, const char *schema,
                        const char *list, const struct answer *interfaces);

/* control_net.c: interfaces, of a router that counts; else nothing, and no
 * error. */
void control_net(int fd, const struct control_options *o,
                 struct answer *answer);
/* With what has changed since `before`, a second. */
void control_net_table(const struct answer *before, const struct answer *now,
                       u32 seconds);
void control_net_metrics(const struct answer *answer);

/* The value of a key of a flat object, without quotes, escapes kept; false and
 * "" when it is not there. */
bool answer_value(const char *line, const char *key, char *to, size_t room);
u64 answer_number(const char *line, const char *key);

#endif
