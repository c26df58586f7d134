/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of a tenant file behind a decision. Whether the files are those
 * that the host was started from is seen from the digest in its boot record.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/domain.h"
#include "policy/policy.h"
#include "rf/auditlog.h"

bool audit_policy_load(struct audit_policy *policy, char *const *paths,
                       size_t count, const struct blob *log,
                       struct fault *fault)
{
    struct audit_walk *const walk = walk_begin(log);
    struct sha256 hash;
    u8 digest[SHA256_BYTES];
    u32 bytes = 0;

    sha256_init(&hash);
    policy->file = mem_alloc(count * sizeof(policy->file[0]));
    policy->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct source *const file = &policy->file[i];
        struct blob blob = { NULL, 0 };
        if (!file_read(paths[i], CFG_BYTES_MAX, &blob, fault)) {
            free(walk);
            return false;
        }
        sha256_update(&hash, blob.data, blob.bytes);
        file->path = paths[i];
        file->text = text_copy((const char *)blob.data, blob.bytes);
        file->bytes = blob.bytes;
        policy->count++;
        free(blob.data);
    }
    sha256_final(&hash, digest);
    const u8 *const recorded =
        walk_next(walk) ? field_find(&walk->r, AUDIT_FIELD_POLICY, &bytes)
                        : NULL;
    policy->is_the_one = recorded != NULL && bytes == SHA256_BYTES &&
                         sha256_equal(recorded, digest);
    free(walk);
    return true;
}

void audit_policy_free(struct audit_policy *policy)
{
    for (size_t i = 0; i < policy->count; i++) {
        free(policy->file[i].text);
    }
    free(policy->file);
}

/* The line that begins with this key, its number to *line; NULL: none. */
static const char *find_key(const struct source *file, const char *key,
                            unsigned *line)
{
    const char *at = file->text;

    for (*line = 1; at != NULL && *at != '\0'; (*line)++) {
        const char *from = at + strspn(at, " \t");
        const size_t bytes = strlen(key);
        if (strncmp(from, key, bytes) == 0) {
            const char *const rest = from + bytes;
            if (rest[strspn(rest, " \t")] == '=') {
                return from;
            }
        }
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    return NULL;
}

static const struct source *file_of(const struct audit_policy *policy,
                                    const char *name)
{
    char quoted[MF_NAME_BYTES + 2];
    unsigned line;

    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    for (size_t i = 0; i < policy->count; i++) {
        const char *const at = find_key(&policy->file[i], "name", &line);
        const char *const hit = at != NULL ? strstr(at, quoted) : NULL;
        if (hit != NULL && hit < at + strcspn(at, "\n")) {
            return &policy->file[i];
        }
    }
    return NULL;
}

static const char *key_behind(const struct audit_record *r)
{
    switch (r->event) {
    case AUDIT_GUEST_REFUSED:
        /* What no domain has is not for a tenant file to give. */
        return r->reason == POLICY_DENY_NO_SUCH_CALL ? NULL : "privileges";
    case AUDIT_DOMAIN_CREATED:
        return "memory";
    case AUDIT_DOMAIN_STARTED:
        return "kernel";
    case AUDIT_DOMAIN_CRASHED:
        return "on_crash";
    case AUDIT_DOMAIN_RESTARTED:
        return "on_reboot";
    case AUDIT_DOMAIN_SHUTDOWN:
    case AUDIT_DOMAIN_DESTROYED:
        return r->arg[0] == SHUTDOWN_POWEROFF ? "on_poweroff"
               : r->arg[0] == SHUTDOWN_REBOOT ? "on_reboot"
                                              : "on_crash";
    default:
        return NULL;
    }
}

/* The file of that name, which `web.cfg:14` begins with, and the number behind
 * it. Two files of one name in different folders are taken for one another. */
static const struct source *file_at(const struct audit_policy *policy,
                                    const char *place, unsigned *line)
{
    const char *const colon = strrchr(place, ':');

    if (colon == NULL || sscanf(colon, ":%9u", line) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < policy->count; i++) {
        const char *const path = policy->file[i].path;
        const char *const slash = strrchr(path, '/');
        const char *const name = slash != NULL ? slash + 1 : path;
        if (strlen(name) == (size_t)(colon - place) &&
            memcmp(name, place, strlen(name)) == 0) {
            return &policy->file[i];
        }
    }
    return NULL;
}

bool audit_policy_owns(const struct audit_policy *policy, const char *tenant,
                       const char *place)
{
    unsigned line = 0;
    const struct source *const file = file_at(policy, place, &line);

    return file != NULL && file == file_of(policy, tenant);
}

/* The line of the rule that the router's report names. */
static char *rule_line(const struct audit_policy *policy,
                       const struct audit_record *r)
{
    unsigned line = 0;
    const struct source *const file =
        file_at(policy, net_place(net_text(r)), &line);
    const char *at = file != NULL ? file->text : NULL;

    for (unsigned i = 1; i < line && at != NULL; i++) {
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    if (at == NULL) {
        return NULL;
    }
    at += strspn(at, " \t");
    return text_format("%s:%u: %.*s", file->path, line, (int)strcspn(at, "\n"),
                       at);
}

char *audit_policy_line(const struct audit_policy *policy,
                        const struct audit_walk *walk)
{
    const char *const key = key_behind(&walk->r);
    const struct source *const file =
        file_of(policy, walk_name(walk, record_domain(&walk->r)));
    unsigned line = 0;

    if (walk->r.event == AUDIT_NET_DENIED) {
        return rule_line(policy, &walk->r);
    }
    if (file == NULL || key == NULL) {
        return NULL;
    }
    const char *at = find_key(file, key, &line);
    const bool is_default = at == NULL;
    if (is_default) {
        at = find_key(file, "name", &line);
    }
    return text_format("%s:%u: %.*s%s%s%s", file->path, line,
                       (int)strcspn(at, "\n"), at,
                       is_default ? "  (no line `" : "", is_default ? key : "",
                       is_default ? "`: the default)" : "");
}
