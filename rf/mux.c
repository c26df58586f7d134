/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console multiplexer's framing: see mux.h.
 */
#include "rf/mux.h"

bool mux_decode(struct mux_decoder *decoder, u8 byte, u8 *out)
{
    switch (decoder->state) {
    case MUX_AFTER_ESCAPE:
        if (byte == MUX_ESCAPE) {
            decoder->state = MUX_DATA;
            *out = byte;
            return true;
        }
        decoder->state = byte < 128 ? MUX_AFTER_HIGH : MUX_DATA;
        decoder->high = byte;
        return false;
    case MUX_AFTER_HIGH:
        /* An escape here means that a byte got lost: start over with it. */
        if (byte == MUX_ESCAPE) {
            decoder->state = MUX_AFTER_ESCAPE;
            return false;
        }
        decoder->state = MUX_DATA;
        if (byte < 128) {
            decoder->channel = decoder->high * 128 + byte;
        }
        return false;
    case MUX_DATA:
    default:
        if (byte == MUX_ESCAPE) {
            decoder->state = MUX_AFTER_ESCAPE;
            return false;
        }
        *out = byte;
        return true;
    }
}

size_t mux_encode(struct mux_encoder *encoder, u32 channel, u8 byte,
                  u8 out[MUX_BYTES_MAX])
{
    size_t count = 0;

    if (channel != encoder->channel) {
        out[count++] = MUX_ESCAPE;
        out[count++] = (u8)(channel / 128 % 128);
        out[count++] = (u8)(channel % 128);
        encoder->channel = channel;
    }
    out[count++] = byte;
    if (byte == MUX_ESCAPE) {
        out[count++] = MUX_ESCAPE;
    }
    return count;
}
