/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small audit log for the golden tests, by the code that ships (audit/), of a
 * host that was started from the given tenant files:
 *
 *     mkaudit LOG TENANT-FILE...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/log.h"
#include "audit/seal.h"
#include "core/args.def"

#define FIELD(type, name, kind, low, high) type name;
struct domain_of {
    ARGS_domain_of(FIELD)
};
struct rights {
    ARGS_rights(FIELD)
};
struct rules_commit {
    ARGS_rules_commit(FIELD)
};
struct net_report {
    ARGS_net_report(FIELD)
};

enum { SLOTS = 256, DOMAIN0 = 0, ROUTER = 1, WEB = 2, DB = 3 };

static struct audit_record slots[SLOTS];
static struct audit_log log_;
static struct audit_now now = { .wall_ns = 1795280000000000000ull };
static struct audit_record note;

static void begin(enum audit_event event, u16 actor, u16 target)
{
    audit_note_init(&note, event);
    note.actor = actor;
    note.target = target;
    now.mono_ns += 1000000;
    now.wall_ns += 1000000;
}

static void field(enum audit_field kind, const void *value, size_t bytes)
{
    if (audit_field_add(&note, kind, value, (u32)bytes) != RC_OK) {
        exit(1);
    }
}

static void append(void)
{
    if (audit_append(&log_, &now, &note) != RC_OK) {
        exit(1);
    }
}

static void boot(char **paths)
{
    struct sha256 hash;
    u8 digest[SHA256_BYTES];
    u8 data[4096];

    sha256_init(&hash);
    for (; *paths != NULL; paths++) {
        FILE *const file = fopen(*paths, "r");
        for (size_t n; (n = fread(data, 1, sizeof(data), file)) > 0;) {
            sha256_update(&hash, data, n);
        }
        fclose(file);
    }
    sha256_final(&hash, digest);
    begin(AUDIT_BOOT, AUDIT_NOBODY, AUDIT_NOBODY);
    field(AUDIT_FIELD_POLICY, digest, sizeof(digest));
    append();
}

static void created(u16 domain, const char *name)
{
    begin(AUDIT_DOMAIN_CREATED, AUDIT_NOBODY, domain);
    field(AUDIT_FIELD_NAME, name, strlen(name));
    append();
}

static void report(u16 domain, u32 rule, u32 count, const char *text)
{
    struct net_report a = { .domid = domain, .rule = rule, .count = count };

    memcpy(a.text, text, strnlen(text, sizeof(a.text) - 1));
    begin(AUDIT_NET_DENIED, ROUTER, AUDIT_NOBODY);
    note.arg[0] = 15;
    field(AUDIT_FIELD_ARGS, &a, sizeof(a));
    append();
}

struct act {
    enum audit_event event;
    u16 target;
    u16 right;
    s32 result;
};

/* Intent with `before`, outcome with `after`. */
static void act(struct act a, const void *before, const void *after,
                size_t bytes)
{
    struct audit_ticket ticket = { 0 };

    begin(a.event, DOMAIN0, a.target);
    note.arg[0] = a.right;
    field(AUDIT_FIELD_ARGS, before, bytes);
    if (audit_begin(&log_, &now, &note, &ticket) != RC_OK) {
        exit(1);
    }
    begin(a.event, DOMAIN0, a.target);
    note.arg[0] = a.right;
    field(AUDIT_FIELD_ARGS, after, bytes);
    note.result = a.result;
    note.decision = a.result != 0 ? AUDIT_FAILED : AUDIT_ALLOWED;
    audit_end(&log_, &now, &note, &ticket);
}

static void acts(void)
{
    const struct domain_of web = { WEB };
    const struct domain_of db = { DB };
    const struct rights rights = { 1u << 10 | 1u << 12 };
    struct rules_commit commit = { .bytes = 4096 };

    memset(commit.text_digest, 0xab, sizeof(commit.text_digest));
    act((struct act){ AUDIT_PRIVILEGE_STOP, WEB, 10, 0 }, &web, &web,
        sizeof(web));
    act((struct act){ AUDIT_PRIVILEGE, DB, 12, -16 }, &db, &db, sizeof(db));
    act((struct act){ AUDIT_PRIVILEGE, DOMAIN0, 16, 0 }, &rights, &rights,
        sizeof(rights));
    const struct rules_commit before = commit;
    commit.generation = 2;
    memset(commit.digest, 0xcd, sizeof(commit.digest));
    act((struct act){ AUDIT_PRIVILEGE, AUDIT_NOBODY, 14, 0 }, &before, &commit,
        sizeof(commit));
    begin(AUDIT_RIGHT_USED, DOMAIN0, WEB);
    note.arg[0] = 9;
    append();
    begin(AUDIT_GUEST_REFUSED, WEB, AUDIT_NOBODY);
    note.arg[0] = 55;
    note.decision = AUDIT_DENIED;
    note.result = RC_EPERM;
    note.reason = 1;
    append();
}

static void reports(void)
{
    report(WEB, 4, 9, "tcp 10.0.0.2:40112 -> 10.0.0.3:22 net-web.cfg:11");
    report(WEB, 4, 1, "tcp 10.0.0.2:40113 -> 10.0.0.3:23 net-web.cfg:11");
    report(DB, 3, 7, "tcp 10.0.0.3:9 -> 10.0.0.2:25 net-web.cfg:11");
    report(DB, 65535, 2, "udp 10.0.0.3:9 -> 10.0.0.4:25 no-rule");
    report(DB, 65535, 2, "udp 10.0.0.3:9 -> 10.0.0.2:26 no-rule net-web.cfg:7");
    report(WEB, 65535, 2, "frame 0x88cc ethernet-lldp net-web.cfg:6");
    report(WEB, 65535, 2,
           "tcp 10.0.0.9:7 -> 10.0.0.3:8 spoofed-ipv4 net-web.cfg:6");
    report(WEB, 65535, 4,
           "arp 10.0.0.9 -> 10.0.0.3 spoofed-arp-ip net-web.cfg:6");
    report(WEB, 65535, 1,
           "arp 10.0.0.8 -> 10.0.0.3 spoofed-arp-ip net-web.cfg:6");
    report(WEB, 65535, 1, "a frame that is not granted");
    report(WEB, 6, 1, "passed udp 10.0.0.2:9 -> 10.0.0.3:53 net-web.cfg:14");
    report(WEB, 4, 1,
           "tcp [2001:db8:1111:2222:3333:4444:5555:6666]:40112 -> "
           "[2001:db8:1111:2222:3333:4444:5555:7777]:22 net-web.cfg:11");
    report(WEB, 4, 1, "a\"b\033[2J</script> -> net-web.cfg:4000000000");
    /* A record without the structure, and one with half of it. */
    begin(AUDIT_NET_DENIED, ROUTER, AUDIT_NOBODY);
    note.arg[0] = 15;
    append();
    begin(AUDIT_NET_DENIED, ROUTER, AUDIT_NOBODY);
    note.arg[0] = 15;
    field(AUDIT_FIELD_ARGS, "\2\0\0\0\4\0\0\0", 8);
    append();
}

int main(int argc, char **argv)
{
    static const u8 boot_id[16] = { 0xb0, 0x07 };
    static const u8 key[SHA256_BYTES];
    struct audit_seal seal;
    struct audit_record out;
    FILE *const file = fopen(argv[1], "w");

    (void)argc;
    (void)!audit_init(&log_, slots, SLOTS, boot_id);
    audit_seal_init(&seal, key, boot_id);
    boot(argv + 2);
    created(DOMAIN0, "Domain-0");
    created(ROUTER, "router");
    created(WEB, "web");
    created(DB, "db");
    acts();
    reports();
    begin(AUDIT_HOST_SHUTDOWN, AUDIT_NOBODY, AUDIT_NOBODY);
    append();
    audit_seal_due(&log_, &now, true);
    while (audit_drain(&log_, &out, 1) == 1) {
        while (!audit_seal_step(&seal, &out)) {
        }
        fwrite(&out, 1, out.bytes, file);
    }
    return fclose(file);
}
