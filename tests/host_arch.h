/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for the tests and fuzzers: core/arch.h on a host, with oracles.
 *
 * Machine memory is an arena of host_frames frames; the frame table covers all
 * of it. The first HOST_POOL_CHUNKS chunks are the hypervisor's, domains get
 * theirs after them. One thread is all CPUs: a test sets host.cpu and
 * host.current before it calls in.
 *
 * Guest memory: an address in [HOST_GUEST_BASE, + HOST_GUEST_BYTES) is a plain
 * buffer of the test (host_guest); any other address is looked up in the page
 * tables of the current vCPU, with its rights.
 *
 * What the machine checks by itself, by host_fail:
 *   - no lock is held while guest memory is copied
 *   - page tables are touched only while they are mapped in the window
 *   - a frame that is a live table is not written through a temporary slot
 *   - copies stay inside a frame
 *   - hypervisor memory is touched only where it was given out (by ASan)
 *   - arch_panic is not called, unless the test expects it (host_expect_panic)
 */
#ifndef TESTS_HOST_ARCH_H
#define TESTS_HOST_ARCH_H

#include <setjmp.h>

#include "core/abi.h"
#include "core/domain.h"
#include "core/frame.h"
#include "core/vcpu.h"

#define HOST_POOL_CHUNKS 16u
#define HOST_CHUNKS 64u
#define HOST_FRAMES (HOST_CHUNKS * CHUNK_FRAMES)
#define HOST_GUEST_BASE 0x40000000ull
#define HOST_GUEST_BYTES 0x100000u
#define HOST_CONSOLE_BYTES 65536u
#define HOST_DOMAINS 8u

struct host_console {
    u8 bytes[HOST_CONSOLE_BYTES]; /* what went out, from the first byte on */
    u64 count;                    /* all that went out */
};

struct host {
    u32 cpu;              /* arch_cpu */
    struct vcpu *current; /* arch_current */
    ns_t now;             /* arch_now */
    u64 tlb_clock;
    u64 tlb_seen[CPU_MAX]; /* clock at each CPU's last full flush */
    u64 flushes;           /* flush requests made */
    u64 flush_cpus;        /* of the last one */
    u64 flush_va;          /* the page, or U64_MAX */
    u64 slot_pte;          /* what the hypervisor's slots of L4 tables hold */
    u32 kicks[CPU_MAX];
    u32 rescheds;
    ns_t timer_at; /* last arch_timer_arm */
    u32 off_code;  /* arch_machine_off, by host_expect_panic's jump */
    u32 root_loads;
    u32 time_publishes;
    u32 runstate_publishes;
    u32 log_lines;
    u64 audit_bytes;   /* taken by the audit port */
    u32 audit_at_most; /* it takes so many at a time; 0: all */
    bool audit_stuck;  /* it takes none */
    bool has_tpm;      /* a seal takes it five steps */
    u32 tpm_steps;
    u8 pcr[32];
    bool may_wait; /* arch_relax lets a millisecond pass */
    struct host_console console[HOST_DOMAINS];
    u32 line_room; /* arch_console_write takes so many bytes more, if line_full
                    */
    bool line_full;
    const char *typed; /* what arch_console_read brings; NULL: nothing */
    /* Called before each read of memory that a guest can write: the place
     * where another CPU of the guest changes it. */
    void (*on_guest_read)(void);
    u64 read_va;        /* in it: the read is of read_bytes bytes there; */
    u64 read_bytes;     /* 0: it is of a frame */
    u32 swaps_raced;    /* so many exchanges of entries find other A bits */
    bool l1tf_affected; /* arch_l1tf_affected */
    u32 fetch_fails_at; /* the n-th copy from now fails; 0: none */
    u32 boot_fails_at;  /* the n-th arch_boot_*, arch_domain_tables fails */
    u32 copies;         /* copies from and to guest memory */
    u32 x86_calls;      /* handlers of x86/ called: host_calls.c */
    u32 x86_row;        /* the last of them */
};

extern struct host host;

/* The first bytes that the audit port took. */
#define HOST_AUDIT_BYTES 0x100000u
extern u8 host_audit[HOST_AUDIT_BYTES];

/* The machine's memory, for whoever saves and restores it as a whole. */
struct host_memory {
    u8 *arena; /* frame n at n pages */
    struct frame *frames;
    bool *window;
    u8 *guest;
    u64 pool_next;                               /* first unused one */
    bool guard[HOST_POOL_CHUNKS * CHUNK_FRAMES]; /* behind allocations */
    u64 dirty[HOST_FRAMES / 64];                 /* perhaps written */
    bool guest_dirty[HOST_GUEST_BYTES / PAGE_BYTES];
};

extern struct host_memory host_memory;
/* Sizes from the next host_reset on: at most HOST_POOL_CHUNKS, HOST_CHUNKS. */
extern u32 host_pool_chunks;
extern u32 host_chunks;
/* Frame m may be written without this machine's knowing. */
void host_touch(mfn_t m);

/* Forget everything: a machine after reset. Call it in each test's setup. */
void host_reset(void);
/* Its part for the memory. */
void host_memory_reset(void);

/* A RUNNING domain with vCPUs UP, ports and grant table ready, and its first
 * frames PLAIN, pfn n being its n-th frame. Numbers are 1..HOST_DOMAINS-1. */
extern u32 host_port_count, host_grant_frames, host_map_count; /* of each */
struct domain *host_domain(domid_t id, u64 frames, u32 vcpus);
/* v's registers are now in this CPU. */
void host_run(struct vcpu *v);

/* Frames from 0 on that were ever given out: all, and the hypervisor's own. */
u64 host_memory_used(void);
u64 host_pool_used(void);

/* The n-th frame of d, and its contents. */
mfn_t host_mfn(const struct domain *d, u64 pfn_number);
void *host_frame(mfn_t m);
u64 *host_table(mfn_t m);
/* The test's guest buffer, at HOST_GUEST_BASE + offset. */
void *host_guest(u32 offset);

/* A call in progress by v. */
struct hc_call host_call(struct vcpu *v, u64 arg0, u64 arg1, u64 arg2);

/* Give v a root with one L1 table under va, all through the frame machine:
 * frames l4_pfn .. l4_pfn + 3 of its domain become L4, L3, L2, L1. The result
 * is the L1 table. */
mfn_t host_build_root(struct vcpu *v, u64 va, u64 l4_pfn);

/* Every count of d's frames is what its holders say, or host_fail. */
void host_recount(struct domain *d);

/* Number of locks of all domains that are held. */
u32 host_locks_held(void);

void host_fail(const char *what) NO_RETURN;

/* if (host_expect_panic()) { code that must panic; fail(); } */
extern jmp_buf host_panic_jump;
extern bool host_panic_expected;
#define host_expect_panic()                                                    \
    (host_panic_expected = true, setjmp(host_panic_jump) == 0)

#endif
