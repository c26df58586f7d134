#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What rf answers, compared with stored text (tests/golden/rf), and what it
# packs, compared with the format. Prints one line a test and `N passed,
# N failed`; exit 1 when one failed.
#
#   tests/rf_golden.sh [--accept]     RF=build/rf CC=gcc
#
# --accept stores the answers of now; read the diff before you commit it.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
rf=$(realpath "${RF:-$top/build/rf}")
golden=$top/tests/golden/rf
accept=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C NO_COLOR=1
passed=0
failed=0

result() { # 0 or not, name
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        echo "ok $((passed + failed)) - $2"
    else
        failed=$((failed + 1))
        echo "not ok $((passed + failed)) - $2"
    fi
}

# Kernels: one good, many wrong, and the good one in every packing.
"${CC:-gcc}" -o "$work/mkkernel" "$golden/mkkernel.c" || exit 3
"${CC:-gcc}" -std=gnu11 -I"$top" -o "$work/mkaudit" "$golden/mkaudit.c" \
    "$top"/audit/*.c || exit 3
mkdir "$work/t"
cd "$work/t" || exit 3
cp "$golden"/*.cfg "$golden"/*.pcap .
for kind in good nonotes pvh elf32 phoff overlap outside wrap noteout arm \
    nothing hole base entry page feature symtab twice version; do
    "$work/mkkernel" elf $kind > $kind.elf
done
size=$(wc -c < good.elf)
gzip -nc good.elf > gz
cp gz gzelf.bz
"$work/mkkernel" bz - gz > gzip.bz
bzip2 -c good.elf > packed && "$work/mkkernel" bz "$size" packed > bzip2.bz
lzma -c good.elf > packed && "$work/mkkernel" bz "$size" packed > lzma.bz
zstd -qc good.elf > packed && "$work/mkkernel" bz "$size" packed > zstd.bz
lz4 -qlc good.elf > packed && "$work/mkkernel" bz "$size" packed > lz4.bz
"$work/mkkernel" bz $((size + 1)) packed > shortlz4.bz
xz -c --check=crc32 nonotes.elf > packed
"$work/mkkernel" bz "$size" packed > nonotes.bz
xz -c --check=crc32 good.elf > packed
"$work/mkkernel" bz "$size" packed > xz.bz
head -c 20000 xz.bz > short.bz
cp xz.bz flipped.bz
printf '\125' | dd of=flipped.bz bs=1 seek=20000 conv=notrunc 2>/dev/null
: > empty
"$work/mkaudit" net.audit net-web.cfg net-db.cfg

# An argument @NAME stands for the lines of NAME.args, an argument each.
while read -r name arguments; do
    case $name in
    '' | '#'*) continue ;;
    esac
    set --
    for argument in $arguments; do
        case $argument in
        @*)
            while read -r line; do
                set -- "$@" "$line"
            done < "$golden/${argument#@}.args"
            ;;
        *) set -- "$@" "$argument" ;;
        esac
    done
    "$rf" "$@" > "$work/out" 2>&1 < /dev/null
    echo "exit $?" >> "$work/out"
    if [ "$accept" = --accept ]; then
        cp "$work/out" "$golden/$name.out"
    fi
    diff -u "$golden/$name.out" "$work/out"
    result $? "rf $name"
done < "$golden/cases"

# The module: listed by cpio, the same twice, everything where the manifest
# says, digests as sha256sum has them.
field() { # offset bytes: a little-endian number of module.cpio
    od -An -j "$1" -N "$2" -t "u$2" module.cpio | tr -d ' '
}
cut_out() { # offset bytes
    tail -c +$(($1 + 1)) module.cpio | head -c "$2"
}
digest_at() { od -An -v -j "$1" -N 32 -t x1 module.cpio | tr -d ' \n'; }

echo ramdisk > disk
printf 'ramdisk = "disk"\n' >> tiny.cfg
"$rf" pack -q --no-domain0 -o module.cpio good.cfg tiny.cfg
result $? "pack writes a module"
"$rf" pack -q --no-domain0 -o again.cpio good.cfg tiny.cfg && cmp module.cpio again.cpio
result $? "the same tenants pack to the same bytes"
[ "$(cpio -t --quiet < module.cpio | grep -v pad- | tr '\n' ' ')" = \
    "ringfence/manifest ringfence/image-0 ringfence/image-1 " ]
result $? "cpio lists the module"
[ "$(cut_out 4096 8)" = RFMANIF1 ]
result $? "the manifest stands at 4096"
[ "$(field 4112 8)" = "$(wc -c < module.cpio)" ]
result $? "the manifest knows the size of the module"
[ "$(field 4128 4) $(field 4132 4)" = "2 2" ]
result $? "two tenants with one kernel share its image"
bytes=$(field 4120 8)
sum=$({ cut_out 4096 40; head -c 32 /dev/zero; \
    cut_out 4168 $((bytes - 72)); } | sha256sum | cut -d ' ' -f 1)
[ "$sum" = "$(digest_at 4136)" ]
result $? "the digest of the manifest is right"
sum=$(cat good.cfg tiny.cfg | sha256sum | cut -d ' ' -f 1)
[ "$sum" = "$(digest_at 4168)" ]
result $? "the policy digest is that of the tenant files"
for image in 0 1; do
    record=$((4096 + 3 * 4096 + image * 64))
    at=$(field $record 8)
    bytes=$(field $((record + 8)) 8)
    [ $((at % 4096)) = 0 ] &&
        [ "$(cut_out "$at" "$bytes" | sha256sum | cut -d ' ' -f 1)" = \
            "$(digest_at $((record + 16)))" ]
    result $? "image $image is on a page and its digest is right"
done
at=$(field $((4096 + 3 * 4096)) 8)
cut_out "$at" 65536 > loaded
tail -c +4097 good.elf | head -c 65536 | cmp - loaded
result $? "the first segment is byte 0 of the flat image"
[ "$(cut_out $((at + 65536)) 8192 | tr -d '\0' | wc -c)" = 0 ]
result $? "the gap between segments is zero"
[ "$(od -An -j $((8192 + 120)) -N 48 -t x8 -v module.cpio | tr -s ' \n' ' ')" = \
    " ffffffff81000000 ffffffff80000000 ffffffff81000010 0000000000013000 ffffffff81001000 000000000000002d " ]
result $? "addresses in the manifest are those of the notes"

# Domain0 is the first record, the router the second, whatever the order of the
# files; Domain0 gets a blob
# that names everybody; a file with its role takes the place of the built-in.
"$rf" pack -q -o services.cpio tiny.cfg router-role.cfg domain0.cfg
[ "$(for i in 0 1 2; do od -An -c -j $((8192 + 4096 * i)) -N 8 services.cpio
    od -An -t u4 -j $((8224 + 4096 * i)) -N 4 services.cpio; done | tr -d ' \n')" = \
    "own-doma1own-rout2tiny\\0\\0\\0\\00" ]
result $? "Domain0 is the first record"
grep -q RFSERV1 services.cpio && ! grep -q RFSERV1 module.cpio
result $? "Domain0 is told of everybody"

# A module that exists survives a failed pack.
cp module.cpio kept.cpio
"$rf" pack --no-domain0 -o kept.cpio unknown-key.cfg > /dev/null 2>&1
[ $? = 1 ] && cmp -s module.cpio kept.cpio && [ ! -e refused.cpio ]
result $? "a failed pack changes nothing"

# The image has both boot records and both files; whether it boots is for the
# boot tests to say.
"$rf" pack -q --no-domain0 --iso --hypervisor good.elf -o boot.iso tiny.cfg
result $? "pack writes an image"
xorriso -indev boot.iso -report_el_torito plain -find /boot -type f \
    > iso.txt 2> /dev/null
grep -q "BIOS" iso.txt && grep -q "UEFI" iso.txt &&
    grep -q "/boot/ringfence.elf" iso.txt &&
    grep -q "/boot/ringfence.cpio" iso.txt
result $? "the image boots by BIOS and UEFI and has both files"
[ "$(find . -name 'boot.iso*' | wc -l)" = 1 ]
result $? "nothing is left beside the image"

# No file of ours makes rf crash: kernels cut at every length and flipped at
# many places, each packing.
bad=0
for base in good.elf xz.bz lz4.bz zstd.bz gzip.bz bzip2.bz lzma.bz; do
    length=$(wc -c < $base)
    for step in 1 2 3 4 5 6 7 8; do
        head -c $((length * step / 9)) $base > fuzz.elf
        "$rf" check fuzz.cfg > /dev/null 2>&1
        [ $? -le 1 ] || bad=$((bad + 1))
    done
    for at in 4 5 18 32 40 54 56 58 60 64 72 80 88 96 104 128 152 497 510 514 \
        518 584 585 586 587 588 589 590 1088 1092 1100 4096 70000; do
        cp $base fuzz.elf
        printf '\377' | dd of=fuzz.elf bs=1 seek=$at conv=notrunc 2>/dev/null
        "$rf" check fuzz.cfg > /dev/null 2>&1
        [ $? -le 1 ] || bad=$((bad + 1))
    done
done
result $bad "damaged kernels are answered with 0 or 1"

# The same frames as pcapng, in either byte order and two resolutions.
"$golden/mkpcapng" net.pcap little.pcapng little 6
"$golden/mkpcapng" net.pcap big.pcapng big 0xa0
for capture in little.pcapng big.pcapng; do
    "$rf" explain net-web.cfg net-db.cfg --pcap $capture > "$work/out" 2>&1
    echo "exit $?" >> "$work/out"
    diff -u "$golden/explain-pcap.out" "$work/out"
    result $? "$capture is read as the pcap file"
done

# Nor does a capture, cut off anywhere or with any byte wrong.
for base in net.pcap big.pcapng; do
    bad=0
    at=0
    while [ "$at" -lt "$(wc -c < $base)" ]; do
        head -c $at $base > cut.pcap
        cp $base wrong.pcap
        printf '\377' | dd of=wrong.pcap bs=1 seek=$at conv=notrunc 2>/dev/null
        for capture in cut.pcap wrong.pcap; do
            "$rf" explain net-web.cfg net-db.cfg --pcap $capture > /dev/null 2>&1
            case $? in
            0 | 3) ;;
            *) bad=$((bad + 1)) ;;
            esac
        done
        at=$((at + 7))
    done
    result $bad "damaged captures are read or refused ($base)"
done

mandoc -Tlint -W warning "$top"/docs/man/*.[1-9]
result $? "the manual pages are clean"

# Every key has a paragraph in its manual page.
missing=$(sed -n 's/^\(ROUTER_\)\{0,1\}KEY(\([a-z_]*\).*/\2/p' \
    "$top/rf/keys.def" | while read -r key; do
    grep -q "^\.\(It \)\{0,1\}Cm.*\b$key\b" "$top/docs/man/ringfence.cfg.5" ||
        grep -q "^\.Cm $key$" "$top/docs/man/ringfence.cfg.5" || echo "$key"
done)
[ -z "$missing" ] || echo "# undocumented: $missing"
result "${#missing}" "every key is documented"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
