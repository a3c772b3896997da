/* SPDX-License-Identifier: MIT */
/* What a fuzzer is to libFuzzer, and to replay.c without it. */
#ifndef FUZZ_FUZZER_H
#define FUZZ_FUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
