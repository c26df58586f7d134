/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mutant is at work in a program that has them all
 * (tests/mutants/mutate): that of RF_MUTANT, none without. With RF_REACH the
 * numbers of the functions that were entered are left in that file; RF_SECONDS
 * bounds the processor time, since some mutants loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define FUNCTIONS_MAX 4096

extern int rf_mutant;
extern unsigned char rf_reached[FUNCTIONS_MAX];
int rf_mutant;
unsigned char rf_reached[FUNCTIONS_MAX];

__attribute__((constructor)) static void begin(void)
{
    const char *mutant = getenv("RF_MUTANT");
    const char *seconds = getenv("RF_SECONDS");

    if (mutant != NULL) {
        rf_mutant = atoi(mutant);
    }
    if (seconds != NULL) {
        const rlim_t most = (rlim_t)atoi(seconds);
        const struct rlimit time = { most, most }, none = { 0, 0 };

        (void)setrlimit(RLIMIT_CPU, &time);
        (void)setrlimit(RLIMIT_CORE, &none);
    }
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("RF_REACH");
    FILE *f = path != NULL ? fopen(path, "w") : NULL;

    if (f != NULL) {
        for (int i = 0; i < FUNCTIONS_MAX; i++) {
            if (rf_reached[i] != 0) {
                fprintf(f, "%d\n", i);
            }
        }
        (void)fclose(f);
    }
}
