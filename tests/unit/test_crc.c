/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "crc.h"

static uint8_t block[4096];

/* Bit by bit, as RFC 3720 describes it. */
static uint32_t
crc_slowly(const uint8_t *data, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void
block_fill(uint32_t seed)
{
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)((seed += 0x9e3779b9u) >> 24);
}

Test(crc, the_published_vectors_come_out)
{
	uint8_t bytes[32];

	cr_assert_eq(crc32c("123456789", 9), 0xe3069283u);
	cr_assert_eq(crc32c("", 0), 0u);
	memset(bytes, 0, sizeof(bytes));
	cr_assert_eq(crc32c(bytes, 32), 0x8a9136aau);
	memset(bytes, 0xff, sizeof(bytes));
	cr_assert_eq(crc32c(bytes, 32), 0x62a8ab43u);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	cr_assert_eq(crc32c(bytes, 32), 0x46dd794eu);
}

Test(crc, any_length_and_alignment_equals_the_slow_way)
{
	block_fill(1);
	for (size_t start = 0; start < 17; start++)
		for (size_t length = 0; length < 600; length += 1 + start)
			cr_assert_eq(crc32c(block + start, length),
				     crc_slowly(block + start, length));
}

Test(crc, going_on_equals_doing_it_at_once)
{
	uint32_t whole;

	block_fill(2);
	whole = crc32c(block, 1000);
	for (size_t cut = 0; cut <= 1000; cut++)
		cr_assert_eq(crc32c_more(crc32c(block, cut), block + cut,
					 1000 - cut),
			     whole);
}

Test(crc, a_sum_is_the_data_mixed_with_its_place)
{
	const uint8_t uuid[16] = "0123456789abcdef";
	/* uuid, le32 set 3, le64 block 0x0102030405 */
	const uint8_t place[28] = "0123456789abcdef\3\0\0\0\5\4\3\2\1\0\0";

	block_fill(3);
	cr_assert_eq(sum_of(sum_base(uuid, 3), 0x0102030405ull, block),
		     crc_slowly(block, 4096) ^ crc_slowly(place, 28));
}

Test(crc, a_block_elsewhere_has_another_sum)
{
	uint8_t uuid[16] = {1};
	uint32_t here, other_array;

	block_fill(4);
	here = sum_of(sum_base(uuid, 0), 7, block);
	cr_assert_neq(here, sum_of(sum_base(uuid, 1), 7, block));
	cr_assert_neq(here, sum_of(sum_base(uuid, 0), 8, block));
	cr_assert_neq(here, sum_of(sum_base(uuid, 0), 7 + (1ull << 32), block));
	uuid[15] = 1;
	other_array = sum_base(uuid, 0);
	cr_assert_neq(here, sum_of(other_array, 7, block));
}

/* A CRC is affine: four bytes suffice to make it whatever one likes. */
static void
block_force_sum(uint32_t base, uint64_t number, uint32_t wanted)
{
	uint32_t zero, columns[32];
	uint8_t *word = block + 4092;

	memset(word, 0, 4);
	zero = sum_of(base, number, block);
	for (int bit = 0; bit < 32; bit++) {
		word[bit / 8] = (uint8_t)(1u << bit % 8);
		columns[bit] = sum_of(base, number, block) ^ zero;
		word[bit / 8] = 0;
	}
	/* Gauss: which columns make the difference? */
	uint32_t rows[32], marks[32], left = zero ^ wanted, chosen = 0;
	for (int i = 0; i < 32; i++) {
		uint32_t value = columns[i], mark = 1u << i;

		for (int j = 0; j < i; j++)
			if (rows[j] && (value ^ rows[j]) < value) {
				value ^= rows[j];
				mark ^= marks[j];
			}
		rows[i] = value;
		marks[i] = mark;
		for (int j = 0; j < i; j++)
			if (value && (rows[j] ^ value) < rows[j] &&
			    rows[j] >> (31 - __builtin_clz(value)) & 1) {
				rows[j] ^= value;
				marks[j] ^= mark;
			}
	}
	for (int i = 0; i < 32; i++)
		if (rows[i] && left >> (31 - __builtin_clz(rows[i])) & 1) {
			left ^= rows[i];
			chosen ^= marks[i];
		}
	for (int byte = 0; byte < 4; byte++)
		word[byte] = (uint8_t)(chosen >> 8 * byte);
}

Test(crc, a_sum_is_never_unwritten)
{
	const uint8_t uuid[16] = {9};
	uint32_t base = sum_base(uuid, 5);

	block_fill(5);
	block_force_sum(base, 11, 0x12345678u);
	cr_assert_eq(sum_of(base, 11, block), 0x12345678u);
	block_force_sum(base, 11, 0);
	cr_assert_eq(sum_of(base, 11, block), UINT32_MAX);
}
