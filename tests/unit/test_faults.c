/* SPDX-License-Identifier: MIT */
/* The daemon's list of what disks had wrong, and what became of it. */
#include <criterion/criterion.h>
#include <errno.h>

#include "device.h"
#include "faults.h"

static struct faults list;
static struct device disk = {
	.path = "/dev/x", .model = "M", .serial = "S", .firmware = "F"};
static const struct geometry shape = {
	.sets = 2, .legs = 2, .chunk_bytes = 65536};

static void
note_err(enum raid_note_kind kind, uint16_t leg, int err, uint64_t a,
	 uint64_t b)
{
	struct raid_note n = {.kind = kind, .set = 1, .leg = leg,
			      .err = err, .a = a, .b = b};

	faults_note(&list, &n, &shape, &disk, 1000);
}

static void
note(enum raid_note_kind kind, uint16_t leg, uint64_t a, uint64_t b)
{
	note_err(kind, leg, 0, a, b);
}

static const struct fault *
last(void)
{
	return faults_at(&list, faults_kept(&list) - 1);
}

static void
fini(void)
{
	faults_fini(&list);
	cr_assert_eq(faults_kept(&list), 0);
}

TestSuite(faults, .fini = fini);

Test(faults, a_verdict_is_kept_with_its_disk_and_both_its_places)
{
	note(NOTE_LOST_WRITE, 1, 65536 + 8192, 4096);
	cr_assert_eq(faults_kept(&list), 1);
	cr_assert_eq(last()->kind, VERDICT_LOST_WRITE);
	cr_assert_eq(last()->set_offset, 65536 + 8192);
	/* The second chunk of set 1 is the fourth of the device. */
	cr_assert_eq(last()->device_offset, 3 * 65536 + 8192);
	cr_assert_eq(last()->length, 4096);
	cr_assert_eq(last()->time_s, 1000);
	cr_assert_str_eq(last()->path, "/dev/x");
	cr_assert_str_eq(last()->model, "M");
	cr_assert_str_eq(last()->serial, "S");
	cr_assert_str_eq(last()->firmware, "F");
	cr_assert_eq(last()->outcome, FAULT_PENDING);
}

Test(faults, misdirected_data_has_the_place_it_belongs_to)
{
	note(NOTE_MISDIRECTED, 0, 4096, 81920);
	cr_assert_eq(last()->length, 4096);
	cr_assert_eq(last()->belongs_offset, 81920);
}

Test(faults, a_repair_of_the_place_on_that_leg_heals_it)
{
	note(NOTE_MISMATCH, 0, 4096, 4096);
	note(NOTE_READ_ERROR, 1, 0, 16384);
	note(NOTE_REPAIRED, 1, 4096, 0);
	cr_assert_eq(faults_at(&list, 0)->outcome, FAULT_PENDING);
	cr_assert_eq(faults_at(&list, 1)->outcome, FAULT_HEALED);
	note(NOTE_REPAIRED, 0, 8192, 0);
	cr_assert_eq(faults_at(&list, 0)->outcome, FAULT_PENDING);
	note(NOTE_REPAIRED, 0, 4096, 0);
	cr_assert_eq(faults_at(&list, 0)->outcome, FAULT_HEALED);
}

Test(faults, a_page_is_healed_by_its_own_repair)
{
	note(NOTE_PAGE_BAD, 0, 4194304, 4194304);
	note(NOTE_REPAIRED, 0, 4194304, 0);
	cr_assert_eq(last()->outcome, FAULT_PENDING);
	note(NOTE_PAGE_REPAIRED, 0, 4194304, 4194304);
	cr_assert_eq(last()->outcome, FAULT_HEALED);
	note(NOTE_PAGE_BAD, 0, 4194304, 4194304);
	note(NOTE_PAGE_LOST, NOTE_NO_LEG, 1, 0);
	cr_assert_eq(last()->outcome, FAULT_LOST);
}

Test(faults, what_no_leg_has_is_lost_and_what_left_with_its_leg_is_said_so)
{
	note(NOTE_MISMATCH, 0, 0, 4096);
	note(NOTE_MISMATCH, 1, 0, 4096);
	note(NOTE_MISMATCH, 1, 8192, 4096);
	note(NOTE_LOST_BLOCK, NOTE_NO_LEG, 0, 0);
	cr_assert_eq(faults_at(&list, 0)->outcome, FAULT_LOST);
	cr_assert_eq(faults_at(&list, 1)->outcome, FAULT_LOST);
	cr_assert_eq(faults_at(&list, 2)->outcome, FAULT_PENDING);
	note(NOTE_LEG_FAILED, 1, CAUSE_READS, 0);
	cr_assert_eq(faults_at(&list, 2)->outcome, FAULT_LEG_FAILED);
}

Test(faults, a_leg_that_went_back_has_no_place)
{
	note(NOTE_WENT_BACK, 0, BACK_MAP, 3);
	cr_assert_not(last()->has_place);
	cr_assert_str_eq(fault_back_word(last()->what), "map");
	cr_assert_eq(last()->behind, 3);
	note(NOTE_METADATA_REWRITTEN, 0, 0, 0);
	cr_assert_eq(last()->outcome, FAULT_HEALED);
	note(NOTE_MISMATCH, 0, NOTE_NO_PLACE, 0);
	cr_assert_eq(last()->outcome, FAULT_PENDING);
	note(NOTE_METADATA_REWRITTEN, 0, 0, 0);
	cr_assert_eq(last()->outcome, FAULT_HEALED);
	note(NOTE_LEG_LAGGED, 0, 10, 500);
	cr_assert_eq(last()->kind, VERDICT_WENT_BACK);
	cr_assert_eq(last()->behind, 490);
	cr_assert_eq(last()->outcome, FAULT_LEG_FAILED);
	note(NOTE_READ_ERROR, 0, NOTE_NO_PLACE, 0);
	cr_assert_not(last()->has_place);
}

/* What cannot be read was told as such; it left with the leg. */
Test(faults, a_leg_whose_metadata_are_damaged_has_failed)
{
	note(NOTE_READ_ERROR, 0, NOTE_NO_PLACE, 0);
	note_err(NOTE_LEG_DAMAGED, 0, -EIO, 0, 0);
	cr_assert_eq(list.count, 1);
	cr_assert_eq(last()->outcome, FAULT_LEG_FAILED);
	note(NOTE_LEG_DAMAGED, 1, 0, 0);
	cr_assert_eq(list.count, 2);
	cr_assert_eq(last()->kind, VERDICT_MISMATCH);
	cr_assert_not(last()->has_place);
	cr_assert_eq(last()->outcome, FAULT_LEG_FAILED);
}

Test(faults, the_newest_are_kept_and_the_others_counted)
{
	for (uint64_t i = 0; i < FAULTS_KEPT + 5; i++)
		note(NOTE_MISMATCH, 0, i * 4096, 4096);
	cr_assert_eq(faults_kept(&list), FAULTS_KEPT);
	cr_assert_eq(list.count, FAULTS_KEPT + 5);
	cr_assert_eq(faults_at(&list, 0)->set_offset, 5 * 4096);
	cr_assert_eq(last()->set_offset, (FAULTS_KEPT + 4) * 4096);
}
