/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `rf run`, parsed; usage errors end the program there.
 */
#ifndef RF_RUN_OPTIONS_H
#define RF_RUN_OPTIONS_H

#include "rf/run.h"

void run_options_parse(struct run_options *options, int argc, char **argv);

#endif
