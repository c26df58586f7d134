/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host tool reads: tenant files, kernels, the line of all consoles.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "rf/cfg.h"
#include "rf/filter.h"
#include "rf/mux.h"

/* ---- tenant files
 * ------------------------------------------------------------ */

/* Findings name a place that is in the file. */
static void check_places(const struct diags *diags, const struct source *source)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct place *at = &diags->item[i].at;
        const char *line = source->text;

        for (unsigned n = 1; n < at->line; n++) {
            line = strchr(line, '\n');
            if (line == NULL) {
                fuzz_fail("a finding in line %u, which there is not", at->line);
            }
            line++;
        }
        if (at->line != 0 && at->column > 0 &&
            at->column - 1 > strcspn(line, "\n")) {
            fuzz_fail("a finding in column %u of line %u", at->column,
                      at->line);
        }
    }
}

/* Without a finding each value is what its key allows. */
static void check_tenant(const struct tenant *t)
{
    if (t->vcpus < 1 || t->vcpus > 32 || t->memory_mib > t->maxmem_mib ||
        t->weight == 0 || t->weight > 65535 || t->name[0] == 0 ||
        memchr(t->name, 0, sizeof(t->name)) == NULL ||
        memchr(t->cmdline, 0, sizeof(t->cmdline)) == NULL ||
        (t->audit & ~(u32)MF_AUDIT_ALL) != 0 || t->on_crash >= MF_ACTIONS) {
        fuzz_fail("a tenant without a finding that breaks a rule");
    }
}

static FILE *nowhere(void)
{
    static FILE *f;

    if (f == NULL) {
        f = fopen("/dev/null", "w");
    }
    return f;
}

void target_cfg(const u8 *data, size_t bytes)
{
    struct tenant tenant;
    struct source source;
    struct diags diags = { 0 };
    struct settings settings;

    if (memchr(data, 0, bytes) != NULL) {
        return; /* refused before it is parsed */
    }
    memset(&tenant, 0, sizeof(tenant));
    tenant.source = &source;
    source.path = text_copy("t.cfg", 5);
    source.text = text_copy((const char *)data, bytes);
    source.bytes = bytes;
    cfg_parse(&source, &settings, &diags);
    cfg_apply(&settings, &tenant, &diags);
    cfg_settings_free(&settings);
    check_places(&diags, &source);
    if (diags.count == 0) {
        check_tenant(&tenant);
    } else if (bytes % 16 == 0) {
        diag_print(&diags, nowhere());
        diag_print_json(&diags, NULL, nowhere());
    }
    for (size_t i = 0; i < tenant.firewall_count; i++) {
        free(tenant.firewall[i].text);
    }
    free(tenant.firewall);
    free(tenant.vif);
    diag_free(&diags);
    free(source.path);
    free(source.text);
    free(tenant.kernel_path);
    free(tenant.ramdisk_path);
}

/* ---- kernels
 * ------------------------------------------------------------------ */

void target_kernel(const u8 *data, size_t bytes)
{
    struct kernel k;
    struct fault fault;
    u8 *copy = fuzz_copy(data, bytes);
    const struct blob file = { copy, bytes };

    memset(&k, 0, sizeof(k));
    if (kernel_load(&file, &k, &fault)) {
        if (k.flat.bytes > k.memory_bytes || k.load_va % 4096 != 0 ||
            k.load_va < k.virt_base || k.flat.bytes > FLAT_BYTES_MAX ||
            k.load_va + k.memory_bytes < k.load_va ||
            memchr(k.version, 0, sizeof(k.version)) == NULL) {
            fuzz_fail("a kernel that is not what was promised");
        }
    } else if (memchr(fault.text, 0, sizeof(fault.text)) == NULL) {
        fuzz_fail("a fault without an end");
    }
    free(k.flat.data);
    free(copy);
}

/* ---- consoles
 * ------------------------------------------------------------------ */

/* What a terminal may be told; rf/filter.h. A sequence may be held back for
 * some bytes, so the rule is checked on all that came out. */
static void check_text(const u8 *text, size_t bytes, bool terminal)
{
    for (size_t i = 0; i < bytes; i++) {
        const u8 c = text[i];

        if (c == 0x1b && terminal) {
            size_t k = i + 1;

            if (k >= bytes || text[k] != '[') {
                fuzz_fail("an escape that is no CSI");
            }
            for (k++; k < bytes && strchr("0123456789;", text[k]) != NULL &&
                      text[k] != 0;
                 k++) {
            }
            if (k >= bytes || strchr("ABCDGHJKPXm@", text[k]) == NULL ||
                text[k] == 0) {
                fuzz_fail("a CSI that must not pass");
            }
            i = k;
            continue;
        }
        if ((c < 0x20 && c != '\n' && c != '\t' && c != '\b' && c != '\r') ||
            c == 0x7f || c >= 0xf8 || c == 0xc0 || c == 0xc1) {
            fuzz_fail("byte %02x reached the terminal", c);
        }
    }
}

/* Encoded bytes come back from the same channel; noise has none of them lost;
 * and nothing gets through the filter that may not. */
void target_console(const u8 *data, size_t bytes)
{
    struct input in = { data, bytes, 0 };
    const u8 how = take8(&in);
    struct filter filter = { .mode =
                                 (how & 1) ? FILTER_TERMINAL : FILTER_LINES };
    struct mux_decoder decoder = { 0 }, noise = { 0 };
    struct mux_encoder encoder = { 0 };
    u8 *text = malloc(bytes * FILTER_OUT_MAX + FILTER_OUT_MAX);
    size_t count = 0;
    u32 channel = 1;

    while (left(&in) != 0) {
        const u8 c = take8(&in);
        u8 coded[MUX_BYTES_MAX];
        u8 out = 0;
        bool got = false;

        channel = c % 16 == 3 ? take16(&in) % MUX_CHANNELS : channel;
        const size_t n = mux_encode(&encoder, channel, c, coded);

        if (n > MUX_BYTES_MAX) {
            fuzz_fail("a byte became %zu", n);
        }
        for (size_t i = 0; i < n; i++) {
            got = mux_decode(&decoder, coded[i], &out);
        }
        if (!got || out != c || decoder.channel != channel) {
            fuzz_fail("a byte of channel %u came out of %u", channel,
                      decoder.channel);
        }
        if (mux_decode(&noise, c, &out) && noise.channel >= MUX_CHANNELS) {
            fuzz_fail("channel %u", noise.channel);
        }
        const size_t more = filter_byte(&filter, c, text + count);

        if (more > FILTER_OUT_MAX) {
            fuzz_fail("%zu bytes for one", more);
        }
        count += more;
    }
    check_text(text, count, (how & 1) != 0);
    free(text);
}
