/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root key of a log's seals: 64 hexadecimal digits and a newline in a file
 * that only its owner reads.
 */
#include "rf/auditkey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

bool hex_read(const char *text, u8 *out, size_t bytes)
{
    for (size_t i = 0; i < 2 * bytes; i++) {
        const char c = text[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) {
            return false;
        }
        out[i / 2] = (u8)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

void hex_write(FILE *out, const u8 *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        fprintf(out, "%02x", data[i]);
    }
}

bool audit_key_make(const char *path, u8 key[SHA256_BYTES], struct fault *fault)
{
    if (getrandom(key, SHA256_BYTES, 0) != (ssize_t)SHA256_BYTES) {
        return fault_set(fault, "no random bytes: %s", strerror(errno));
    }
    unlink(path); /* an old one may have had other rights */
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *const file = fd < 0 ? NULL : fdopen(fd, "w");

    if (file == NULL) {
        return fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
    }
    hex_write(file, key, SHA256_BYTES);
    fputc('\n', file);
    return fclose(file) == 0 ||
           fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
}

bool audit_key_read(const char *path, u8 key[SHA256_BYTES], struct fault *fault)
{
    struct blob file = { NULL, 0 };

    if (!file_read(path, 4096, &file, fault)) {
        return false;
    }
    const bool good = file.bytes >= 64 && file.bytes <= 66 &&
                      hex_read((const char *)file.data, key, SHA256_BYTES);
    free(file.data);
    return good || fault_set(fault, "this is not a key: 64 hexadecimal digits "
                                    "are expected");
}
