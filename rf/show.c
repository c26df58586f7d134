/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf show: what the tenant files come to once defaults are filled in and
 * kernels are read. The table is for people; --json for programs.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "rf/netrun.h"
#include "rf/policytext.h"
#include "rf/shownet.h"
#include "rf/verbs.h"

#define SHOW_TIMEOUT_S 60u /* 64 KiB of rules, in hex, on a serial line */

static const char *const action_names[MF_ACTIONS] = { "destroy", "restart",
                                                      "preserve" };

static const char *audit_name(u32 audit)
{
    static const char *const names[] = { "none", "lifecycle", "deny",
                                         "lifecycle,deny" };

    return names[audit & MF_AUDIT_ALL];
}

/* "0-3,5", or "all" for an empty mask. */
static void cpus_name(u64 mask, char *out, size_t room)
{
    size_t used = 0;

    if (mask == 0) {
        snprintf(out, room, "all");
        return;
    }
    out[0] = '\0';
    for (unsigned cpu = 0; cpu < 64 && used < room; cpu++) {
        if ((mask >> cpu & 1) == 0) {
            continue;
        }
        unsigned last = cpu;
        while (last < 63 && (mask >> (last + 1) & 1) != 0) {
            last++;
        }
        const char *const comma = used == 0 ? "" : ",";
        used += (size_t)(last == cpu ? snprintf(out + used, room - used, "%s%u",
                                                comma, cpu)
                                     : snprintf(out + used, room - used,
                                                "%s%u-%u", comma, cpu, last));
        cpu = last;
    }
}

/* Names of the rights in a mask, each with `mark` around it. */
static void print_rights(u64 rights, const char *mark, const char *between)
{
    const char *before = "";

    for (u32 bit = 0; bit < RIGHT_COUNT; bit++) {
        const char *const name = policy_right_name(bit);
        if ((rights >> bit & 1) != 0 && name != NULL) {
            printf("%s%s%s%s", before, mark, name, mark);
            before = between;
        }
    }
}

/* The same as they are named in a tenant file. */
static void print_names(u64 mask, const char *mark, const char *between)
{
    const char *before = "";

    for (u32 bit = 0; bit < RIGHT_COUNT; bit++) {
        char name[PRIVILEGE_BYTES];
        if ((mask >> bit & 1) != 0) {
            privilege_name(bit, name);
            printf("%s%s%s%s", before, mark, name, mark);
            before = between;
        }
    }
}

/* The rights that a tenant has by its file. */
static void print_privileges(const struct tenant *tenant, const char *mark,
                             const char *between)
{
    print_names(tenant->rights & ~(POLICY_TENANT_GIVEN | RIGHT_MASK(DROP)),
                mark, between);
}

static void show_kernel(const struct tenant *tenant)
{
    const struct kernel *const kernel = tenant->kernel;

    printf("  kernel   %s\n           %s (%s%s%s)\n", tenant->kernel_path,
           kernel->version, kernel->packing,
           kernel->container[0] != '\0' ? " " : "", kernel->container);
    printf("  notes    guest '%s' '%s', features '%s'\n", kernel->guest_os,
           kernel->guest_version, kernel->features);
    printf("  memory   load 0x%llx, base 0x%llx, entry 0x%llx, %llu KiB\n",
           (unsigned long long)kernel->load_va,
           (unsigned long long)kernel->virt_base,
           (unsigned long long)kernel->entry_va,
           (unsigned long long)(kernel->memory_bytes + 1023) / 1024);
    if (kernel->hypercall_va != MF_NO_ADDRESS) {
        printf("  calls    hypercall page at 0x%llx\n",
               (unsigned long long)kernel->hypercall_va);
    }
}

static void show_tenant(const struct tenant_set *set,
                        const struct tenant *tenant)
{
    printf("\n%s  (%s)\n", tenant->name, tenant->source->path);
    show_kernel(tenant);
    if (tenant->ramdisk_idx != MF_NONE) {
        printf("  ramdisk  %s (%zu KiB)\n", tenant->ramdisk_path,
               (set->image[tenant->ramdisk_idx].data.bytes + 1023) / 1024);
    }
    printf("  cmdline  %s\n", tenant->cmdline);
    printf("  at end   poweroff %s, reboot %s, crash %s\n",
           action_names[tenant->on_poweroff], action_names[tenant->on_reboot],
           action_names[tenant->on_crash]);
    printf("  role     %s, ", role_name(tenant->role));
    if (tenant->rights == policy_role_given(MF_ROLE_TENANT)) {
        printf("no privileges");
    } else {
        printf("privileges: ");
        print_privileges(tenant, "", " ");
    }
    printf("%s\n  rights   ", tenant->is_sealed ? ", sealed" : "");
    print_rights(tenant->rights, "", " ");
    printf("\n  permits  ");
    print_names(tenant->permits, "", " ");
    printf("%s\n  audit    %s\n", tenant->permits == 0 ? "nothing" : "",
           audit_name(tenant->audit));
}

static void show_table(const struct tenant_set *set)
{
    printf("%-15s %8s %8s %5s %6s %5s %-10s %s\n", "NAME", "MEMORY", "MAXMEM",
           "VCPUS", "WEIGHT", "CAP", "CPUS", "KERNEL");
    for (size_t i = 0; i < set->count; i++) {
        const struct tenant *const tenant = &set->tenant[i];
        char cpus[256];
        char cap[16];
        cpus_name(tenant->cpu_mask, cpus, sizeof(cpus));
        snprintf(cap, sizeof(cap), "%u%%", tenant->cap_percent);
        printf("%-15s %4u MiB %4u MiB %5u %6u %5s %-10s %.*s\n", tenant->name,
               tenant->memory_mib, tenant->maxmem_mib, tenant->vcpus,
               tenant->weight, tenant->cap_percent == 0 ? "none" : cap, cpus,
               (int)strcspn(tenant->kernel->version, " "),
               tenant->kernel->version);
    }
    for (size_t i = 0; i < set->count; i++) {
        show_tenant(set, &set->tenant[i]);
    }
    show_network(set, NET_TABLE);
}

static void json_field(const char *name, const char *value)
{
    printf(",\"%s\":", name);
    json_string(stdout, value);
}

static void json_hex(const char *name, u64 value)
{
    printf(",\"%s\":\"0x%llx\"", name, (unsigned long long)value);
}

static void json_kernel(const struct tenant *tenant)
{
    const struct kernel *const kernel = tenant->kernel;

    printf(",\"kernel\":{\"path\":");
    json_string(stdout, tenant->kernel_path);
    json_field("container", kernel->container);
    json_field("packing", kernel->packing);
    json_field("version", kernel->version);
    json_field("guest_os", kernel->guest_os);
    json_field("guest_version", kernel->guest_version);
    json_field("features", kernel->features);
    json_hex("supported_features", kernel->supported);
    json_hex("load_va", kernel->load_va);
    json_hex("virt_base", kernel->virt_base);
    json_hex("paddr_offset", kernel->paddr_offset);
    json_hex("entry_va", kernel->entry_va);
    if (kernel->hypercall_va != MF_NO_ADDRESS) {
        json_hex("hypercall_va", kernel->hypercall_va);
    }
    printf(",\"mod_start_pfn\":%s,\"memory_bytes\":%llu}",
           kernel->has_mod_pfn ? "true" : "false",
           (unsigned long long)kernel->memory_bytes);
}

static void json_tenant(const struct tenant *tenant)
{
    char cpus[256];

    cpus_name(tenant->cpu_mask, cpus, sizeof(cpus));
    printf("{\"name\":");
    json_string(stdout, tenant->name);
    json_field("file", tenant->source->path);
    json_field("role", role_name(tenant->role));
    printf(",\"privileges\":[");
    print_privileges(tenant, "\"", ",");
    printf("],\"permits\":[");
    print_names(tenant->permits, "\"", ",");
    printf("],\"rights\":[");
    print_rights(tenant->rights, "\"", ",");
    putchar(']');
    printf(",\"memory_mib\":%u,\"maxmem_mib\":%u,\"vcpus\":%u,\"weight\":%u"
           ",\"cap_percent\":%u,\"console_rate\":%u,\"sealed\":%s",
           tenant->memory_mib, tenant->maxmem_mib, tenant->vcpus,
           tenant->weight, tenant->cap_percent, tenant->console_rate,
           tenant->is_sealed ? "true" : "false");
    json_field("cpus", cpus);
    json_field("audit", audit_name(tenant->audit));
    json_field("on_poweroff", action_names[tenant->on_poweroff]);
    json_field("on_reboot", action_names[tenant->on_reboot]);
    json_field("on_crash", action_names[tenant->on_crash]);
    json_field("cmdline", tenant->cmdline);
    json_kernel(tenant);
    if (tenant->ramdisk_idx != MF_NONE) {
        json_field("ramdisk", tenant->ramdisk_path);
    }
    putchar('}');
}

static void show_json(const struct tenant_set *set)
{
    fputs("{\"schema\":\"ringfence.show.1\",\"tenants\":[", stdout);
    for (size_t i = 0; i < set->count; i++) {
        fputs(i == 0 ? "\n" : ",\n", stdout);
        json_tenant(&set->tenant[i]);
    }
    putchar(']');
    show_network(set, NET_JSON);
    fputs("}\n", stdout);
}

struct show {
    struct common common;
    enum net_form form; /* NET_TABLE: the whole, else the network alone */
    bool is_counted;    /* the rules alone, as a run counts them */
    const char *control;
};

enum { OPTION_DOT = 0x200, OPTION_NFT, OPTION_CONTROL };

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct show *const show = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &show->common;
        return 0;
    case 'v':
        show->is_counted = true;
        return 0;
    case OPTION_CONTROL:
        show->control = arg;
        return 0;
    case OPTION_DOT:
        show->form = NET_DOT;
        return 0;
    case OPTION_NFT:
        show->form = NET_NFT;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_show(int argc, char **argv)
{
    static const struct argp_option options[] = {
        { "dot", OPTION_DOT, NULL, 0,
          "Who may begin what with whom, as a graph for dot(1)", 0 },
        { "nft", OPTION_NFT, NULL, 0, "The rules as an nftables table", 0 },
        { "verbose", 'v', NULL, 0,
          "The rules, with packets, bytes and flows of each in a run", 0 },
        { "control", OPTION_CONTROL, "PATH", 0,
          "That run's control socket (of the only run there is)", 0 },
        { NULL, 0, NULL, 0, NULL, 0 },
    };
    static const struct argp_child children[] = {
        { &common_argp, 0, NULL, 0 },
        { NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .children = children,
        .doc = "Show what tenant files come to: names, memory, CPUs, kernels "
               "and their notes, rights; who may begin what with whom.",
    };
    struct show show = { .form = NET_TABLE };
    struct tenant_set set = { 0 };
    int code = EXIT_OK;

    argp_parse(&argp, argc, argv, 0, NULL, &show);
    const struct common *const common = &show.common;
    set.is_quiet = common->is_quiet;
    set.is_rules_only = show.form != NET_TABLE || show.is_counted;
    set.has_services = show.is_counted;
    if (!tenant_set_load(&set, common->paths, common->count,
                         common->host_mib)) {
        code = tenant_set_report(&set, common->is_json);
    } else if (show.is_counted) {
        const struct control_options o = { .path = show.control,
                                           .timeout_s = SHOW_TIMEOUT_S,
                                           .is_json = common->is_json };
        code = netrun_show(&set, &o);
    } else if (show.form != NET_TABLE) {
        show_network(&set, show.form);
    } else if (common->is_json) {
        show_json(&set);
    } else {
        show_table(&set);
    }
    tenant_set_free(&set);
    free(common->paths);
    return code;
}
