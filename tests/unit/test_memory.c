/* SPDX-License-Identifier: MIT */
/* How much memory for sums an array gets. */
#include <criterion/criterion.h>

#include "config.h"
#include "memory.h"

#define GIB (1ull << 30)
#define TIB (1ull << 40)
#define MIB (1ull << 20)

static uint64_t
cache(uint64_t asked_mib, uint64_t array, uint64_t machine, uint64_t taken)
{
	struct config c = {.sums_cache_mib = asked_mib};

	return memory_sums_cache(&c, array, machine, taken);
}

Test(memory, a_small_array_has_all_its_sums_there)
{
	cr_assert_eq(cache(0, 100 * GIB, 64 * GIB, 0), 100 * MIB);
	cr_assert_eq(cache(0, 16 * TIB, 64 * GIB, 0), 16 * GIB);
}

Test(memory, a_large_one_has_a_quarter_of_the_machine)
{
	cr_assert_eq(cache(0, 84 * TIB, 256 * GIB, 0), 64 * GIB);
}

Test(memory, all_together_have_no_more)
{
	cr_assert_eq(cache(0, 84 * TIB, 256 * GIB, 60 * GIB), 4 * GIB);
	cr_assert_eq(cache(0, 84 * TIB, 256 * GIB, 64 * GIB), 64 * MIB);
	cr_assert_eq(cache(0, 84 * TIB, 256 * GIB, 99 * GIB), 64 * MIB);
	cr_assert_eq(cache(0, 10 * GIB, 256 * GIB, 99 * GIB), 10 * MIB);
}

Test(memory, what_is_asked_for_is_given)
{
	cr_assert_eq(cache(7, 84 * TIB, 256 * GIB, 99 * GIB), 7 * MIB);
}
