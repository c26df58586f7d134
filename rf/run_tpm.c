/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's TPM: Debian's swtpm, one that is there already or one of our
 * own, which ends with the machine.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "rf/run.h"

extern char **environ;

/* It is ready when its parent has ended. */
static bool start(const char *folder, const char *control, struct fault *fault)
{
    char *const state = text_format("dir=%s", folder);
    char *const channel = text_format("type=unixio,path=%s", control);
    char *const command[] = { (char *)"swtpm",
                              (char *)"socket",
                              (char *)"--tpm2",
                              (char *)"--daemon",
                              (char *)"--terminate",
                              (char *)"--tpmstate",
                              state,
                              (char *)"--ctrl",
                              channel,
                              NULL };
    int status = 0;
    pid_t pid;
    const int rc = posix_spawnp(&pid, "swtpm", NULL, NULL, command, environ);
    const bool good = rc == 0 && waitpid(pid, &status, 0) == pid && status == 0;

    free(state);
    free(channel);
    return good || fault_set(fault, "swtpm does not start%s%s",
                             rc != 0 ? ": " : "", rc != 0 ? strerror(rc) : "");
}

bool tpm_find(const char *path, char **control, struct fault *fault)
{
    struct stat about;

    if (stat(path, &about) == 0 && S_ISSOCK(about.st_mode)) {
        *control = text_format("%s", path);
        return true;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fault_set(fault, "'%s': %s", path, strerror(errno));
    }
    char *const folder = realpath(path, NULL); /* it leaves this one */

    if (folder == NULL) {
        return fault_set(fault, "'%s': %s", path, strerror(errno));
    }
    *control = text_format("%s/control", folder);
    const bool good = start(folder, *control, fault);

    free(folder);
    return good;
}
