/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run stored inputs through a target, without a fuzzer: for coverage, and
 * wherever libFuzzer is not. `replay FILE|FOLDER...`
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

static unsigned count;

static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    static u8 data[1u << 20];

    if (f == NULL) {
        fprintf(stderr, "replay: %s cannot be read\n", path);
        exit(2);
    }
    const size_t bytes = fread(data, 1, sizeof(data), f);

    fclose(f);
    (void)LLVMFuzzerTestOneInput(data, bytes);
    count++;
}

static void run_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *e;
    char name[4096];

    if (folder == NULL) {
        fprintf(stderr, "replay: %s cannot be read\n", path);
        exit(2);
    }
    while ((e = readdir(folder)) != NULL) {
        if (e->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
            run_file(name);
        }
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    struct stat s;

    (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (stat(argv[i], &s) == 0 && S_ISDIR(s.st_mode)) {
            run_folder(argv[i]);
        } else {
            run_file(argv[i]);
        }
    }
    printf("%u inputs\n", count);
    return 0;
}
