/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random rules and packets for tests/filter/nft: `emit SEED RULES PACKETS FILE`
 * writes a tenant file with a rule a line and prints a packet a line: the line
 * of the file that decides on what the tenant sends, 0 if none, and the frame.
 */
#include "tests/filter/genframe.h"
#include "tests/pf_fixture.h"

#define FIRST_LINE 7u /* of the rules in the file */

static u32 number(const char *text)
{
    return (u32)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    struct fixture x = { .f = NULL };
    struct pfgen g;
    FILE *const out = argc == 5 ? fopen(argv[4], "w") : NULL;

    if (out == NULL) {
        fprintf(stderr, "emit SEED RULES PACKETS FILE\n");
        return 2;
    }
    g.seed = number(argv[1]) * 0x9e3779b97f4a7c15ull + 1;
    fix_tenant(&x, "web", "ip=10.0.0.2 2001:db8::2", "");
    fputs("name='web'\ntype='pv'\nkernel='k'\nmemory=64\n"
          "vif=['ip=10.0.0.2 2001:db8::2']\nfirewall=[\n",
          out);
    struct tenant *const t = &x.tenant[0];
    t->firewall_count = number(argv[2]);
    free(t->firewall);
    t->firewall = mem_alloc(t->firewall_count * sizeof(*t->firewall));
    for (size_t i = 0; i < t->firewall_count; i++) {
        struct pftext text;
        gen_rule(&g, &text);
        fprintf(out, "\"%s\",\n", text.text);
        t->firewall[i].text = text_copy(text.text, text.used);
    }
    fputs("]\n", out);
    fclose(out);
    x.f = fix_load(&x);
    for (u32 i = number(argv[3]); i > 0; i--) {
        struct packet p;
        struct frame f;
        gen_packet(&g, &p);
        frame_of(&f, &p, &g);
        const u16 rule = filter_decide(x.f, 0, true, &p);
        printf("%u ", rule == FILTER_NO_RULE
                          ? 0
                          : x.f->rules.rule[rule].order + FIRST_LINE - 1);
        for (u32 k = 0; k < f.bytes; k++) {
            printf("%02x", f.b[k]);
        }
        putchar('\n');
    }
    fix_end(&x);
    return 0;
}
