/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hybrid image that starts from CD or USB, by BIOS and by UEFI: a directory
 * with the hypervisor, the module and GRUB's menu, made into an image by
 * grub-mkrescue. The image takes its name only when it is complete, and the
 * directory is removed in any case.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rf/rf.h"

extern char **environ;

static const char grub_menu[] =
    "serial --unit=0 --speed=115200\n"
    "terminal_input console serial\n"
    "terminal_output console serial\n"
    /* UEFI: without a video driver GRUB complains before it starts us. */
    "insmod all_video\n"
    "set timeout=0\n"
    "menuentry \"Ringfence\" {\n"
    "    multiboot2 /boot/ringfence.elf\n"
    "    module2 /boot/ringfence.cpio\n"
    "}\n";

static bool copy_file(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    ssize_t n = in < 0 || out < 0 ? -1 : 1;

    while (n > 0) {
        n = sendfile(out, in, NULL, 1u << 24);
    }
    const int saved = errno;
    if (in >= 0) {
        close(in);
    }
    const bool is_closed = out >= 0 && close(out) == 0;
    errno = n < 0 ? saved : errno;
    return n == 0 && is_closed;
}

static bool write_text(const char *path, const char *text)
{
    FILE *const file = fopen(path, "we");

    if (file == NULL) {
        return false;
    }
    const bool good = fputs(text, file) >= 0;
    return fclose(file) == 0 && good;
}

/* Parts of the directory, parents first; the log stands beside it. */
static const char *const folders[] = { "", "/boot", "/boot/grub" };
static const char *const files[] = { "/boot/ringfence.elf",
                                     "/boot/ringfence.cpio",
                                     "/boot/grub/grub.cfg", ".log" };

static void tree_remove(const char *root)
{
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        char *const path = text_format("%s%s", root, files[i]);
        unlink(path);
        free(path);
    }
    for (size_t i = ARRAY_COUNT(folders); i > 0; i--) {
        char *const path = text_format("%s%s", root, folders[i - 1]);
        rmdir(path);
        free(path);
    }
}

static bool tree_make(const char *root, const char *hypervisor,
                      const char *module, struct fault *fault)
{
    bool good = true;

    for (size_t i = 1; i < ARRAY_COUNT(folders); i++) {
        char *const path = text_format("%s%s", root, folders[i]);
        good = good && mkdir(path, 0755) == 0;
        free(path);
    }
    char *const elf = text_format("%s%s", root, files[0]);
    char *const cpio = text_format("%s%s", root, files[1]);
    char *const menu = text_format("%s%s", root, files[2]);
    if (good && !copy_file(hypervisor, elf)) {
        good = fault_set(fault, "hypervisor '%s': %s", hypervisor,
                         strerror(errno));
        fault_help(fault, "build it with `make`, or name it with "
                          "--hypervisor");
    } else if (good &&
               (!copy_file(module, cpio) || !write_text(menu, grub_menu))) {
        good = fault_set(fault, "cannot fill '%s': %s", root, strerror(errno));
    } else if (!good) {
        fault_set(fault, "cannot fill '%s': %s", root, strerror(errno));
    }
    free(elf);
    free(cpio);
    free(menu);
    return good;
}

/* What grub-mkrescue said last, for the message. */
static void log_quote(const char *log, struct fault *fault)
{
    struct blob text;
    struct fault unread;

    if (!file_read(log, 1u << 20, &text, &unread)) {
        return;
    }
    size_t end = text.bytes;
    while (end > 0 && text.data[end - 1] == '\n') {
        end--;
    }
    size_t start = end;
    while (start > 0 && text.data[start - 1] != '\n') {
        start--;
    }
    if (end > start) {
        fault_help(fault, "%.*s", (int)(end - start), text.data + start);
    }
    free(text.data);
}

static bool mkrescue(const char *root, const char *iso, struct fault *fault)
{
    char *const log = text_format("%s%s", root, files[3]);
    char *const out = text_format("--output=%s", iso);
    char *const tree = text_format("%s", root);
    char *argv[] = { "grub-mkrescue",
                     "--compress=xz",
                     "--fonts=",
                     "--themes=",
                     "--locales=",
                     out,
                     tree,
                     NULL };
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = -1;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int rc = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        fault_set(fault, "grub-mkrescue cannot be started: %s", strerror(rc));
        fault_help(fault, "`rf doctor` says which packages are missing");
    } else {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
            continue;
        }
    }
    if (rc == 0 && status != 0) {
        fault_set(fault, "grub-mkrescue failed; `rf doctor` says which "
                         "packages are missing");
        log_quote(log, fault);
    }
    free(log);
    free(out);
    free(tree);
    return status == 0;
}

bool pack_iso(const char *hypervisor, const char *module, const char *path,
              struct fault *fault)
{
    const char *const base = getenv("TMPDIR");
    char *const root =
        text_format("%s/rf-iso.XXXXXX", base != NULL ? base : "/tmp");
    char *const iso = text_format("%s.%ld.part", path, (long)getpid());
    bool good = mkdtemp(root) != NULL;

    if (!good) {
        fault_set(fault, "cannot make '%s': %s", root, strerror(errno));
    } else {
        good = tree_make(root, hypervisor, module, fault) &&
               mkrescue(root, iso, fault);
        tree_remove(root);
        if (good && rename(iso, path) != 0) {
            good = fault_set(fault, "cannot write '%s': %s", path,
                             strerror(errno));
        }
        if (!good) {
            unlink(iso);
        }
    }
    free(root);
    free(iso);
    return good;
}
