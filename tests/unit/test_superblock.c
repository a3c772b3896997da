/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "superblock.h"
#include "support.h"

#define OFFSET (64u << 10)

static uint8_t raw[SB_BYTES] __attribute__((aligned(4096)));
static struct sb sb, got;

/* Places in the bytes, from doc/format.md. */
enum {
	AT_VERSION = 8,
	AT_CHECKSUM = 12,
	AT_OFFSET = 16,
	AT_COMPAT = 32,
	AT_RO_COMPAT = 40,
	AT_INCOMPAT = 48,
	AT_ARRAY = 64,
	AT_NAME = 80,
	AT_SETS = 152,
	AT_LEGS = 156,
	AT_CHUNK = 160,
	AT_BLOCK = 164,
	AT_REGION = 168,
	AT_MEMBER = 192,
	AT_SET = 208,
	AT_LEG = 212,
	AT_AREAS = 256,
	AT_IN_FORCE = 704,
	AT_HISTORY = 768,
	AT_PLACES = 2048,
	AT_SPARES = 18432,
};

static void
raw_reseal(void)
{
	uint32_t crc;

	memset(raw + AT_CHECKSUM, 0, 4);
	crc = crc32c(raw, SB_BYTES);
	memcpy(raw + AT_CHECKSUM, &crc, 4);
}

static void
raw_make(void)
{
	support_sb(&sb, 2, 2);
	sb_encode(&sb, OFFSET, raw);
}

static int
raw_decode(void)
{
	return sb_decode(raw, OFFSET, &got);
}

static void
assert_same_sb(const struct sb *a, const struct sb *b)
{
	static uint8_t bytes_a[SB_BYTES] __attribute__((aligned(4096)));
	static uint8_t bytes_b[SB_BYTES] __attribute__((aligned(4096)));

	sb_encode(a, OFFSET, bytes_a);
	sb_encode(b, OFFSET, bytes_b);
	cr_assert_arr_eq(bytes_a, bytes_b, SB_BYTES);
}

Test(superblock, what_was_encoded_is_decoded)
{
	raw_make();
	memset(&got, 0xee, sizeof(got));
	cr_assert_eq(raw_decode(), 0);
	cr_assert_str_eq(got.name, "messagebox");
	cr_assert_eq(got.geometry.chunk_bytes, CHUNK_BYTES_DEFAULT);
	cr_assert_eq(got.layout.data_offset, sb.layout.data_offset);
	cr_assert_eq(got.history[0].how, HOW_CREATE);
	assert_same_sb(&sb, &got);
}

Test(superblock, a_new_array_is_in_sync_and_nothing_is_in_force)
{
	support_sb(&sb, 3, 3);
	cr_assert_eq(sb.history[0].number, 1);
	cr_assert_eq(sb.history[0].nonce, 0x1001);
	cr_assert_eq(sb.in_force_number, 0);
	cr_assert_not(sb_is_marked(&sb));
	for (uint32_t set = 0; set < SB_SETS_MAX; set++)
		for (uint32_t leg = 0; leg < SB_PLACES_MAX; leg++) {
			struct sb_place *p = sb_place(&sb, set, leg);
			bool used = set < 3 && leg < 3;

			cr_assert_eq(p->state, used ? LEG_IN_SYNC : LEG_EMPTY);
			cr_assert_eq(p->counted, used);
			cr_assert_eq(p->kept, used);
			cr_assert_eq(p->last_in_sync, used);
		}
}

Test(superblock, every_byte_that_changes_is_noticed)
{
	raw_make();
	for (size_t i = 0; i < SB_BYTES; i++)
		for (unsigned flip = 1; flip < 256; flip *= 15) {
			raw[i] ^= (uint8_t)flip;
			cr_assert_neq(raw_decode(), 0, "byte %zu", i);
			raw[i] ^= (uint8_t)flip;
		}
	cr_assert_eq(raw_decode(), 0);
}

Test(superblock, a_torn_one_is_noticed)
{
	static uint8_t older[SB_BYTES];

	raw_make();
	memcpy(older, raw, SB_BYTES);
	sb.sequence = 9;
	sb.history[1] = sb.history[0];
	sb.history[0] = (struct sb_epoch){2, 77, 0, HOW_START};
	sb_place(&sb, 1, 1)->state = LEG_FAILED;
	sb_place(&sb, 1, 1)->kept = false;
	for (size_t cut = 512; cut < SB_BYTES; cut += 512) {
		sb_encode(&sb, OFFSET, raw);
		memcpy(raw + cut, older + cut, SB_BYTES - cut);
		/* Behind the last place nothing differs. */
		cr_assert_eq(raw_decode(),
			     cut < AT_PLACES + 6 * 64 ? -EBADMSG : 0,
			     "cut at %zu", cut);
	}
}

Test(superblock, one_that_stands_elsewhere_is_noticed)
{
	raw_make();
	cr_assert_eq(sb_decode(raw, OFFSET + SB_BYTES, &got), -EBADMSG);
}

Test(superblock, zeros_and_strangers_are_no_superblock)
{
	memset(raw, 0, SB_BYTES);
	cr_assert_eq(raw_decode(), -ENOENT);
	memset(raw, 0xff, SB_BYTES);
	cr_assert_eq(raw_decode(), -ENOENT);
}

Test(superblock, a_newer_format_and_unknown_features_are_refused)
{
	static const struct {
		size_t at;
		int res;
	} cases[] = {
		{AT_COMPAT, 0},
		{AT_COMPAT + 7, 0},
		{AT_RO_COMPAT, -EPROTONOSUPPORT},
		{AT_INCOMPAT, -EPROTONOSUPPORT},
		{AT_INCOMPAT + 7, -EPROTONOSUPPORT},
		{AT_VERSION, -EPROTONOSUPPORT},
		{AT_VERSION + 3, -EPROTONOSUPPORT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		raw_make();
		raw[cases[i].at] ^= 0x80;
		raw_reseal();
		cr_assert_eq(raw_decode(), cases[i].res, "case %zu", i);
	}
	raw_make();
	raw[AT_VERSION] = 0;
	raw_reseal();
	cr_assert_eq(raw_decode(), -EINVAL);
}

/* The checksum is right, and yet we cannot have written this. */
Test(superblock, impossible_contents_are_refused)
{
	enum { P00 = AT_PLACES, P01 = P00 + 64, P10 = P00 + 4 * 64 };
	static const struct {
		size_t at;
		size_t length;
		uint64_t value;
	} cases[] = {
		{AT_NAME, 1, 0},
		{AT_NAME, 1, '-'},
		{AT_NAME, 1, '.'},
		{AT_NAME + 3, 1, '/'},
		{AT_NAME + 3, 1, ' '},
		{AT_NAME + 3, 1, '\n'},
		{AT_NAME + 3, 1, 0},
		{AT_NAME + 3, 1, 0xc3},
		{AT_NAME + 40, 1, 'x'},
		{AT_NAME + 63, 1, 'x'},
		{AT_SETS, 4, 0},
		{AT_SETS, 4, 1},
		{AT_SETS, 4, 3},
		{AT_SETS, 4, 65},
		{AT_SETS, 4, UINT32_MAX},
		{AT_LEGS, 4, 1},
		{AT_LEGS, 4, 4},
		{AT_CHUNK, 4, 3 << 10},
		{AT_CHUNK, 4, 8 << 20},
		{AT_BLOCK, 4, 513},
		{AT_REGION, 4, 0},
		{AT_REGION, 4, 512},
		{AT_SET, 4, 2},
		{AT_LEG, 4, 2},
		{AT_LEG, 4, 1}, /* another's place */
		{AT_LEG, 4, UINT32_MAX},
		{AT_MEMBER, 8, 5},
		{AT_AREAS, 8, 0},
		{AT_AREAS, 8, UINT64_MAX},
		{AT_AREAS + 8, 8, 4096},
		{AT_AREAS + 8, 8, UINT64_MAX - 4095},
		{AT_AREAS + 16, 8, 1},  /* another device */
		{AT_AREAS + 32, 8, 1},  /* a second extent */
		{AT_AREAS + 136, 8, 4096}, /* the second map shorter */
		{AT_AREAS + 4 * 64, 8, 4096},
		{AT_IN_FORCE, 8, 1},    /* with a wrong nonce */
		{AT_IN_FORCE, 8, 2},
		{AT_IN_FORCE + 8, 8, 1},
		{AT_HISTORY, 8, 0},
		{AT_HISTORY, 8, 2},     /* whose parent is missing */
		{AT_HISTORY, 8, UINT64_MAX},
		{AT_HISTORY + 16, 8, 1}, /* made while it was in force */
		{AT_HISTORY + 24, 4, 0},
		{AT_HISTORY + 24, 4, HOW_START},
		{AT_HISTORY + 24, 4, 5},
		{AT_HISTORY + 24, 4, UINT32_MAX},
		{AT_HISTORY + 32, 8, 1},
		{AT_HISTORY + 32, 8, UINT64_MAX},
		{AT_HISTORY + 40, 8, 1}, /* no epoch, yet a nonce */
		{P01 + 16, 4, LEG_EMPTY}, /* with a member */
		{P01 + 16, 4, LEG_STATE_COUNT},
		{P01 + 16, 4, UINT32_MAX},
		{P01 + 16, 4, LEG_STALE}, /* and kept */
		{P01 + 20, 4, 2},         /* in-sync, not counted */
		{P01 + 20, 4, 4},
		{P01 + 24, 8, 2},         /* in-sync in the future */
		{P01, 8, 0x1111111111110000ull}, /* 0.0 again */
		{P10, 8, 0x1111111111110000ull},
		{P00 + 2 * 64 + 20, 4, 1}, /* an empty place counted */
		{P00 + 3 * 64 + 16, 4, LEG_STALE},
		{P00 + 2 * 64, 1, 1},
		{P00 + 8 * 64, 1, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		raw_make();
		memcpy(raw + cases[i].at, &cases[i].value, cases[i].length);
		raw_reseal();
		cr_assert_eq(raw_decode(), -EINVAL, "case %zu", i);
	}
	raw_make();
	memset(raw + AT_ARRAY, 0, 16);
	raw_reseal();
	cr_assert_eq(raw_decode(), -EINVAL);
}

Test(superblock, a_member_outside_of_the_geometry_is_refused)
{
	static const unsigned places[] = {2, 3, 8, 255};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint8_t *at = raw + AT_PLACES + places[i] * 64;

		raw_make();
		memset(at, 0x77, 16);
		at[16] = LEG_STALE;
		raw_reseal();
		cr_assert_eq(raw_decode(), -EINVAL, "place %u", places[i]);
	}
}

Test(superblock, a_set_without_an_in_sync_leg_is_refused)
{
	raw_make();
	for (int leg = 0; leg < 2; leg++) {
		uint8_t *at = raw + AT_PLACES + (4 + leg) * 64;

		at[16] = LEG_STALE;
		at[20] = 1;
	}
	raw_reseal();
	cr_assert_eq(raw_decode(), -EINVAL);
	raw[AT_PLACES + 4 * 64 + 16] = LEG_IN_SYNC;
	raw_reseal();
	cr_assert_eq(raw_decode(), 0);
}

/* Epochs 1 to number, none marked. */
static void
history_fill(uint64_t number)
{
	memset(sb.history, 0, sizeof(sb.history));
	for (size_t i = 0; i <= SB_HISTORY && i < number; i++)
		sb.history[i] = (struct sb_epoch){
			.number = number - i,
			.nonce = 1000 + number - i,
			.in_force_number = number - i - 1,
			.how = number - i == 1 ? HOW_CREATE : HOW_CHANGE,
		};
	sb.in_force_number = number - 1;
	sb.in_force_nonce = number == 1 ? 0 : 1000 + number - 1;
}

Test(superblock, the_history_is_whole_or_refused)
{
	static const uint64_t numbers[] = {1, 2, 32, 33, 34, 35, 1u << 20};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t n = numbers[i];
		size_t last = n > SB_HISTORY ? SB_HISTORY : (size_t)n - 1;
		size_t at = AT_HISTORY + last * 32;

		support_sb(&sb, 2, 2);
		history_fill(n);
		sb_encode(&sb, OFFSET, raw);
		cr_assert_eq(raw_decode(), 0, "%zu", i);
		assert_same_sb(&sb, &got);
		memset(raw + at, 0, 32);
		raw_reseal();
		cr_assert_eq(raw_decode(), -EINVAL, "%zu", i);
	}
}

/* What the bytes cannot say, or a decoder refuses before. */
Test(superblock, what_cannot_be_is_not_written_either)
{
	struct sb_place *empty = sb_place(&sb, 1, 2);

	support_sb(&sb, 2, 2);
	cr_assert(sb_is_valid(&sb));
	sb_place(&sb, 0, 0)->state = LEG_STATE_COUNT;
	cr_assert_not(sb_is_valid(&sb));
	support_sb(&sb, 2, 2);
	empty->kept = true;
	cr_assert_not(sb_is_valid(&sb));
	support_sb(&sb, 2, 2);
	memset(sb.member_uuid, 0, 16);
	cr_assert_not(sb_is_valid(&sb));
	support_sb(&sb, 2, 2);
	sb.history[0].how = HOW_FORCE + 1;
	cr_assert_not(sb_is_valid(&sb));
	support_sb(&sb, 2, 2);
	sb.history[1].in_force_number = 1;
	cr_assert_not(sb_is_valid(&sb));
	support_sb(&sb, 2, 2);
	sb.history[1].how = HOW_CREATE;
	cr_assert_not(sb_is_valid(&sb));
	support_sb(&sb, 2, 2);
	memset(sb.name, 'n', sizeof(sb.name));
	cr_assert_not(sb_is_valid(&sb));
}

/* Nothing was in force for longer than the history reaches: its nonce is
 * believed.  And "nothing, ever" contradicts an epoch made upon something. */
Test(superblock, what_is_in_force_may_be_older_than_the_history)
{
	support_sb(&sb, 2, 2);
	history_fill(200);
	for (size_t i = 0; i <= SB_HISTORY; i++)
		sb.history[i].in_force_number = 100;
	sb.in_force_number = 100;
	cr_assert(sb_is_valid(&sb));
	sb.in_force_number = 99;
	cr_assert_not(sb_is_valid(&sb));
	sb.in_force_number = 0;
	sb.in_force_nonce = 0;
	cr_assert_not(sb_is_valid(&sb));
}

Test(superblock, an_epoch_is_marked_when_it_is_the_one_in_force)
{
	support_sb(&sb, 2, 2);
	history_fill(7);
	cr_assert_not(sb_is_marked(&sb));
	sb.in_force_number = 7;
	sb.in_force_nonce = 1007;
	cr_assert(sb_is_marked(&sb));
	sb_encode(&sb, OFFSET, raw);
	cr_assert_eq(raw_decode(), 0);
	cr_assert(sb_is_marked(&got));
	/* Another epoch 7 is. */
	got.in_force_nonce++;
	cr_assert_not(sb_is_marked(&got));
	/* Older than what was in force when the epoch was made. */
	raw[AT_IN_FORCE] = 5;
	raw_reseal();
	cr_assert_eq(raw_decode(), -EINVAL);
}

Test(superblock, names_of_the_longest_and_shortest_kind_are_taken)
{
	support_sb(&sb, 1, 2);
	memset(sb.name, 'z', SB_NAME_MAX);
	sb_encode(&sb, OFFSET, raw);
	cr_assert_eq(raw_decode(), 0);
	cr_assert_eq(strlen(got.name), SB_NAME_MAX);
	memset(sb.name, 0, sizeof(sb.name));
	sb.name[0] = '7';
	sb_encode(&sb, OFFSET, raw);
	cr_assert_eq(raw_decode(), 0);
	cr_assert_str_eq(got.name, "7");
}

Test(superblock, names_are_of_letters_digits_and_three_signs)
{
	static const char more[] = "0123456789._-";

	support_sb(&sb, 1, 2);
	for (int c = 1; c < 256; c++) {
		bool fine = (c < 128 && strchr(more, c)) ||
			    (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		sb.name[2] = (char)c;
		cr_assert_eq(sb_is_valid(&sb), fine, "character %d", c);
	}
}

Test(superblock, the_largest_array_fits)
{
	support_sb(&sb, SB_SETS_MAX, SB_LEGS_MAX);
	support_seat(&sb, 63, 2);
	history_fill(UINT64_MAX / 2);
	sb.sequence = UINT64_MAX;
	sb_encode(&sb, OFFSET, raw);
	cr_assert_eq(raw_decode(), 0);
	assert_same_sb(&sb, &got);
}

Test(superblock, reserved_bytes_are_zero_when_written_and_ignored_when_read)
{
	static const struct {
		size_t at, length;
	} reserved[] = {
		{56, 8},    {172, 20},   {216, 40},   {576, 64}, {656, 48},
		{720, 48},  {796, 4},    {1824, 224}, {2088, 24},
		{AT_SPARES, 2048},       {20480, 12288},
	};

	raw_make();
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		for (size_t j = 0; j < reserved[i].length; j++) {
			cr_assert_eq(raw[reserved[i].at + j], 0);
			raw[reserved[i].at + j] = 0xaa;
		}
	raw_reseal();
	cr_assert_eq(raw_decode(), 0);
	assert_same_sb(&sb, &got);
}

Test(superblock, states_have_words)
{
	cr_assert_str_eq(leg_state_word(LEG_EMPTY), "empty");
	cr_assert_str_eq(leg_state_word(LEG_IN_SYNC), "in-sync");
	cr_assert_str_eq(leg_state_word(LEG_FAILED), "failed");
}
