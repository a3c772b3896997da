/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "note.h"
#include "uring.h"

#define FILE_BYTES (1u << 20)
#define DEPTH      4u
#define REQS       64u

/* Member 0 is a file, 1 is absent, 2 a file that says it has no cache. */
static struct device devices[4];
static struct ring ring;
static struct uring *uring;
static int pipe_fds[2];
static uint32_t done_count;
static uint32_t in_flight_most;
static char data[FILE_BYTES] __attribute__((aligned(4096)));

static void
note_unwanted(void *arg, const struct raid_note *note)
{
	(void)arg;
	(void)note;
}

static int
file_open(void)
{
	char path[] = "/tmp/test_uring.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	unlink(path);
	cr_assert_eq(ftruncate(fd, FILE_BYTES), 0);
	return fd;
}

static void
setup(void)
{
	devices[0] = (struct device){
		.fd = file_open(), .is_file = true, .can_discard = true};
	devices[1] = (struct device){.fd = -1};
	devices[2] = (struct device){
		.fd = file_open(), .is_file = true, .write_through = true};
	/* A pipe can be written, and not be flushed. */
	cr_assert_eq(pipe(pipe_fds), 0);
	devices[3] = (struct device){.fd = pipe_fds[1], .fua_by_flush = true};
	struct uring_config cfg = {
		.ring = &ring,
		.devices = devices,
		.device_count = 4,
		.queue_depth = DEPTH,
		.note = note_unwanted,
	};

	cr_assert_eq(ring_open(&ring, uring_in_flight_max(4, DEPTH)), 0);
	cr_assert_eq(uring_open(&uring, &cfg), 0);
	done_count = 0;
	in_flight_most = 0;
}

static void
teardown(void)
{
	uring_close(uring);
	ring_close(&ring);
	close(devices[0].fd);
	close(devices[2].fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

TestSuite(uring, .init = setup, .fini = teardown);

static void
count_done(struct io_req *req)
{
	(void)req;
	done_count++;
}

static void
submit(struct io_req *req)
{
	uint32_t before = done_count;

	if (!req->done)
		req->done = count_done;
	req->res = 1;
	uring_io(uring)->ops->submit(uring_io(uring), req);
	cr_assert_eq(done_count, before, "done was called from submit");
	if (ring.in_flight > in_flight_most)
		in_flight_most = ring.in_flight;
}

static void
run(void)
{
	while (uring_busy(uring)) {
		ring_turn(&ring, uring_deadline(uring));
		uring_tick(uring);
	}
}

static int
one(struct io_req req)
{
	submit(&req);
	run();
	return req.res;
}

Test(uring, what_was_written_is_read)
{
	memset(data, 'x', 8192);
	cr_assert_eq(one((struct io_req){.op = IO_WRITE,
					 .fua = true,
					 .offset = 4096,
					 .length = 8192,
					 .buf = data}),
		     0);
	memset(data, 0, 8192);
	cr_assert_eq(one((struct io_req){.op = IO_READ,
					 .offset = 8192,
					 .length = 4096,
					 .buf = data}),
		     0);
	cr_assert_eq(data[0], 'x');
	cr_assert_eq(data[4095], 'x');
}

Test(uring, a_read_beyond_the_end_is_an_error_never_a_short_one)
{
	struct io_req req = {.op = IO_READ, .length = 8192, .buf = data};

	req.offset = FILE_BYTES;
	cr_assert_eq(one(req), -EIO);
	req.offset = FILE_BYTES - 4096;
	cr_assert_eq(one(req), -EIO);
}

Test(uring, an_absent_member_is_an_error_of_its_own)
{
	cr_assert_eq(one((struct io_req){.op = IO_READ,
					 .member = 1,
					 .length = 4096,
					 .buf = data}),
		     -ENODEV);
	cr_assert_eq(one((struct io_req){.op = IO_FLUSH, .member = 1}),
		     -ENODEV);
}

Test(uring, a_flush_without_a_cache_does_not_trouble_the_kernel)
{
	struct io_req req = {.op = IO_FLUSH, .member = 2};

	submit(&req);
	cr_assert_eq(ring.in_flight, 0u);
	run();
	cr_assert_eq(req.res, 0);
	cr_assert_eq(one((struct io_req){.op = IO_FLUSH}), 0);
}

Test(uring, fua_is_a_write_and_a_flush_where_the_kernel_does_not_know_it)
{
	struct io_req req = {
		.op = IO_WRITE, .member = 3, .length = 512, .buf = data};

	cr_assert_eq(one(req), 0);
	req.fua = true;
	cr_assert_eq(one(req), -EINVAL);
	/* It had been written before. */
	cr_assert_eq(read(pipe_fds[0], data, 2048), 1024);
	cr_assert_eq(one((struct io_req){.op = IO_WRITE,
					 .fua = true,
					 .length = 512,
					 .buf = data}),
		     0);
}

Test(uring, a_discard_makes_a_hole_and_fails_nobody)
{
	memset(data, 'x', FILE_BYTES);
	cr_assert_eq(one((struct io_req){.op = IO_WRITE,
					 .length = FILE_BYTES,
					 .buf = data}),
		     0);
	cr_assert_eq(one((struct io_req){.op = IO_DISCARD,
					 .offset = 65536,
					 .length = 65536}),
		     0);
	cr_assert_eq(one((struct io_req){
			     .op = IO_READ, .length = FILE_BYTES, .buf = data}),
		     0);
	cr_assert_eq(data[65535], 'x');
	cr_assert_eq(data[65536], 0);
	cr_assert_eq(data[131071], 0);
	cr_assert_eq(data[131072], 'x');
	cr_assert_eq(one((struct io_req){
			     .op = IO_DISCARD, .member = 2, .length = 65536}),
		     0);
}

Test(uring, no_member_gets_more_at_a_time_than_its_queue_takes)
{
	static struct io_req reqs[REQS];

	for (uint32_t i = 0; i < REQS; i++) {
		reqs[i] = (struct io_req){.op = i % 3 ? IO_WRITE : IO_READ,
					  .offset = i * 4096,
					  .length = 4096,
					  .buf = data + i * 4096};
		submit(&reqs[i]);
	}
	run();
	cr_assert_eq(done_count, REQS);
	cr_assert_eq(in_flight_most, DEPTH);
	for (uint32_t i = 0; i < REQS; i++)
		cr_assert_eq(reqs[i].res, 0);
}

static struct io_req second = {.op = IO_READ, .length = 4096, .buf = data};

static void
submit_second(struct io_req *req)
{
	(void)req;
	submit(&second);
}

Test(uring, done_may_submit)
{
	cr_assert_eq(one((struct io_req){.op = IO_READ,
					 .length = 4096,
					 .buf = data,
					 .done = submit_second}),
		     0);
	cr_assert_eq(second.res, 0);
	cr_assert_eq(done_count, 1u);
}

Test(uring, time_stands_still_within_a_turn_and_chance_does_not_repeat)
{
	struct io *io = uring_io(uring);
	uint64_t now_ns = io->ops->now(io);
	uint64_t chance = io->ops->random(io);

	cr_assert_eq(io->ops->now(io), now_ns);
	cr_assert_neq(io->ops->random(io), chance);
	ring_turn(&ring, now_ns + 2000000);
	cr_assert_geq(io->ops->now(io), now_ns + 1000000);
}
