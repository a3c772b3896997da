/* SPDX-License-Identifier: MIT */
/* A fuzzer without libFuzzer: each file that is named, once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fuzzer.h"

#ifndef FUZZ_LIBFUZZER
static void
file_try(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		exit(1);
	}
	size_t size = fread(data, 1, sizeof(data), f);

	fclose(f);
	/* A copy of its own size: the sanitizer then sees its end. */
	uint8_t *exact = malloc(size ? size : 1);

	CHECK(exact);
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		file_try(argv[i]);
	printf("%d files\n", argc - 1);
	return 0;
}
#endif
