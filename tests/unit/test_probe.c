/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "poll.h"
#include "probe.h"

#define MS 1000000ull

static struct poller *poller;
static unsigned freed;

/* A disk that answers as often as it is told to. */
struct disk {
	int answer; /* eventfd */
	int res;
};

static void
setup(void)
{
	freed = 0;
	cr_assert_eq(poller_new(&poller), 0);
}

static void
teardown(void)
{
	poller_free(poller);
}

TestSuite(probe, .init = setup, .fini = teardown);

static int
disk_look(void *arg)
{
	const struct disk *d = arg;
	uint64_t count;

	if (read(d->answer, &count, sizeof(count)) != sizeof(count))
		return -EIO;
	return d->res;
}

static void
disk_free(void *arg)
{
	(void)arg;
	freed++;
}

static void
disk_answer(const struct disk *d)
{
	uint64_t one = 1;

	cr_assert_eq(write(d->answer, &one, sizeof(one)), sizeof(one));
}

static int
ask(struct disk *d, uint64_t wait_ns)
{
	return probe("disk", poll_clock_ns() + wait_ns, disk_look, d,
		     disk_free);
}

Test(probe, an_answer_is_the_looks_and_the_result_the_callers)
{
	struct disk d = {.answer = eventfd(0, EFD_SEMAPHORE), .res = -ENXIO};

	disk_answer(&d);
	cr_assert_eq(ask(&d, 0), -ENXIO);
	cr_assert_eq(freed, 0u);
}

/* A driver's word for it is not told from ours. */
Test(probe, a_look_that_says_it_timed_out_is_over)
{
	struct disk d = {.answer = eventfd(0, EFD_SEMAPHORE), .res = -ETIMEDOUT};

	for (unsigned i = 1; i <= 2; i++) {
		disk_answer(&d);
		cr_assert_eq(ask(&d, 0), -ETIMEDOUT);
		cr_assert_eq(freed, i);
	}
}

static void
on_time(void *arg)
{
	unsigned *count = arg;

	cr_assert(poll_is_awaiting());
	(*count)++;
}

static void
on_time_answer(void *arg)
{
	disk_answer(arg);
}

Test(probe, others_are_served_while_a_disk_hangs_and_it_is_left_alone)
{
	struct disk d = {.answer = eventfd(0, EFD_SEMAPHORE)};
	struct poll_watch *w;
	unsigned count = 0;
	uint64_t start_ns = poll_clock_ns();

	cr_assert_eq(poll_timer(poller, MS, on_time, &count, &w), 0);
	cr_assert_eq(ask(&d, 0), -ETIMEDOUT);
	cr_assert_eq(count, 1u);
	cr_assert_not(poll_is_awaiting());
	cr_assert_geq(poll_clock_ns() - start_ns, PROBE_QUICK_NS);
	/* The first look still has the disk: no second one, no waiting. */
	start_ns = poll_clock_ns();
	cr_assert_eq(ask(&d, 0), -ETIMEDOUT);
	cr_assert_lt(poll_clock_ns() - start_ns, PROBE_QUICK_NS);
	cr_assert_eq(freed, 1u, "the one that was not begun");
	/* Who has time waits for the first one to end, and then looks. */
	cr_assert_eq(poll_timer(poller, MS, on_time_answer, &d, &w), 0);
	disk_answer(&d);
	cr_assert_eq(ask(&d, 10000 * MS), 0);
	cr_assert_eq(freed, 2u);
}

static void
on_time_stop(void *arg)
{
	poller_stop(arg);
}

Test(probe, a_poller_that_is_stopped_waits_for_no_disk)
{
	struct disk d = {.answer = eventfd(0, EFD_SEMAPHORE)};
	struct poll_watch *w;
	uint64_t start_ns = poll_clock_ns();

	cr_assert_eq(poll_timer(poller, MS, on_time_stop, poller, &w), 0);
	cr_assert_eq(ask(&d, 60000 * MS), -ETIMEDOUT);
	cr_assert_lt(poll_clock_ns() - start_ns, 30000 * MS);
	/* But for what must be ended it does. */
	cr_assert_eq(poll_await(d.answer, poll_clock_ns() + 20 * MS, false),
		     -ETIMEDOUT);
	disk_answer(&d);
}

struct two {
	struct poll_watch *other;
	unsigned called;
	int fd;
};

static void
other_called(uint32_t events, void *arg)
{
	(void)events;
	((struct two *)arg)->called++;
}

/* Waits, and meanwhile removes who is named by an event of the same turn. */
static void
on_time_remove(void *arg)
{
	struct two *two = arg;

	poll_remove(two->other);
}

static void
first_called(uint32_t events, void *arg)
{
	struct two *two = arg;
	struct poll_watch *w;

	(void)events;
	cr_assert_eq(poll_timer(poller, MS, on_time_remove, two, &w), 0);
	cr_assert_eq(poll_await(two->fd, poll_clock_ns() + 20 * MS, false),
		     -ETIMEDOUT);
	two->called = 0;
	poller_stop(poller);
}

Test(probe, who_leaves_while_another_waits_is_not_called_after_it)
{
	struct two two = {.fd = eventfd(0, EFD_SEMAPHORE)};
	int ready[2] = {eventfd(1, 0), eventfd(1, 0)};
	struct poll_watch *first;

	cr_assert_eq(poll_add(poller, ready[0], EPOLLIN | EPOLLET, first_called,
			      &two, &first),
		     0);
	cr_assert_eq(poll_add(poller, ready[1], EPOLLIN, other_called, &two,
			      &two.other),
		     0);
	cr_assert_eq(poller_run(poller), 0);
	cr_assert_eq(two.called, 0u);
}
