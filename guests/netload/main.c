/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic between two Linux tenants, the same program on Ringfence and on Xen.
 *
 *   netload serve                 answers the others, until it is told to end
 *   netload drain                 takes datagrams, without end
 *   netload measure ADDRESS ROW...
 *   netload flood ADDRESS BYTES SECOND   datagrams from that second on, as
 *                                        fast as they go, without end
 *
 * A row is
 *
 *   stream-N   N MiB over TCP, until the other end says that it has them all
 *   paced-N    the same, 64 KiB every 4 ms
 *   rounds-N   a byte there and back N times
 *   after-N    nothing, until the machine's clock is at N seconds
 *
 * and prints a line,
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
#include <time.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define PORT 7000
#define MIB 1048576u
#define CHUNK 65536u
#define WARM_ROUNDS 50u
#define PACE_NS 4000000u
#define NS_PER_S 1000000000ull
#define FLOOD_PORT 7001

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

/* Sleep until the counter is there. */
static void until(uint64_t when)
{
    for (uint64_t now = stamp(); now < when; now = stamp()) {
        const struct timespec t = { .tv_sec = (time_t)((when - now) / NS_PER_S),
                                    .tv_nsec =
                                        (long)((when - now) % NS_PER_S) };
        nanosleep(&t, NULL);
    }
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

static void send_chunk(int s)
{
    for (size_t done = 0; done < CHUNK;) {
        const ssize_t n = write(s, chunk + done, CHUNK - done);
        if (n <= 0) {
            fail("write");
        }
        done += (size_t)n;
    }
}

static void send_all(int s, uint32_t mib, uint64_t pace_ns)
{
    const uint64_t from = stamp();
    char told = 0;

    for (uint32_t i = 0; i < mib * (MIB / CHUNK); i++) {
        until(from + i * pace_ns);
        send_chunk(s);
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
    const bool is_rounds = row[0] == 'r';
    const uint32_t n = dash == NULL ? 0 : (uint32_t)atoi(dash + 1);

    if (row[0] == 'a') {
        until(n * NS_PER_S);
        return;
    }
    const int s = reach(peer, is_rounds ? WISH_ROUNDS : WISH_STREAM);
    if (is_rounds) {
        go_round(s, WARM_ROUNDS);
    }
    rest(200);
    MARK(MARK_BEGIN);
    const uint64_t from = stamp();
    if (is_rounds) {
        go_round(s, n);
    } else {
        send_all(s, n, row[0] == 'p' ? PACE_NS : 0);
    }
    const uint64_t to = stamp();
    MARK(MARK_END);
    close(s);
    printf("netload: row %s %llu\n", row, (unsigned long long)(to - from));
    rest(200);
}

/* ---- the one that floods ------------------------------------------------- */

static void flood(const char *peer, size_t bytes, uint64_t second)
{
    const struct sockaddr_in a = address(peer, FLOOD_PORT);
    const int s = socket(AF_INET, SOCK_DGRAM, 0);

    until(second * NS_PER_S);
    printf("netload: floods\n");
    fflush(stdout);
    for (;;) {
        (void)sendto(s, chunk, bytes, 0, (const struct sockaddr *)&a,
                     sizeof(a));
    }
}

/* Takes datagrams and drops them. */
static void drain(void)
{
    const struct sockaddr_in a = address(NULL, FLOOD_PORT);
    const int s = socket(AF_INET, SOCK_DGRAM, 0);

    if (bind(s, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        fail("bind");
    }
    for (;;) {
        (void)recv(s, chunk, sizeof(chunk), 0);
    }
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
    } else if (argc == 5 && strcmp(argv[1], "flood") == 0) {
        flood(argv[2], (size_t)atoi(argv[3]), (uint64_t)atoi(argv[4]));
    } else if (argc == 2 && strcmp(argv[1], "drain") == 0) {
        drain();
    } else {
        return 2;
    }
    printf("netload: end\n");
    rest(200);
    return 0;
}
