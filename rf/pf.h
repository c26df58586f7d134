/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces and firewall rules of tenant files. Syntax and meaning:
 * docs/man/ringfence-firewall.5.
 *
 *   vif.c       the keys vif and rate
 *   pflex.c     a line of `firewall` to words, macros put in
 *   pfparse.c   words to rules;  pfhost.c addresses and tables, pfport.c ports,
 *               protocols, ICMP types;  pfset.c sets of addresses
 *   pfblob.c    rules to the blob that the router filters by
 *   pfprint.c   rules back to text; pfnft.c the blob as nftables
 *   reach.c     who may talk to whom, of one blob or of two
 *
 * A line is parsed when all files are read, since it may name other tenants;
 * names become addresses at once. What was parsed lives as long as its set.
 */
#ifndef RF_PF_H
#define RF_PF_H

#include "guests/router/packet.h"
#include "guests/router/rules.h"
#include "rf/cfg.h"

#define VIF_NAME_BYTES 12u /* of a bridge, with its NUL */

/* ---- interfaces: vif.c ---- */

struct vif {
    struct place at;
    u8 mac[6];
    bool has_mac;
    u32 ip4[RULES_ADDRESSES];
    u32 ip4_count;
    u8 ip6[RULES_ADDRESSES][16];
    u32 ip6_count;
    char bridge[VIF_NAME_BYTES];
    u32 rate_bytes;
    u32 rate_packets;
};

void vif_read(struct tenant *tenant, const struct setting *setting,
              struct diags *diags);
void vif_read_rates(struct tenant *tenant, const struct setting *setting,
                    struct diags *diags);
/* After all keys: what is missing gets its default. */
void vif_finish(struct tenant *tenant, struct diags *diags);
/* Of all tenants: no address twice. */
void vif_compare(struct tenant_set *set);

/* ---- sets of addresses: pfset.c ---- */

struct pf_range {
    struct addr low;
    struct addr high;
};

/* Of one family; sorted and disjoint after each operation. */
struct pf_set {
    struct pf_range *item;
    size_t count;
};

struct addr addr_next(struct addr a);
void pf_set_add(struct pf_set *set, struct addr low, struct addr high);
void pf_set_remove(struct pf_set *set, struct addr low, struct addr high);
void pf_set_invert(struct pf_set *set, bool is_ip6);

/* ---- rules: pflex.c, pfparse.c ---- */

struct pf_token {
    struct place at;
    char *text;     /* a word, a mark, or what a string holds */
    bool is_string; /* was in quotes */
};

struct pf_words {
    struct pf_token *item;
    size_t count;
};

/* One side of a rule. */
struct pf_host {
    bool is_any;
    struct pf_set ip4;
    struct pf_set ip6;
    struct rules_ports *port; /* sorted, disjoint */
    size_t port_count;        /* 0: any */
};

struct pf_type {
    u8 type;
    u8 code;
    bool has_code;
};

#define STATE_TABLE_MAX 4096u
#define PF_ADDRESSES_MAX 4096u /* elements of a list or a table */
#define PF_MACROS_MAX 64u
#define PF_LIST_MAX 64u /* protocols, ICMP types of a rule */

enum pf_way { PF_IN = 1, PF_OUT = 2 };

struct pf_rule {
    struct place at;
    u32 ways;     /* enum pf_way mask */
    u32 vifs;     /* bit n: on the tenant's interface n */
    u32 families; /* RULE_IP4, RULE_IP6 */
    bool is_pass;
    bool is_quick;
    bool is_log;
    bool is_state;
    bool is_no_sync; /* its flows end with the router */
    u8 tcp_flags;
    u8 tcp_mask;
    u32 max;
    u8 proto[PF_LIST_MAX];
    u32 proto_count; /* 0: any */
    struct pf_type type[PF_LIST_MAX];
    u32 type_count;
    struct pf_host from;
    struct pf_host to;
    char *label; /* or NULL */
};

struct pf_table {
    char *name;
    struct pf_set ip4;
    struct pf_set ip6;
};

struct pf_macro {
    char *name;
    struct pf_words words;
};

/* The rules of one tenant. */
struct pf {
    const struct tenant_set *set;
    const struct tenant *tenant;
    struct diags *diags;
    struct pf_rule *rule;
    size_t rule_count;
    struct pf_table *table;
    size_t table_count;
    struct pf_macro *macro;
    size_t macro_count;
    /* of the line that is read */
    struct pf_words words;
    size_t next;
    bool is_bad; /* a finding was added */
};

/* False: a finding was added. */
bool pf_lex(struct pf *pf, const struct scalar *line) MUST_CHECK;
void pf_parse_line(struct pf *pf, const struct scalar *line);
/* All lines of all tenants of the set, into tenant->pf. */
void pf_parse_set(struct tenant_set *set);
void pf_free(struct pf *pf);

/* Helpers of the parsers. The last word is an empty one, never passed. */
const struct pf_token *pf_now(const struct pf *pf);
bool pf_is(const struct pf *pf, const char *word);
bool pf_take(struct pf *pf, const char *word);
struct place pf_place(const struct pf *pf);
/* A finding at a word, one a line; answers false. */
bool pf_fail(struct pf *pf, struct place at, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* ---- pfhost.c, pfport.c: from the next word on; false after a finding ---- */

bool pf_read_host(struct pf *pf, struct pf_host *host,
                  u32 *families) MUST_CHECK;
bool pf_read_table(struct pf *pf) MUST_CHECK;
bool pf_address(const char *text, struct addr *a, bool *is_ip6) MUST_CHECK;
bool pf_read_ports(struct pf *pf, struct pf_host *host) MUST_CHECK;
bool pf_read_protos(struct pf *pf, struct pf_rule *rule) MUST_CHECK;
bool pf_read_types(struct pf *pf, struct pf_rule *rule, bool is_ip6) MUST_CHECK;
bool pf_number(const char *text, u64 high, u64 *out) MUST_CHECK;
bool pf_port(const char *text, u64 *out) MUST_CHECK;
bool pf_proto(const char *text, u8 *out) MUST_CHECK;
bool pf_type(const char *text, bool is_ip6, u8 *out) MUST_CHECK;
const char *pf_proto_name(u8 proto); /* or NULL */

/* ---- pfblob.c ---- */

/*
 * Compile the rules of all tenants that have interfaces. domid[i] is the
 * domain number of set->tenant[i]. A set without interfaces makes a blob
 * without any. False: it does not fit; the fault says what.
 */
bool pf_blob(const struct tenant_set *set, const u16 *domid, struct blob *out,
             struct fault *fault) MUST_CHECK;
/* Domain0's ramdisk: who is there, and that blob (guests/router/services.h).
 * domid of each tenant; of the services themselves, too. */
bool pf_services(const struct tenant_set *set, const u16 *domid,
                 struct blob *out, struct fault *fault) MUST_CHECK;
/* Numbers as `rf pack` gives them to tenants when nothing else is known. */
u16 *pf_domids(const struct tenant_set *set);

/* ---- pfprint.c, pfnft.c ---- */

/* The rule in the syntax it is written in, one line without its end. */
void pf_print(FILE *out, const struct pf_rule *rule);
void pf_print_nft(FILE *out, const struct tenant_set *set,
                  const struct rules *rules);

#endif
