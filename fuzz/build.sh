#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
# Build all fuzz targets as OSS-Fuzz and ClusterFuzzLite want them: their
# compilers and flags, their engine, everything into $OUT: the target, its
# stored corpus and its options. Used by .clusterfuzzlite, by the OSS-Fuzz
# project of fuzz/oss-fuzz and by fuzz/contract.
: "${CC:?}" "${CXX:?}" "${OUT:?}" "${LIB_FUZZING_ENGINE:?}"
cd "$(dirname "$0")/.."
work=${WORK:-build/oss}
mkdir -p "$work" "$OUT"
make --no-print-directory -j"${JOBS:-$(nproc)}" B="$work" fuzz-build-oss \
    OSS_CC="$CC" OSS_CXX="$CXX" OSS_CFLAGS="${CFLAGS:-}" \
    OSS_CXXFLAGS="${CXXFLAGS:-}" OSS_ENGINE="$LIB_FUZZING_ENGINE"
for target in $(awk -F'[^a-z_0-9]+' '/^TARGET/ { print $2 }' fuzz/targets.def)
do
    cp "$work/fuzz-oss/$target" "$OUT/$target"
    if [ -e "fuzz/corpus/$target.zip" ]; then
        cp "fuzz/corpus/$target.zip" "$OUT/${target}_seed_corpus.zip"
    fi
    length=$(python3 -c "import sys; sys.path.insert(0, 'fuzz')
import fuzzlib as fz
print(*[fz.max_len(n, f) for n, f, _ in fz.targets('$target')])")
    printf '[libfuzzer]\nmax_len = %s\ntimeout = 20\n' "$length" \
        > "$OUT/$target.options"
    if [ "$target" = cfg ]; then
        cp fuzz/cfg.dict "$OUT/cfg.dict"
    fi
done
