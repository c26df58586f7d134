/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM; see tpm.h. */
#include "x86/tpm.h"

#include "core/arch.h"
#include "x86/image.h"
#include "x86/paging.h"

#define TPM_ADDRESS 0xfed40000u /* of its locality 0 */
#define TPM_PCR 15u
#define REG_ACCESS 0u
#define REG_STATUS 0x18u
#define REG_FIFO 0x24u
#define ACCESS_REQUEST 0x02u
#define ACCESS_OURS 0xa0u /* valid, active */
#define STATUS_READY 0x40u
#define STATUS_GO 0x20u
#define STATUS_ANSWER 0x90u /* valid, data */
#define HEAD_BYTES 33u
#define DIGEST_BYTES 32u
#define ANSWER_BYTES 10u
#define PATIENCE_NS 2000000000ull

static volatile u8 *tpm SEALED;
static enum { GONE, IDLE, CLAIM, WAKE, SEND, TAKE } state;
static u32 done; /* bytes of the command or of the answer */
static ns_t until;

/* TPM2_PCR_Extend(15) with an empty password, one digest of SHA-256. */
static const u8 head[HEAD_BYTES] = {
    0x80, 2,       0,   0,    0, HEAD_BYTES + 32,
    0,    0,       1,   0x82, 0, 0,
    0,    TPM_PCR, 0,   0,    0, 9,
    0x40, 0,       0,   9,    0, 0,
    0,    0,       0,   0,    0, 0,
    1,    0,       0x0b
};

void tpm_init(const struct acpi_info *a)
{
    if (a->has_tpm) {
        tpm = paging_map_device(TPM_ADDRESS, PAGE_BYTES);
        state = IDLE;
    }
}

u32 arch_tpm_pcr(void)
{
    return state == GONE ? 0 : TPM_PCR;
}

/* The next bytes of the command, or of the answer: its last four of ten are a
 * code, 0 for success. As many as the device has room for now. */
static void move_bytes(const u8 *digest, u32 count)
{
    for (; count > 0 && state == SEND && done < HEAD_BYTES + DIGEST_BYTES;
         count--, done++) {
        tpm[REG_FIFO] =
            done < HEAD_BYTES ? head[done] : digest[done - HEAD_BYTES];
    }
    for (; count > 0 && state == TAKE && done < ANSWER_BYTES; count--, done++) {
        if (tpm[REG_FIFO] != 0 && done >= ANSWER_BYTES - 4) {
            until = 0;
        }
    }
}

bool arch_tpm_extend(const u8 digest[32])
{
    if (state == GONE) {
        return true;
    }
    const u32 status = *(volatile u32 *)(volatile void *)(tpm + REG_STATUS);

    if (state == IDLE) {
        until = arch_now() + PATIENCE_NS;
        done = 0;
        tpm[REG_ACCESS] = ACCESS_REQUEST;
        state = CLAIM;
    } else if (state == CLAIM &&
               (tpm[REG_ACCESS] & ACCESS_OURS) == ACCESS_OURS) {
        tpm[REG_STATUS] = STATUS_READY;
        state = WAKE;
    } else if (state == WAKE && (status & STATUS_READY) != 0) {
        state = SEND;
    } else if (state == SEND && done < HEAD_BYTES + DIGEST_BYTES) {
        move_bytes(digest, status >> 8 & 0xffff);
    } else if (state == SEND) {
        tpm[REG_STATUS] = STATUS_GO;
        done = 0;
        state = TAKE;
    } else if (state == TAKE && (status & STATUS_ANSWER) == STATUS_ANSWER) {
        move_bytes(NULL, status >> 8 & 0xffff);
        state = done == ANSWER_BYTES ? IDLE : TAKE;
        tpm[REG_STATUS] = state == IDLE ? STATUS_READY : 0;
    }
    if (arch_now() > until) {
        state = GONE;
        arch_log("audit: the TPM does not take a seal: given up\n");
    }
    return state == IDLE || state == GONE;
}
