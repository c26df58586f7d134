/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompression of kernel images, all formats Linux can be packed with but
 * LZO. The input is hostile: output stops at the size the container promises,
 * or at FLAT_BYTES_MAX when it promises none, and what is short or long of a
 * promised size is an error, as that is the one check LZ4 has.
 */
#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "rf/rf.h"

#define LZ4_BLOCK_BYTES (8u << 20) /* of the legacy frame */
#define LZ4_MAGIC 0x184c2102u
#define XZ_MEMORY_MAX (512ull << 20)
#define STEP_BYTES (1u << 20)

static const struct {
    const char *name;
    u8 magic[6];
    u8 magic_bytes;
} formats[PACK_COUNT] = {
    [PACK_NONE] = { "plain", { 0x7f, 'E', 'L', 'F' }, 4 },
    [PACK_GZIP] = { "gzip", { 0x1f, 0x8b }, 2 },
    [PACK_XZ] = { "XZ", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6 },
    [PACK_LZMA] = { "LZMA", { 0x5d, 0, 0 }, 3 },
    [PACK_BZIP2] = { "bzip2", { 'B', 'Z', 'h' }, 3 },
    [PACK_LZ4] = { "LZ4", { 0x02, 0x21, 0x4c, 0x18 }, 4 },
    [PACK_ZSTD] = { "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4 },
    [PACK_LZO] = { "LZO", { 0x89, 'L', 'Z', 'O' }, 4 },
};

/* Output that grows up to a limit. The room is one byte more than the limit,
 * so that too much output is seen as such. */
struct sink {
    u8 *data;
    size_t used;
    size_t room;
    u64 limit;
};

const char *packing_name(enum packing packing)
{
    return packing < PACK_COUNT ? formats[packing].name : "unknown";
}

enum packing packing_detect(const u8 *data, size_t bytes)
{
    for (unsigned i = 0; i < PACK_COUNT; i++) {
        if (bytes >= formats[i].magic_bytes &&
            memcmp(data, formats[i].magic, formats[i].magic_bytes) == 0) {
            return (enum packing)i;
        }
    }
    return PACK_COUNT;
}

/* Make room for some more; false at the limit. */
static bool sink_open(struct sink *sink)
{
    if (sink->used > sink->limit) {
        return false;
    }
    if (sink->used == sink->room) {
        u64 room = sink->room < STEP_BYTES ? STEP_BYTES : 2 * (u64)sink->room;
        if (room > sink->limit + 1) {
            room = sink->limit + 1;
        }
        sink->data = mem_grow(sink->data, (size_t)room, 1);
        sink->room = (size_t)room;
    }
    return true;
}

static size_t sink_step(const struct sink *sink)
{
    const size_t room = sink->room - sink->used;

    return room < STEP_BYTES ? room : STEP_BYTES;
}

static const char damaged[] = "the compressed data is damaged";
static const char too_long[] = "it unpacks to more than it says or may";
static const char too_short[] = "the compressed data ends too early";

static const char *unpack_gzip(struct blob in, struct sink *sink)
{
    z_stream z = { .next_in = in.data, .avail_in = (uInt)in.bytes };
    int rc = inflateInit2(&z, 15 + 16);

    if (in.bytes > UINT32_MAX || rc != Z_OK) {
        return "it cannot be unpacked";
    }
    while (rc == Z_OK && sink_open(sink)) {
        const size_t step = sink_step(sink);
        z.next_out = sink->data + sink->used;
        z.avail_out = (uInt)step;
        rc = inflate(&z, Z_NO_FLUSH);
        sink->used += step - z.avail_out;
        progress_tick(in.bytes - z.avail_in, in.bytes);
    }
    const bool is_starved = z.avail_in == 0;
    inflateEnd(&z);
    if (rc == Z_STREAM_END) {
        return NULL;
    }
    if (rc == Z_OK) {
        return too_long;
    }
    return rc == Z_BUF_ERROR && is_starved ? too_short : damaged;
}

static const char *unpack_xz(struct blob in, struct sink *sink, bool is_alone)
{
    lzma_stream z = LZMA_STREAM_INIT;
    lzma_ret rc = is_alone ? lzma_alone_decoder(&z, XZ_MEMORY_MAX)
                           : lzma_stream_decoder(&z, XZ_MEMORY_MAX, 0);

    z.next_in = in.data;
    z.avail_in = in.bytes;
    while (rc == LZMA_OK && sink_open(sink)) {
        const size_t step = sink_step(sink);
        z.next_out = sink->data + sink->used;
        z.avail_out = step;
        rc = lzma_code(&z, LZMA_FINISH);
        sink->used += step - z.avail_out;
        progress_tick(in.bytes - z.avail_in, in.bytes);
    }
    const bool is_starved = z.avail_in == 0;
    lzma_end(&z);
    switch (rc) {
    case LZMA_STREAM_END:
        return NULL;
    case LZMA_OK:
        return too_long;
    case LZMA_BUF_ERROR:
        return is_starved ? too_short : damaged;
    case LZMA_MEMLIMIT_ERROR:
        return "it needs more than 512 MiB to unpack";
    default:
        return damaged;
    }
}

static const char *unpack_bzip2(struct blob in, struct sink *sink)
{
    bz_stream z = { .next_in = (char *)in.data,
                    .avail_in = (unsigned)in.bytes };
    int rc = BZ2_bzDecompressInit(&z, 0, 0);

    if (in.bytes > UINT32_MAX || rc != BZ_OK) {
        return "it cannot be unpacked";
    }
    while (rc == BZ_OK && sink_open(sink)) {
        const size_t step = sink_step(sink);
        z.next_out = (char *)sink->data + sink->used;
        z.avail_out = (unsigned)step;
        rc = BZ2_bzDecompress(&z);
        sink->used += step - z.avail_out;
        progress_tick(in.bytes - z.avail_in, in.bytes);
        if (rc == BZ_OK && z.avail_in == 0 && z.avail_out == step) {
            break; /* no progress: it waits for input that is not there */
        }
    }
    const bool is_starved = z.avail_in == 0;
    BZ2_bzDecompressEnd(&z);
    if (rc == BZ_STREAM_END) {
        return NULL;
    }
    if (rc != BZ_OK) {
        return damaged;
    }
    return is_starved ? too_short : too_long;
}

static const char *unpack_zstd(struct blob in, struct sink *sink)
{
    ZSTD_DStream *const z = ZSTD_createDStream();
    ZSTD_inBuffer from = { in.data, in.bytes, 0 };
    const char *wrong = too_long;

    if (z == NULL) {
        return "out of memory";
    }
    /* Linux packs with windows of up to 128 MiB. */
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);
    while (sink_open(sink)) {
        ZSTD_outBuffer to = { sink->data + sink->used, sink_step(sink), 0 };
        const size_t rc = ZSTD_decompressStream(z, &to, &from);
        sink->used += to.pos;
        progress_tick(from.pos, from.size);
        if (ZSTD_isError(rc)) {
            wrong = damaged;
            break;
        }
        if (rc == 0) {
            wrong = NULL;
            break;
        }
        if (from.pos == from.size && to.pos < to.size) {
            wrong = too_short;
            break;
        }
    }
    ZSTD_freeDStream(z);
    return wrong;
}

static u32 load32(const u8 *at)
{
    return (u32)at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24;
}

/* The legacy frame: the magic, then blocks of a size and LZ4 data that unpack
 * to 8 MiB each, the last to less. */
static const char *unpack_lz4(struct blob in, struct sink *sink)
{
    u8 *const block = mem_alloc(LZ4_BLOCK_BYTES);
    const char *wrong = NULL;
    size_t at = 4;

    while (wrong == NULL && at < in.bytes) {
        if (in.bytes - at < 4) {
            wrong = too_short;
            break;
        }
        const u32 packed = load32(in.data + at);
        at += 4;
        if (packed == LZ4_MAGIC) {
            continue; /* frames may follow each other */
        }
        if (packed > in.bytes - at) {
            wrong = too_short;
            break;
        }
        const int n =
            LZ4_decompress_safe((const char *)in.data + at, (char *)block,
                                (int)packed, (int)LZ4_BLOCK_BYTES);
        if (n <= 0) {
            wrong = damaged;
            break;
        }
        at += packed;
        progress_tick(at, in.bytes);
        for (size_t done = 0; done < (size_t)n;) {
            if (!sink_open(sink)) {
                wrong = too_long;
                break;
            }
            size_t step = sink_step(sink);
            step = step < (size_t)n - done ? step : (size_t)n - done;
            memcpy(sink->data + sink->used, block + done, step);
            sink->used += step;
            done += step;
        }
    }
    free(block);
    return wrong;
}

static const char *unpack_plain(struct blob in, struct sink *sink)
{
    free(sink->data);
    sink->data = mem_alloc(in.bytes);
    memcpy(sink->data, in.data, in.bytes);
    sink->used = in.bytes;
    return in.bytes > sink->limit ? too_long : NULL;
}

static const char *unpack_any(enum packing packing, struct blob in,
                              struct sink *sink)
{
    switch (packing) {
    case PACK_NONE:
        return unpack_plain(in, sink);
    case PACK_GZIP:
        return unpack_gzip(in, sink);
    case PACK_XZ:
        return unpack_xz(in, sink, false);
    case PACK_LZMA:
        return unpack_xz(in, sink, true);
    case PACK_BZIP2:
        return unpack_bzip2(in, sink);
    case PACK_LZ4:
        return unpack_lz4(in, sink);
    case PACK_ZSTD:
        return unpack_zstd(in, sink);
    case PACK_LZO:
    case PACK_COUNT:
    default:
        return "unknown compression";
    }
}

bool unpack(enum packing packing, struct blob in, u64 expected,
            struct blob *out, struct fault *fault)
{
    struct sink sink = { .limit = expected != 0 ? expected : FLAT_BYTES_MAX };

    if (expected > FLAT_BYTES_MAX) {
        return fault_set(fault,
                         "it says that it unpacks to %llu bytes, "
                         "more than the limit of %llu",
                         (unsigned long long)expected,
                         (unsigned long long)FLAT_BYTES_MAX);
    }
    const char *const wrong = unpack_any(packing, in, &sink);
    if (wrong != NULL) {
        free(sink.data);
        return fault_set(fault, "%s", wrong);
    }
    if (sink.used > sink.limit || (expected != 0 && sink.used != expected)) {
        free(sink.data);
        return fault_set(fault,
                         "it unpacks to %zu bytes where its header says %llu",
                         sink.used, (unsigned long long)sink.limit);
    }
    out->data = sink.data;
    out->bytes = sink.used;
    return true;
}
