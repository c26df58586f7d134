/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a run and those of tenant files: see netrun.h.
 */
#include "rf/netrun.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/sha256.h"
#include "rf/pf.h"
#include "rf/verbs.h"

#define NO_DOMID 0xffffu /* of a service: it has no interface */

/* The line of a domain in an answer to ps, or NULL. */
static const char *line_of(const struct answer *domains, const char *name)
{
    char text[MF_NAME_BYTES];

    for (size_t i = 0; i < domains->count; i++) {
        if (answer_value(domains->line[i], "name", text, sizeof(text)) &&
            strcmp(text, name) == 0) {
            return domains->line[i];
        }
    }
    return NULL;
}

static bool is_in_files(const struct tenant_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->tenant[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool netrun_match(const struct tenant_set *set, const struct answer *domains,
                  u16 *domid, struct fault *fault)
{
    char text[MF_NAME_BYTES];

    for (size_t i = 0; i < set->count; i++) {
        const struct tenant *const tenant = &set->tenant[i];
        domid[i] = NO_DOMID;
        if (tenant->role != MF_ROLE_TENANT) {
            continue;
        }
        const char *const line = line_of(domains, tenant->name);
        if (line == NULL) {
            return fault_set(fault, "%s: the run has no tenant '%s'",
                             tenant->source->path, tenant->name);
        }
        domid[i] = (u16)answer_number(line, "id");
    }
    for (size_t i = 0; i < domains->count; i++) {
        (void)answer_value(domains->line[i], "role", text, sizeof(text));
        if (strcmp(text, "tenant") == 0 &&
            answer_value(domains->line[i], "name", text, sizeof(text)) &&
            !is_in_files(set, text)) {
            (void)fault_help(fault, "rules are loaded for all tenants at once: "
                                    "name the files of all");
            return fault_set(fault, "tenant '%s' of the run is in no file",
                             text);
        }
    }
    return true;
}

static s32 hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

bool netrun_digest(const struct answer *answer, char text[65])
{
    const u64 bytes =
        answer->count != 0 ? answer_number(answer->line[0], "bytes") : 0;
    u8 digest[32];
    char part[80];
    struct sha256 hash;
    u64 have = 0;

    sha256_init(&hash);
    for (size_t i = 0; i < answer->count; i++) {
        (void)answer_value(answer->line[i], "part", part, sizeof(part));
        for (u32 k = 0; part[k] != '\0' && have < bytes; k += 2, have++) {
            const s32 high = hex_digit(part[k]);
            const s32 low = high >= 0 ? hex_digit(part[k + 1]) : -1;
            const u8 byte = (u8)(high * 16 + low);
            if (low < 0) {
                return false;
            }
            sha256_update(&hash, &byte, 1);
        }
    }
    sha256_final(&hash, digest);
    for (u32 i = 0; i < 32; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    return answer->count != 0 && have == bytes;
}

/* ---- counted rules ---- */

struct sum {
    u64 packets;
    u64 bytes;
    u64 flows;
};

/* What the records of one rule of a file have counted: it is one for each of
 * its protocols and types, interface and way. */
static struct sum sum_of(const struct rules *r, const struct answer *counted,
                         u16 domid, u32 order)
{
    struct sum sum = { 0, 0, 0 };

    for (size_t i = 1; i < counted->count; i++) {
        const char *const line = counted->line[i];
        const u64 rule = answer_number(line, "rule");
        for (u32 k = 0; k < r->header->vif_count; k++) {
            const struct rules_vif *const v = &r->vif[k];
            if (v->domid == domid && rule >= v->out_first &&
                rule < (u64)v->in_first + v->in_count &&
                r->rule[rule].order == order) {
                sum.packets += answer_number(line, "packets");
                sum.bytes += answer_number(line, "bytes");
                sum.flows += answer_number(line, "flows");
            }
        }
    }
    return sum;
}

static void print_rule(const struct tenant *tenant, const struct pf_rule *rule,
                       const struct sum *sum, bool is_json, bool is_first)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *const out = open_memstream(&text, &bytes);

    pf_print(out, rule);
    fclose(out);
    if (!is_json) {
        printf("%s:%u: %s\n  [ Packets: %-10llu Bytes: %-12llu States: %-5llu "
               "]\n",
               tenant->source->path, rule->at.line, text,
               (unsigned long long)sum->packets, (unsigned long long)sum->bytes,
               (unsigned long long)sum->flows);
    } else {
        printf("%s\n{\"tenant\":\"%s\",\"file\":", is_first ? "" : ",",
               tenant->name);
        json_string(stdout, tenant->source->path);
        printf(",\"line\":%u,\"column\":%u,\"text\":", rule->at.line,
               rule->at.column);
        json_string(stdout, text);
        printf(",\"packets\":%llu,\"bytes\":%llu,\"flows\":%llu}",
               (unsigned long long)sum->packets, (unsigned long long)sum->bytes,
               (unsigned long long)sum->flows);
    }
    free(text);
}

static void print_counted(const struct tenant_set *set, const u16 *domid,
                          const struct rules *rules,
                          const struct answer *counted, bool is_json)
{
    bool is_first = true;

    if (is_json) {
        printf(
            "{\"schema\":\"ringfence.rules-counted.1\",\"generation\":%llu,"
            "\"rules\":[",
            (unsigned long long)answer_number(counted->line[0], "generation"));
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct tenant *const tenant = &set->tenant[i];
        const size_t count =
            domid[i] != NO_DOMID && tenant->pf != NULL && tenant->vif_count != 0
                ? tenant->pf->rule_count
                : 0;
        for (size_t k = 0; k < count; k++) {
            const struct sum sum = sum_of(rules, counted, domid[i], (u32)k + 1);
            print_rule(tenant, &tenant->pf->rule[k], &sum, is_json, is_first);
            is_first = false;
        }
    }
    fputs(is_json ? "]}\n" : "", stdout);
}

/* Are the rules of the files in force, and are the counters of these? */
static bool is_in_force(const struct blob *blob, const struct answer *rules,
                        const struct answer *counted, struct fault *fault)
{
    struct sha256 hash;
    u8 digest[32];
    char mine[65];
    char theirs[65];

    sha256_init(&hash);
    sha256_update(&hash, blob->data, (u32)blob->bytes);
    sha256_final(&hash, digest);
    for (u32 i = 0; i < 32; i++) {
        snprintf(mine + 2 * i, 3, "%02x", digest[i]);
    }
    if (!netrun_digest(rules, theirs)) {
        return fault_set(fault, "the answer is not whole");
    }
    if (strcmp(mine, theirs) != 0) {
        (void)fault_help(fault, "rf net load puts them in force");
        return fault_set(fault, "other rules are in force in the run");
    }
    if (counted->count == 0 ||
        answer_number(counted->line[0], "generation") !=
            answer_number(rules->line[0], "generation")) {
        return fault_set(fault, "the router has not taken these rules yet");
    }
    return true;
}

static int show_counted(int fd, const struct tenant_set *set,
                        const struct control_options *o)
{
    struct answer domains = { NULL, NULL, 0 };
    struct answer rules = { NULL, NULL, 0 };
    struct answer counted = { NULL, NULL, 0 };
    struct blob blob = { NULL, 0 };
    struct fault fault = { "", "" };
    struct rules opened;
    u16 *const domid = mem_alloc(set->count * sizeof(*domid));
    int code = control_do(fd, o, "ps", &domains);

    code = code == EXIT_OK ? control_do(fd, o, "rules", &rules) : code;
    code = code == EXIT_OK ? control_do(fd, o, "net rules", &counted) : code;
    if (code == EXIT_OK) {
        if (!netrun_match(set, &domains, domid, &fault) ||
            !pf_blob(set, domid, &blob, &fault) ||
            !is_in_force(&blob, &rules, &counted, &fault)) {
            fault_print(&fault);
            code = EXIT_FINDING;
        } else if (rules_check(blob.data, (u32)blob.bytes, &opened) == NULL) {
            print_counted(set, domid, &opened, &counted, o->is_json);
        }
    }
    free(blob.data);
    free(domid);
    answer_free(&counted);
    answer_free(&rules);
    answer_free(&domains);
    return code;
}

int netrun_show(const struct tenant_set *set, const struct control_options *o)
{
    struct fault fault = { "", "" };
    const int fd = control_connect(o->path, &fault);

    if (fd < 0) {
        fault_print(&fault);
        return EXIT_ENVIRONMENT;
    }
    const int code = show_counted(fd, set, o);
    close(fd);
    return code;
}
