/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each key means: settings to the fields of a tenant. A key with an xl
 * name means what xl.cfg(5) says or is refused; nothing is ever ignored. The
 * list of keys is keys.def; defaults are set here.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "rf/cfg.h"
#include "rf/pf.h"
#include "rf/policytext.h"

enum key {
#define KEY(name, kind) KEY_##kind,
#include "rf/keys.def"
    KEY_COUNT
};

static const char *const key_names[KEY_COUNT] = {
#define KEY(name, kind) #name,
#include "rf/keys.def"
};

static const char *const router_keys[] = {
#define ROUTER_KEY(name) #name,
#include "rf/keys.def"
};

static const struct {
    const char *name;
    const char *lack;
} xl_keys[] = {
#define XL_KEY(name, lack) { #name, lack },
#include "rf/keys.def"
};

#define MIB_MAX (MF_MEMORY_MAX_FRAMES / 256u)
#define VCPUS_MAX 32
#define CONSOLE_RATE_MAX 10000000

struct reader {
    struct tenant *tenant;
    struct diags *diags;
    const struct setting *seen[KEY_COUNT];
    const char *extra;
    const char *cmdline;
    const char *root;
};

static void unknown_key(const struct setting *setting, struct diags *diags)
{
    const char *near = NULL;
    unsigned distance = 0;

    for (size_t i = 0; i < ARRAY_COUNT(router_keys); i++) {
        if (strcmp(setting->key, router_keys[i]) == 0) {
            diag_add(
                diags, setting->key_at,
                "'%s' needs virtual disks, which this version does not have",
                setting->key);
            diag_help(diags, "remove it; it is not ignored, because the "
                             "tenant would run without what it says");
            return;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(xl_keys); i++) {
        if (strcmp(setting->key, xl_keys[i].name) == 0) {
            diag_add(diags, setting->key_at,
                     "'%s' is valid xl.cfg but Ringfence %s: remove it",
                     setting->key, xl_keys[i].lack);
            return;
        }
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        near_offer(setting->key, key_names[i], &near, &distance);
    }
    for (size_t i = 0; i < ARRAY_COUNT(router_keys); i++) {
        near_offer(setting->key, router_keys[i], &near, &distance);
    }
    for (size_t i = 0; i < ARRAY_COUNT(xl_keys); i++) {
        near_offer(setting->key, xl_keys[i].name, &near, &distance);
    }
    diag_add(diags, setting->key_at, "unknown key '%s'", setting->key);
    if (near != NULL) {
        diag_help(diags, "did you mean '%s'?", near);
    } else {
        diag_help(diags, "the keys are listed in ringfence.cfg(5)");
    }
}

static void read_number(struct reader *r, const struct setting *setting,
                        s64 low, s64 high, u32 *out)
{
    s64 number;

    if (value_number(setting, low, high, &number, r->diags)) {
        *out = (u32)number;
    }
}

/* A kernel command line is one line of printable ASCII. */
static void read_line(struct reader *r, const struct setting *setting,
                      const char **out)
{
    const char *text;

    if (!value_string(setting, &text, r->diags)) {
        return;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((u8)*c < 0x20 || (u8)*c > 0x7e) {
            diag_add(r->diags, setting->value_at,
                     "'%s' holds a character that is not printable ASCII",
                     setting->key);
            return;
        }
    }
    *out = text;
}

/* Relative paths start at the directory of the tenant file. */
static void read_path(struct reader *r, const struct setting *setting,
                      char **out)
{
    const char *const file = r->tenant->source->path;
    const char *const slash = strrchr(file, '/');
    const char *text;

    if (!value_string(setting, &text, r->diags)) {
        return;
    }
    if (text[0] == '\0') {
        diag_add(r->diags, setting->value_at, "'%s' is empty", setting->key);
        return;
    }
    free(*out);
    if (text[0] == '/' || slash == NULL) {
        *out = text_copy(text, strlen(text));
    } else {
        *out = text_format("%.*s%s", (int)(slash + 1 - file), file, text);
    }
}

/* A key that has one possible value today. */
static void read_word(struct reader *r, const struct setting *setting,
                      const char *word, const char *help)
{
    const char *text;

    if (value_string(setting, &text, r->diags) && strcmp(text, word) != 0) {
        diag_add(r->diags, setting->value_at, "'%s' can only be \"%s\"",
                 setting->key, word);
        diag_help(r->diags, "%s", help);
    }
}

/* A right of the mask by its name in small letters; the mask of nothing after a
 * finding. what is what the list is of. */
static u64 read_right(struct reader *r, const struct scalar *item, u64 mask,
                      const char *what)
{
    const char *const word = item->kind == VALUE_STRING ? item->text : "";
    char known[RIGHT_COUNT][PRIVILEGE_BYTES];
    const char *near = NULL;
    unsigned distance = 0;

    for (u32 bit = 0; bit < RIGHT_COUNT; bit++) {
        if ((mask >> bit & 1) == 0) {
            continue;
        }
        privilege_name(bit, known[bit]);
        if (strcmp(word, known[bit]) == 0) {
            return 1ull << bit;
        }
        near_offer(word, known[bit], &near, &distance);
    }
    if (item->kind != VALUE_STRING) {
        diag_add(r->diags, item->at, "a %s is a string", what);
    } else {
        diag_add(r->diags, item->at, "unknown %s '%s'", what, word);
    }
    if (near != NULL) {
        diag_help(r->diags, "did you mean '%s'?", near);
    } else if (mask == RIGHT_MASK(CONNECT)) {
        diag_help(r->diags, "a tenant may have \"connect\" or none");
    } else {
        diag_help(r->diags, "they are listed in ringfence.cfg(5)");
    }
    return 0;
}

static u64 read_rights(struct reader *r, enum key key, u64 mask,
                       const char *what)
{
    const struct setting *const setting = r->seen[key];
    u64 rights = 0;

    if (setting->is_bad) {
        return 0;
    }
    if (setting->kind != VALUE_LIST) {
        diag_add(r->diags, setting->value_at, "'%s' takes a list",
                 setting->key);
        diag_help(r->diags, "for none: %s = []", setting->key);
        return 0;
    }
    for (size_t i = 0; i < setting->count; i++) {
        rights |= read_right(r, &setting->item[i], mask, what);
    }
    return rights;
}

static void read_role(struct reader *r, const struct setting *setting)
{
    const char *text;
    u32 role = 0;

    if (!value_string(setting, &text, r->diags)) {
        return;
    }
    while (role < MF_ROLE_COUNT && strcmp(text, role_name(role)) != 0) {
        role++;
    }
    if (role == MF_ROLE_COUNT) {
        diag_add(r->diags, setting->value_at, "unknown role '%s'", text);
        diag_help(r->diags, "the roles are \"tenant\", \"domain0\" and "
                            "\"router\"");
    } else {
        r->tenant->role = role;
    }
}

/* What follows from the role, wherever in the file it stands. */
static void finish_role(struct reader *r)
{
    struct tenant *const tenant = r->tenant;
    const u64 given = policy_role_given(tenant->role);
    const u64 own = given & (POLICY_TENANT_GIVEN | RIGHT_MASK(DROP));

    tenant->rights = given;
    if (r->seen[KEY_PRIVILEGES] != NULL) {
        tenant->rights =
            own | read_rights(r, KEY_PRIVILEGES,
                              policy_role_allowed(tenant->role) & ~own,
                              "privilege");
    }
    tenant->permits = POLICY_PERMITS;
    if (r->seen[KEY_PERMITS] != NULL) {
        tenant->permits = read_rights(r, KEY_PERMITS, POLICY_PERMITS, "permit");
    }
    if (tenant->role != MF_ROLE_TENANT && r->seen[KEY_ON_CRASH] == NULL) {
        tenant->on_crash = MF_RESTART;
    }
}

/* Lines are kept as they are: they may name tenants of files to come. */
static void read_firewall(struct reader *r, const struct setting *setting)
{
    struct tenant *const tenant = r->tenant;

    tenant->firewall_at = setting->key_at;
    if (setting->is_bad) {
        return;
    }
    if (setting->kind != VALUE_LIST) {
        diag_add(r->diags, setting->value_at, "'firewall' takes a list");
        diag_help(r->diags, "like: firewall = [ \"block log all\" ]");
        return;
    }
    tenant->firewall = mem_alloc(setting->count * sizeof(*tenant->firewall));
    for (size_t i = 0; i < setting->count; i++) {
        const struct scalar *const item = &setting->item[i];
        if (item->kind != VALUE_STRING) {
            diag_add(r->diags, item->at, "a line of 'firewall' is a string");
            continue;
        }
        struct scalar *const line = &tenant->firewall[tenant->firewall_count];
        *line = *item;
        line->text = text_copy(item->text, strlen(item->text));
        tenant->firewall_count++;
    }
}

static void apply_machine(struct reader *r, enum key key,
                          const struct setting *setting)
{
    struct tenant *const tenant = r->tenant;

    switch (key) {
    case KEY_MEMORY:
        tenant->memory_at = setting->value_at;
        read_number(r, setting, 1, MIB_MAX, &tenant->memory_mib);
        break;
    case KEY_MAXMEM:
        read_number(r, setting, 1, MIB_MAX, &tenant->maxmem_mib);
        break;
    case KEY_VCPUS:
        read_number(r, setting, 1, VCPUS_MAX, &tenant->vcpus);
        break;
    case KEY_CPUS:
        (void)!value_cpus(setting, &tenant->cpu_mask, r->diags);
        break;
    case KEY_CPU_WEIGHT:
        read_number(r, setting, 1, 65535, &tenant->weight);
        break;
    case KEY_CAP:
        read_number(r, setting, 0, VCPUS_MAX * 100, &tenant->cap_percent);
        break;
    case KEY_CONSOLE_RATE:
        read_number(r, setting, 0, CONSOLE_RATE_MAX, &tenant->console_rate);
        break;
    case KEY_ON_POWEROFF:
        (void)!value_action(setting, &tenant->on_poweroff, r->diags);
        break;
    case KEY_ON_REBOOT:
        (void)!value_action(setting, &tenant->on_reboot, r->diags);
        break;
    case KEY_ON_CRASH:
        (void)!value_action(setting, &tenant->on_crash, r->diags);
        break;
    default:
        break;
    }
}

static void apply_key(struct reader *r, enum key key,
                      const struct setting *setting)
{
    struct tenant *const tenant = r->tenant;
    u32 sealed = 0;

    switch (key) {
    case KEY_NAME:
        tenant->name_at = setting->value_at;
        (void)!value_name(setting, tenant->name, r->diags);
        break;
    case KEY_TYPE:
        read_word(r, setting, "pv",
                  "Ringfence runs paravirtualised kernels "
                  "only, and without VT-x or AMD-V");
        break;
    case KEY_KERNEL:
        tenant->kernel_at = setting->value_at;
        read_path(r, setting, &tenant->kernel_path);
        break;
    case KEY_RAMDISK:
        tenant->ramdisk_at = setting->value_at;
        read_path(r, setting, &tenant->ramdisk_path);
        break;
    case KEY_EXTRA:
        read_line(r, setting, &r->extra);
        break;
    case KEY_CMDLINE:
        read_line(r, setting, &r->cmdline);
        break;
    case KEY_ROOT:
        read_line(r, setting, &r->root);
        break;
    case KEY_AUDIT:
        (void)!value_audit(setting, &tenant->audit, r->diags);
        break;
    case KEY_SEALED:
        read_number(r, setting, 0, 1, &sealed);
        tenant->is_sealed = sealed != 0;
        break;
    case KEY_ROLE:
        read_role(r, setting);
        break;
    case KEY_VIF:
        vif_read(tenant, setting, r->diags);
        break;
    case KEY_FIREWALL:
        read_firewall(r, setting);
        break;
    default:
        apply_machine(r, key, setting);
        break;
    }
}

/* xl: `cmdline` as it is, or else "root=ROOT EXTRA". */
static void finish_cmdline(struct reader *r)
{
    const struct setting *const whole = r->seen[KEY_CMDLINE];
    const bool has_root = r->root != NULL && r->root[0] != '\0';
    const bool has_extra = r->extra != NULL && r->extra[0] != '\0';
    char *line;

    if (whole != NULL &&
        (r->seen[KEY_EXTRA] != NULL || r->seen[KEY_ROOT] != NULL)) {
        diag_add(r->diags, whole->key_at,
                 "'cmdline' makes xl ignore 'root' and 'extra'");
        diag_help(r->diags, "give either cmdline, or root and extra");
        return;
    }
    if (r->cmdline != NULL) {
        line = text_copy(r->cmdline, strlen(r->cmdline));
    } else {
        line = text_format(
            "%s%s%s%s", has_root ? "root=" : "", has_root ? r->root : "",
            has_root && has_extra ? " " : "", has_extra ? r->extra : "");
    }
    if (strlen(line) >= MF_CMDLINE_BYTES) {
        const struct setting *const at = whole != NULL ? whole
                                         : has_extra   ? r->seen[KEY_EXTRA]
                                                       : r->seen[KEY_ROOT];
        diag_add(r->diags, at->value_at,
                 "the command line has %zu characters, %u are possible",
                 strlen(line), MF_CMDLINE_BYTES - 1);
    } else {
        memset(r->tenant->cmdline, 0, MF_CMDLINE_BYTES);
        memcpy(r->tenant->cmdline, line, strlen(line));
    }
    free(line);
}

static void finish_required(struct reader *r)
{
    static const struct {
        enum key key;
        const char *help;
    } required[] = {
        { KEY_NAME, "add a line like: name = \"web\"" },
        { KEY_TYPE, "xl takes a missing type as \"hvm\"; add: type = \"pv\"" },
        { KEY_KERNEL, "add a line like: kernel = \"/boot/vmlinuz\"" },
        { KEY_MEMORY, "add a line like: memory = 256 (MiB)" },
    };
    const struct place whole = { r->tenant->source, 0, 0, 0 };

    for (size_t i = 0; i < ARRAY_COUNT(required); i++) {
        if (r->seen[required[i].key] == NULL) {
            diag_add(r->diags, whole, "'%s' is missing",
                     key_names[required[i].key]);
            diag_help(r->diags, "%s", required[i].help);
        }
    }
}

static void finish_maxmem(struct reader *r)
{
    struct tenant *const tenant = r->tenant;

    if (r->seen[KEY_MAXMEM] == NULL) {
        tenant->maxmem_mib = tenant->memory_mib;
    } else if (tenant->maxmem_mib != 0 &&
               tenant->maxmem_mib < tenant->memory_mib) {
        diag_add(r->diags, r->seen[KEY_MAXMEM]->value_at,
                 "maxmem %u is below memory %u", tenant->maxmem_mib,
                 tenant->memory_mib);
        diag_help(r->diags, "maxmem is the most a tenant may ever hold; "
                            "remove it to make it equal to memory");
    }
}

void cfg_apply(const struct settings *settings, struct tenant *tenant,
               struct diags *diags)
{
    struct reader r = { .tenant = tenant, .diags = diags };

    tenant->vcpus = 1;
    tenant->role = MF_ROLE_TENANT;
    tenant->weight = 256;
    tenant->on_poweroff = MF_DESTROY;
    tenant->on_reboot = MF_RESTART;
    tenant->on_crash = MF_DESTROY;
    tenant->audit = MF_AUDIT_ALL;
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *const setting = &settings->item[i];
        unsigned key = 0;

        while (key < KEY_COUNT && strcmp(setting->key, key_names[key]) != 0) {
            key++;
        }
        if (key == KEY_COUNT) {
            unknown_key(setting, diags);
        } else if (r.seen[key] != NULL) {
            diag_add(diags, setting->key_at, "'%s' is set a second time",
                     setting->key);
            diag_help(diags, "it was set in line %u", r.seen[key]->key_at.line);
        } else {
            r.seen[key] = setting;
            apply_key(&r, (enum key)key, setting);
        }
    }
    finish_required(&r);
    finish_role(&r);
    finish_maxmem(&r);
    finish_cmdline(&r);
    if (r.seen[KEY_RATE] != NULL) {
        vif_read_rates(tenant, r.seen[KEY_RATE], diags);
    }
    vif_finish(tenant, diags);
}
