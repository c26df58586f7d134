/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rf doctor: which packages are missing, and the line that installs them; what
 * the machine offers. It looks and never changes anything. Exit 3 when a
 * package is missing that building or running needs; what only the tests need
 * counts with --test.
 */
#include <argp.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rf/rf.h"

enum kind { BUILD, RUN, TEST };

static const char *const kind_names[] = { "build", "run", "test" };

static const struct package {
    const char *name;
    enum kind kind;
    const char *probe;
    const char *why;
} packages[] = {
#define PACKAGE(name, kind, probe, why) { name, kind, probe, why },
#include "rf/packages.def"
};

struct options {
    bool is_json;
    bool is_quiet;
    bool with_tests;
};

/* Is the command in a directory of PATH? */
static bool command_exists(const char *command)
{
    const char *path = getenv("PATH");

    path = path != NULL ? path : "/usr/bin:/bin";
    for (;;) {
        const size_t bytes = strcspn(path, ":");
        char *const full = text_format("%.*s/%s", (int)bytes, path, command);
        const bool is_there = access(full, X_OK) == 0;
        free(full);
        if (is_there) {
            return true;
        }
        if (path[bytes] == '\0') {
            return false;
        }
        path += bytes + 1;
    }
}

static bool package_exists(const struct package *package)
{
    return package->probe[0] == '/' ? access(package->probe, R_OK) == 0
                                    : command_exists(package->probe);
}

static const char *kvm_state(void)
{
    if (access("/dev/kvm", F_OK) != 0) {
        return "absent: QEMU emulates, Ringfence needs no more";
    }
    if (access("/dev/kvm", R_OK | W_OK) != 0) {
        return "present, but not for this user (group kvm)";
    }
    return "present";
}

static bool folder_has_entries(const char *path)
{
    DIR *const dir = opendir(path);
    bool found = false;

    if (dir == NULL) {
        return false;
    }
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        found = found || e->d_name[0] != '.';
    }
    closedir(dir);
    return found;
}

static const char *iommu_state(void)
{
    return folder_has_entries("/sys/class/iommu") ? "present" : "none seen";
}

static const char *tpm_state(void)
{
    return folder_has_entries("/sys/class/tpm") ? "present" : "none seen";
}

static bool is_wanted(const struct package *package,
                      const struct options *options)
{
    return package->kind != TEST || options->with_tests;
}

static void print_table(const struct options *options)
{
    printf("%-19s %-6s %-8s %s\n", "PACKAGE", "FOR", "STATE", "WHY");
    for (size_t i = 0; i < ARRAY_COUNT(packages); i++) {
        const struct package *const package = &packages[i];
        if (is_wanted(package, options) || !package_exists(package)) {
            printf("%-19s %-6s %-8s %s\n", package->name,
                   kind_names[package->kind],
                   package_exists(package) ? "ok" : "MISSING", package->why);
        }
    }
    printf("\n/dev/kvm  %s\nIOMMU     %s\nTPM       %s\n", kvm_state(),
           iommu_state(), tpm_state());
}

static void print_json(const struct options *options)
{
    fputs("{\"schema\":\"ringfence.doctor.1\",\"packages\":[", stdout);
    for (size_t i = 0; i < ARRAY_COUNT(packages); i++) {
        const struct package *const package = &packages[i];
        printf("%s\n{\"name\":\"%s\",\"for\":\"%s\",\"present\":%s,"
               "\"wanted\":%s}",
               i == 0 ? "" : ",", package->name, kind_names[package->kind],
               package_exists(package) ? "true" : "false",
               is_wanted(package, options) ? "true" : "false");
    }
    fputs("],\"kvm\":", stdout);
    json_string(stdout, kvm_state());
    fputs(",\"iommu\":", stdout);
    json_string(stdout, iommu_state());
    fputs(",\"tpm\":", stdout);
    json_string(stdout, tpm_state());
    fputs("}\n", stdout);
}

/* The exact line, or nothing when nothing is missing. */
static size_t print_line(const struct options *options, FILE *out)
{
    size_t missing = 0;

    for (size_t i = 0; i < ARRAY_COUNT(packages); i++) {
        if (is_wanted(&packages[i], options) && !package_exists(&packages[i])) {
            if (out != NULL && missing == 0) {
                fputs("\nMissing; as root:\n  apt-get install -y", out);
            }
            if (out != NULL) {
                fprintf(out, " %s", packages[i].name);
            }
            missing++;
        }
    }
    if (out != NULL && missing != 0) {
        fputc('\n', out);
    }
    return missing;
}

enum { OPTION_JSON = 0x100, OPTION_TEST };

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *const options = state->input;

    (void)arg;
    switch (key) {
    case 'q':
        options->is_quiet = true;
        return 0;
    case OPTION_JSON:
        options->is_json = true;
        return 0;
    case OPTION_TEST:
        options->with_tests = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_doctor(int argc, char **argv)
{
    static const struct argp_option list[] = {
        { "quiet", 'q', NULL, 0, "Print only what is missing", 0 },
        { "json", OPTION_JSON, NULL, 0, "Print JSON", 0 },
        { "test", OPTION_TEST, NULL, 0, "Count what only the tests need", 0 },
        { NULL, 0, NULL, 0, NULL, 0 },
    };
    static const struct argp argp = {
        .options = list,
        .parser = parse_option,
        .doc = "Say which packages are missing, with the line that installs "
               "them, and what the machine offers. Changes nothing.",
    };
    struct options options = { false, false, false };

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.is_json) {
        print_json(&options);
    } else if (!options.is_quiet) {
        print_table(&options);
    }
    const size_t missing =
        print_line(&options, options.is_json ? NULL : stdout);
    return missing == 0 ? EXIT_OK : EXIT_ENVIRONMENT;
}
