/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many consoles on one serial line (docs/console.md).
 *
 * Both directions are a byte stream with one escape, 0xff:
 *
 *   ff ff       one literal 0xff
 *   ff hi lo    what follows belongs to channel hi * 128 + lo, hi and lo < 128
 *
 * Channel n is domain n; channel 0 is selected at the start and carries
 * nothing. Anything else after ff is not the protocol: it is dropped, and the
 * channel stays. The decoder holds no memory and cannot fail.
 */
#ifndef RF_MUX_H
#define RF_MUX_H

#include "core/base.h"

#define MUX_ESCAPE 0xffu
#define MUX_CHANNELS 0x4000u
#define MUX_BYTES_MAX 5u /* one byte of data, with a change of channel */

enum mux_state { MUX_DATA, MUX_AFTER_ESCAPE, MUX_AFTER_HIGH };

struct mux_decoder {
    enum mux_state state;
    u32 high;
    u32 channel;
};

struct mux_encoder {
    u32 channel;
};

/* True: *out is a byte of decoder->channel. False: the byte was framing. */
bool mux_decode(struct mux_decoder *decoder, u8 byte, u8 *out) MUST_CHECK;

/* Bytes put into out for one byte of a channel. */
size_t mux_encode(struct mux_encoder *encoder, u32 channel, u8 byte,
                  u8 out[MUX_BYTES_MAX]) MUST_CHECK;

#endif
