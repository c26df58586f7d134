/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `rf run`: one QEMU, its three serial lines, the operator's terminal.
 *
 *   COM1  text of the host           read only
 *   COM2  consoles of all tenants    both ways, framed (rf/mux.h)
 *   COM3  audit records              read only
 *
 * Each line is a pipe (COM2: two) whose other end QEMU inherits, so nothing is
 * left in the file system. One thread, one poll loop (run_loop.c). Two faces
 * show what arrives: run_plain.c prints whole lines with the tenant's name in
 * front and run_type.c types for the absent operator; run_tty.c shows one
 * console at a time. What a tenant printed reaches either only through
 * rf/filter.h.
 */
#ifndef RF_RUN_H
#define RF_RUN_H

#include <sys/types.h>

#include "rf/filter.h"
#include "rf/mux.h"
#include "rf/rf.h"

#define LINE_BYTES 4096u
#define HISTORY_BYTES 16384u
#define TYPED_BYTES_MAX 65536u
#define CHANNELS_MAX (MF_DOMAINS_MAX + 1)

/* Answers of `rf run` beyond enum exit_code. */
#define RUN_HOST_PANIC 5
#define RUN_TIMEOUT 124

struct run_options {
    u32 timeout_s; /* 0: none */
    u32 smp;
    u32 threads;    /* of a core; divides smp */
    u32 memory_mib; /* 0: computed from the tenants */
    bool is_icount;
    bool is_gdb;
    bool is_iso;
    bool is_uefi;
    bool is_kvm;
    bool is_frames;
    bool is_quiet;
    bool no_domain0;
    const char *cpu;
    const char *machine;
    const char *serial_log;
    const char *audit_log;
    const char *audit_key;
    const char *hypervisor;
    const char *tpm;     /* swtpm's folder or socket; NULL: no TPM */
    const char *control; /* path of the control socket, or NULL: ours */
    const char *module;  /* boot this one, damaged or not, instead of packing */
    char **files;
    size_t file_count;
};

/* ---- run_machine.c: the QEMU process ---- */

struct machine {
    pid_t pid;
    int host; /* our ends of the serial lines; -1 once closed */
    int mux;  /* what the consoles print */
    int keys; /* what is typed; blocks never */
    int audit;
    int errors;       /* what QEMU itself complains */
    char scratch[64]; /* folder with module and image */
    char *tpm;        /* control socket, or NULL */
};

bool machine_scratch(struct machine *machine, struct fault *fault) MUST_CHECK;
/* Boot `module` (and the hypervisor, unless it is in the module's ISO). */
bool machine_start(struct machine *machine, const struct run_options *options,
                   const char *module, u32 memory_mib,
                   struct fault *fault) MUST_CHECK;
/* Ends QEMU if it still runs; answers its wait status. */
int machine_stop(struct machine *machine);

/* ---- run_tpm.c ---- */

/* The control socket of the TPM of that path, which is started if need be.
 * Released by free. */
bool tpm_find(const char *path, char **control, struct fault *fault) MUST_CHECK;

/* ---- run_loop.c ---- */

/* One tenant's console, or the host's text (channel 0). */
struct channel {
    char name[MF_NAME_BYTES];
    struct filter lines;
    struct filter terminal;
    /* The line being put together. */
    char line[LINE_BYTES];
    size_t line_length;
    s64 line_ms;        /* when it last grew */
    bool line_is_shown; /* as it is now */
    /* The typist's place in the script. */
    size_t typed;
    bool prompt_is_used; /* it typed on this line already */
    /* What the terminal shows on return. */
    u8 history[HISTORY_BYTES];
    size_t history_end;
    size_t history_bytes;
};

struct script_line {
    char *to; /* one tenant, or NULL: all */
    char *text;
};

struct script {
    struct script_line *line;
    size_t count;
    char pending[LINE_BYTES]; /* of stdin, without its newline yet */
    size_t pending_bytes;
};

/* The control socket and its present client. */
struct control {
    int listen;
    int client; /* -1: none */
    char path[108];
    u8 *back; /* bytes for the client */
    size_t back_bytes;
    bool is_answering;  /* a request went out, its answer has not ended */
    bool is_line_empty; /* of the answer, so far */
    s64 deaf_until_ms;
};

struct run {
    const struct run_options *options;
    struct machine machine;
    struct control control;
    struct channel *channel; /* 0: host; k: domain k */
    u32 channel_count;
    struct mux_decoder decoder;
    struct mux_encoder encoder;
    struct script script;
    u8 *out; /* framed bytes that COM2 did not take yet */
    size_t out_bytes;
    FILE *serial_log;
    FILE *audit_log;
    bool is_tty;
    bool stdin_is_open;
    bool is_quit; /* the operator asked for the end */
    u32 shown;    /* channel on the terminal */
    bool prefix_is_seen;
};

s64 run_now_ms(void);
/* Until QEMU has closed its lines, the time is over, or the operator ends it.
 * Answers 0, RUN_TIMEOUT, or 128 + a signal's number. */
int run_loop(struct run *run);
/* Queue bytes for a tenant's console; too many are dropped, and false. */
bool run_send(struct run *run, u32 channel, const u8 *bytes, size_t count);

/* ---- run_control.c: the control socket ---- */

bool control_open(struct run *run, const char *wanted,
                  struct fault *fault) MUST_CHECK;
void control_close(struct run *run);
bool control_is_free(const struct run *run);
bool control_has_room(const struct run *run);
void control_accept(struct run *run);
void control_read(struct run *run);
void control_write(struct run *run);
/* A byte of channel 0. */
void control_byte(struct run *run, u8 byte);

/* ---- run_plain.c ---- */

void plain_byte(struct run *run, u32 channel, u8 byte);
/* Show lines that have waited; answers the time until the next one, or -1. */
int plain_tick(struct run *run);
void plain_finish(struct run *run);

/* ---- run_type.c ---- */

void type_input(struct run *run, const u8 *bytes, size_t count);
void type_end_of_input(struct run *run);
void type_tick(struct run *run);
void type_free(struct script *script);

/* ---- run_tty.c ---- */

bool tty_begin(struct run *run) MUST_CHECK;
void tty_end(void);
void tty_byte(struct run *run, u32 channel, u8 byte);
void tty_key(struct run *run, u8 byte);
void tty_flush(struct run *run);

#endif
