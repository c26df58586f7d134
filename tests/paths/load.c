/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Debian tenant does while tests/paths counts: as /init, each phase
 * once, between two marks that the plugin knows (a long NOP with a number of
 * our own in it, so that a mark costs nothing and traps nowhere). Then the
 * tenant powers off.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 400
#define PAGE 4096
/* The operand tells the phase; 0 ends it. */
#define MARK(n) __asm__ volatile("nopl 0x52460000+%c0(%%rax)" : : "i"(n))

static void null_call(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        syscall(SYS_getppid);
    }
}

static void page_fault(void)
{
    volatile char *const p =
        mmap(NULL, (size_t)ROUNDS * PAGE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < ROUNDS; i++) {
        p[i * PAGE] = 1;
    }
    munmap((void *)p, (size_t)ROUNDS * PAGE);
}

static void on_signal(int number)
{
    (void)number;
}

static void handle_signal(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        kill(1, SIGUSR1);
    }
}

/* A byte there and back: what sits at each end sleeps meanwhile. */
static int there[2], back[2];

static void pipes_open(void)
{
    char c;

    if (pipe(there) != 0 || pipe(back) != 0) {
        abort();
    }
    if (fork() == 0) {
        close(there[1]);
        while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1) {
        }
        _exit(0);
    }
    close(there[0]);
}

static void pipe_there_and_back(void)
{
    char c = 0;

    for (int i = 0; i < ROUNDS; i++) {
        if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1) {
            abort();
        }
    }
}

static void sleep_shortly(void)
{
    const struct timespec t = { 0, 20000 };

    for (int i = 0; i < ROUNDS / 4; i++) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
    }
}

static void yield(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        syscall(SYS_sched_yield);
    }
}

static void fork_exit(void)
{
    for (int i = 0; i < 8; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
}

#define PHASE(n, function)                                                     \
    do {                                                                       \
        function();                                                            \
        MARK(n);                                                               \
        function();                                                            \
        MARK(0);                                                               \
    } while (0)

int main(void)
{
    signal(SIGUSR1, on_signal);
    PHASE(1, null_call);
    PHASE(2, page_fault);
    PHASE(3, handle_signal);
    pipes_open();
    PHASE(4, pipe_there_and_back);
    PHASE(5, sleep_shortly);
    PHASE(6, yield);
    PHASE(7, fork_exit);
    reboot(RB_POWER_OFF);
    return 0;
}
