/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic between two Linux tenants, the same program on Ringfence and on Xen.
 *
 *   netload serve                 answers the others, until it is told to end
 *   netload measure ADDRESS ROW...
 *   netload flood ADDRESS PORT BYTES SECONDS    datagrams, as fast as they go
 *
 * A row is stream-N, N MiB over TCP, until the other end says that it has them
 * all; or rounds-N, a byte there and back N times. Prints, a line each,
 *
 *   netload: row NAME NANOSECONDS
 *
 * by the processor's time-stamp counter, which under QEMU's `-icount shift=0`
 * is the machine's virtual time. Marks are as in guests/bench/bench.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define PORT 7000
#define MIB 1048576u
#define CHUNK 65536u
#define WARM_ROUNDS 50u

/* The first byte of a connection: what the client wants. */
enum wish { WISH_STREAM = 's', WISH_ROUNDS = 'r', WISH_END = 'e' };

static uint8_t chunk[CHUNK];

static void fail(const char *what)
{
    printf("netload: failed: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t stamp(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#define MARK(value)                                                            \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long %c0"                       \
                     :                                                         \
                     : "i"(value)                                              \
                     : "memory")

static void rest(long ms)
{
    const struct timespec t = { .tv_sec = ms / 1000,
                                .tv_nsec = ms % 1000 * 1000000 };

    fflush(stdout);
    nanosleep(&t, NULL);
}

static struct sockaddr_in address(const char *text, uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

    a.sin_addr.s_addr = text == NULL ? htonl(INADDR_ANY) : inet_addr(text);
    return a;
}

static void set(int s, int level, int option)
{
    const int on = 1;

    if (setsockopt(s, level, option, &on, sizeof(on)) != 0) {
        fail("option");
    }
}

/* ---- the end that serves ------------------------------------------------- */

/* Bytes until the client sends no more; then one back. */
static void serve_stream(int s)
{
    ssize_t got;

    do {
        got = read(s, chunk, sizeof(chunk));
    } while (got > 0);
    if (got == 0 && write(s, "k", 1) != 1) {
        got = -1;
    }
}

static void serve_rounds(int s)
{
    char byte;

    set(s, IPPROTO_TCP, TCP_NODELAY);
    while (read(s, &byte, 1) == 1 && write(s, &byte, 1) == 1) {
    }
}

static bool serve_one(int s)
{
    char wish = 0;

    if (read(s, &wish, 1) != 1) {
        return true;
    }
    if (wish == WISH_STREAM) {
        serve_stream(s);
    } else if (wish == WISH_ROUNDS) {
        serve_rounds(s);
    }
    return wish != WISH_END;
}

static void serve(void)
{
    const struct sockaddr_in a = address(NULL, PORT);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    bool goes_on = true;

    set(listener, SOL_SOCKET, SO_REUSEADDR);
    if (bind(listener, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
        listen(listener, 8) != 0) {
        fail("listen");
    }
    printf("netload: serves\n");
    fflush(stdout);
    while (goes_on) {
        const int s = accept(listener, NULL, NULL);
        if (s >= 0) {
            goes_on = serve_one(s);
            close(s);
        }
    }
}

/* ---- the end that measures ----------------------------------------------- */

/* The server may not be there yet. */
static int reach(const char *peer, char wish)
{
    const struct sockaddr_in a = address(peer, PORT);

    for (int tries = 0; tries < 600; tries++) {
        const int s = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(s, (const struct sockaddr *)&a, sizeof(a)) == 0) {
            set(s, IPPROTO_TCP, TCP_NODELAY);
            if (write(s, &wish, 1) != 1) {
                fail("write");
            }
            return s;
        }
        close(s);
        rest(100);
    }
    fail("connect");
    return -1;
}

static void send_all(int s, uint32_t mib)
{
    char told = 0;

    for (uint32_t left = mib * (MIB / CHUNK); left != 0; left--) {
        for (size_t done = 0; done < CHUNK;) {
            const ssize_t n = write(s, chunk + done, CHUNK - done);
            if (n <= 0) {
                fail("write");
            }
            done += (size_t)n;
        }
    }
    if (shutdown(s, SHUT_WR) != 0 || read(s, &told, 1) != 1) {
        fail("stream");
    }
}

static void go_round(int s, uint32_t rounds)
{
    char byte = 'x';

    for (uint32_t i = 0; i < rounds; i++) {
        if (write(s, &byte, 1) != 1 || read(s, &byte, 1) != 1) {
            fail("round");
        }
    }
}

static void measure(const char *peer, const char *row)
{
    const char *const dash = strchr(row, '-');
    const bool is_stream = row[0] == 's';
    const uint32_t n = dash == NULL ? 0 : (uint32_t)atoi(dash + 1);
    const int s = reach(peer, is_stream ? WISH_STREAM : WISH_ROUNDS);

    if (!is_stream) {
        go_round(s, WARM_ROUNDS);
    }
    rest(200);
    MARK(MARK_BEGIN);
    const uint64_t from = stamp();
    if (is_stream) {
        send_all(s, n);
    } else {
        go_round(s, n);
    }
    const uint64_t to = stamp();
    MARK(MARK_END);
    close(s);
    printf("netload: row %s %llu\n", row, (unsigned long long)(to - from));
    rest(200);
}

/* ---- the one that floods ------------------------------------------------- */

static void flood(const char *peer, uint16_t port, size_t bytes, time_t seconds)
{
    const struct sockaddr_in a = address(peer, port);
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    const time_t until = time(NULL) + seconds;
    uint64_t sent = 0;

    printf("netload: floods\n");
    fflush(stdout);
    while (time(NULL) < until) {
        for (int i = 0; i < 64; i++) {
            sent += sendto(s, chunk, bytes, 0, (const struct sockaddr *)&a,
                           sizeof(a)) > 0;
        }
    }
    printf("netload: flooded %llu\n", (unsigned long long)sent);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "serve") == 0) {
        serve();
    } else if (argc >= 3 && strcmp(argv[1], "measure") == 0) {
        for (int i = 3; i < argc; i++) {
            measure(argv[2], argv[i]);
        }
        close(reach(argv[2], WISH_END));
    } else if (argc == 6 && strcmp(argv[1], "flood") == 0) {
        flood(argv[2], (uint16_t)atoi(argv[3]), (size_t)atoi(argv[4]),
              atoi(argv[5]));
    } else {
        return 2;
    }
    printf("netload: end\n");
    rest(200);
    return 0;
}
