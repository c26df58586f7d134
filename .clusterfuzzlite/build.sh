#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
exec "$SRC/ringfence/fuzz/build.sh"
