/* SPDX-License-Identifier: MIT */
/*
 * CHECK: for what cannot be.  It stays on in production: a failed check is a
 * pause for the client (the daemon is restarted), going on might cost data.
 * Never for input: what a disk or a client sends is an operating error.
 */
#ifndef RAID_CHECK_H
#define RAID_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))

/* Given by the program: prints and aborts. */
_Noreturn void check_failed(const char *expr, const char *file, int line,
			    const char *func);

#define CHECK(expr)                                                        \
	do {                                                               \
		if (__builtin_expect(!(expr), 0))                          \
			check_failed(#expr, __FILE__, __LINE__, __func__); \
	} while (0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((uintptr_t)(ptr)-offsetof(type, member)))

#endif
