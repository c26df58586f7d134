/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of switches between processes, and of what they send each other.
 *
 * A switch is measured as lmbench does it: processes in a ring pass a byte on
 * through pipes, each adding up an array of its own before; what the pipes and
 * the array cost without a switch is measured in a row of its own (self_*) and
 * taken off later. In set_up(), arg is processes * 1000 + KiB of the array.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guests/bench/bench.h"

#define MEMBERS_MAX 16
#define ARRAY_MAX (64u << 10)
#define CHUNK (64u << 10)

static int in_fd;  /* of this process */
static int out_fd; /* likewise */
static pid_t child[MEMBERS_MAX];
static int child_count;
static size_t array_bytes;
static uint64_t array[ARRAY_MAX / sizeof(uint64_t)];
static volatile uint64_t sum_sink;

static void pass_on(void)
{
    char byte;
    uint64_t sum = 0;

    if (read(in_fd, &byte, 1) != 1) {
        _exit(0);
    }
    for (size_t i = 0; i < array_bytes / sizeof(array[0]); i++) {
        sum += array[i];
    }
    sum_sink = sum;
    if (write(out_fd, &byte, 1) != 1) {
        _exit(0);
    }
}

/* A child that does `serve` until its end of the line is closed. */
static void start_child(int in, int out, void (*serve)(void))
{
    const pid_t pid = fork();

    need(pid >= 0, "fork");
    if (pid == 0) {
        in_fd = in;
        out_fd = out;
        memset(array, 0, array_bytes);
        for (;;) {
            serve();
        }
    }
    child[child_count++] = pid;
}

static void make_ring(int arg)
{
    const int members = arg / 1000;
    int fd[MEMBERS_MAX][2];

    array_bytes = (size_t)(arg % 1000) << 10;
    memset(array, 0, array_bytes);
    child_count = 0;
    for (int i = 0; i < members; i++) {
        need(pipe(fd[i]) == 0, "pipe");
    }
    /* Member i reads pipe i and writes the next; we are the first. */
    for (int i = 1; i < members; i++) {
        start_child(fd[i][0], fd[(i + 1) % members][1], pass_on);
    }
    in_fd = fd[0][0];
    out_fd = fd[1 % members][1];
}

static void end_children(void)
{
    for (int i = 0; i < child_count; i++) {
        kill(child[i], SIGKILL);
        waitpid(child[i], NULL, 0);
    }
    for (int fd = 3; fd < 64; fd++) {
        close(fd);
    }
}

/* `times` is in rounds: a round is a switch for each member. */
static void run_ring(uint32_t times)
{
    char byte = 0;

    need(write(out_fd, &byte, 1) == 1, "write");
    while (--times != 0) {
        pass_on();
    }
    need(read(in_fd, &byte, 1) == 1, "read");
}

/* ---- one byte there and back -------------------------------------------- */

static void run_trip(uint32_t times)
{
    char byte = 0;

    while (times-- != 0) {
        need(write(out_fd, &byte, 1) == 1, "write");
        need(read(in_fd, &byte, 1) == 1, "read");
    }
}

static void make_pair(int arg)
{
    int fd[2];

    (void)arg;
    array_bytes = 0;
    child_count = 0;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "socketpair");
    start_child(fd[1], fd[1], pass_on);
    in_fd = fd[0];
    out_fd = fd[0];
}

static void loopback_up(int mtu)
{
    struct ifreq request = { .ifr_name = "lo" };
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);

    request.ifr_flags = IFF_UP;
    need(ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo");
    request.ifr_mtu = mtu;
    need(ioctl(fd, SIOCSIFMTU, &request) == 0, "mtu");
    close(fd);
}

static void connect_tcp(int mtu, void (*serve)(void))
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    const int on = 1;

    loopback_up(mtu);
    array_bytes = 0;
    child_count = 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    need(bind(listener, (struct sockaddr *)&address, length) == 0, "bind");
    need(listen(listener, 1) == 0, "listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    const int near = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(near, (struct sockaddr *)&address, length) == 0, "connect");
    const int far = accept(listener, NULL, NULL);
    need(far >= 0, "accept");
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    start_child(far, far, serve);
    in_fd = near;
    out_fd = near;
}

static void make_tcp(int mtu)
{
    connect_tcp(mtu, pass_on);
}

/* ---- a MiB one way, and a byte back ------------------------------------- */

static char chunk[CHUNK];

static void swallow(void)
{
    size_t had = 0;

    while (had < 1u << 20) {
        const ssize_t n = read(in_fd, chunk, sizeof(chunk));
        if (n <= 0) {
            _exit(0);
        }
        had += (size_t)n;
    }
    if (write(out_fd, chunk, 1) != 1) {
        _exit(0);
    }
}

static void make_stream(int mtu)
{
    connect_tcp(mtu, swallow);
}

static void run_stream(uint32_t times)
{
    while (times-- != 0) {
        for (uint32_t sent = 0; sent < 1u << 20; sent += CHUNK) {
            need(write(out_fd, chunk, CHUNK) == CHUNK, "write");
        }
        need(read(in_fd, chunk, 1) == 1, "read");
    }
}

const struct row switch_rows[] = {
    { "self_0k", 5000, false, 1000, make_ring, run_ring, end_children, NULL },
    { "self_16k", 2000, false, 1016, make_ring, run_ring, end_children, NULL },
    { "self_64k", 1000, false, 1064, make_ring, run_ring, end_children, NULL },
    { "ring_2p_0k", 2500, false, 2000, make_ring, run_ring, end_children,
      NULL },
    { "ring_2p_16k", 1000, false, 2016, make_ring, run_ring, end_children,
      NULL },
    { "ring_2p_64k", 500, false, 2064, make_ring, run_ring, end_children,
      NULL },
    { "ring_8p_16k", 250, false, 8016, make_ring, run_ring, end_children,
      NULL },
    { "ring_8p_64k", 125, false, 8064, make_ring, run_ring, end_children,
      NULL },
    { "ring_16p_16k", 125, false, 16016, make_ring, run_ring, end_children,
      NULL },
    { "ring_16p_64k", 64, false, 16064, make_ring, run_ring, end_children,
      NULL },
    { "pipe", 2500, false, 2000, make_ring, run_trip, end_children, NULL },
    { "unix", 2500, false, 0, make_pair, run_trip, end_children, NULL },
    { "tcp", 2000, false, 65536, make_tcp, run_trip, end_children, NULL },
    { "tcp_mib_1500", 20, false, 1500, make_stream, run_stream, end_children,
      NULL },
    { "tcp_mib_500", 10, false, 500, make_stream, run_stream, end_children,
      NULL },
    { 0 },
};
