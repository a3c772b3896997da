/* SPDX-License-Identifier: MIT */
/*
 * The NBD front end with a client on a socket, and in the array's place this
 * file: what is done with reads whose buffer a slow leg has still (R10).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend.h"
#include "le.h"
#include "nbd_conn.h"
#include "nbd_frontend.h"
#include "nbd_proto.h"
#include "raid.h"
#include "ring.h"

#define EXPORT_BYTES (1ull << 30)
#define MIB          (1u << 20)
/* No connection gets a second buffer of this size. */
#define LARGE_BYTES (4 * MIB)

static struct ring ring;
static struct frontend *fe;
static int client;
/* What the array was asked, in this order. */
static struct raid_req *asked[512];
static unsigned asked_count;

void
raid_submit(struct raid *r, struct raid_req *req)
{
	(void)r;
	cr_assert_lt(asked_count, 512u);
	cr_assert_eq(req->held, 0u, "a leg has it still");
	asked[asked_count++] = req;
}

uint64_t
raid_size(const struct raid *r)
{
	(void)r;
	return EXPORT_BYTES;
}

static void
turn(void)
{
	for (unsigned i = 0; i < 4; i++) {
		ring_turn(&ring, ring.now_ns + 1000000);
		fe->ops->turn(fe);
	}
}

static void
setup(void)
{
	struct nbd_frontend_config cfg = {.ring = &ring, .block_bytes = 4096};
	bool locked;
	int fds[2];

	asked_count = 0;
	cr_assert_eq(ring_open(&ring, nbd_frontend_in_flight_max()), 0);
	cr_assert_eq(nbd_frontend_open(&fe, &cfg, &locked), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	client = fds[0];
	cr_assert_eq(nbd_frontend_take(fe, fds[1], 0), 0);
	turn();
}

static void
teardown(void)
{
	close(client);
	fe->ops->stop(fe);
	turn();
	cr_assert(fe->ops->is_idle(fe));
	fe->ops->close(fe);
	ring_close(&ring);
}

TestSuite(nbd_conn, .init = setup, .fini = teardown);

static void
put_be(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void
ask_to_read(uint32_t bytes)
{
	uint8_t out[NBD_REQUEST_BYTES] = {0};

	put_be(out, NBD_REQUEST_MAGIC, 4);
	put_be(out + 6, NBD_CMD_READ, 2);
	put_be(out + 24, bytes, 4);
	cr_assert_eq(send(client, out, sizeof(out), 0), (ssize_t)sizeof(out));
	turn();
}

/* A leg has its buffer, and it is to be asked again. */
static void
give_up(struct raid_req *req)
{
	req->held = 1;
	req->res = -EAGAIN;
	req->done(req);
	turn();
}

static void
release(struct raid_req *req)
{
	req->held = 0;
	req->released(req);
	turn();
}

static void
answer(struct raid_req *req)
{
	req->res = -EIO;
	req->done(req);
	turn();
}

Test(nbd_conn, a_read_is_asked_again_in_another_buffer)
{
	ask_to_read(4096);
	cr_assert_eq(asked_count, 1u);
	give_up(asked[0]);
	cr_assert_eq(asked_count, 2u);
	cr_assert_neq(asked[1], asked[0]);
	cr_assert_neq(asked[1]->buf, asked[0]->buf);
	release(asked[0]);
	answer(asked[1]);
	cr_assert_eq(asked_count, 2u);
}

/* Once, four of them were all a connection had, until the leg answered. */
Test(nbd_conn, reads_that_have_all_of_a_share_are_asked_again)
{
	for (unsigned i = 0; i < 4; i++)
		ask_to_read(MIB);
	for (unsigned i = 0; i < 4; i++)
		give_up(asked[i]);
	cr_assert_eq(asked_count, 8u);
	for (unsigned i = 4; i < 8; i++)
		answer(asked[i]);
	/* And others after them. */
	ask_to_read(MIB);
	cr_assert_eq(asked_count, 9u);
	answer(asked[8]);
	for (unsigned i = 0; i < 4; i++)
		release(asked[i]);
}

Test(nbd_conn, requests_that_are_held_leave_room_for_as_many)
{
	for (unsigned i = 0; i < NBD_REQUESTS_MAX + 1; i++)
		ask_to_read(512);
	/* One waits in the socket. */
	cr_assert_eq(asked_count, NBD_REQUESTS_MAX);
	for (unsigned i = 0; i < NBD_REQUESTS_MAX; i++)
		give_up(asked[i]);
	cr_assert_eq(asked_count, 2 * NBD_REQUESTS_MAX);
	for (unsigned i = NBD_REQUESTS_MAX; i < 2 * NBD_REQUESTS_MAX; i++)
		answer(asked[i]);
	cr_assert_eq(asked_count, 2 * NBD_REQUESTS_MAX + 1);
	answer(asked[2 * NBD_REQUESTS_MAX]);
	for (unsigned i = 0; i < NBD_REQUESTS_MAX; i++)
		release(asked[i]);
}

/* Once, nobody looked again when it came back: the client had no answer for as
 * long as it sent nothing else. */
Test(nbd_conn, a_read_without_another_buffer_goes_on_when_its_own_is_back)
{
	unsigned last = 0;

	ask_to_read(LARGE_BYTES);
	for (; asked_count == last + 1; last++)
		give_up(asked[last]);
	/* That one waits. */
	last--;
	cr_assert_gt(last, 1u);
	release(asked[last]);
	cr_assert_eq(asked_count, last + 2);
	cr_assert_eq(asked[last + 1], asked[last]);
	answer(asked[last + 1]);
	for (unsigned i = 0; i < last; i++)
		release(asked[i]);
}

/* Once, it waited behind one whose leg did not answer. */
Test(nbd_conn, a_read_that_can_go_on_does_not_wait_for_one_that_cannot)
{
	unsigned first = 0;

	for (unsigned i = 0; i < 4; i++)
		ask_to_read(MIB);
	/* Until no more can be aside. */
	for (; asked_count == first + 4; first += 4)
		for (unsigned i = 0; i < 4; i++)
			give_up(asked[first + i]);
	first -= 4;
	unsigned count = first + 4;

	cr_assert_eq(asked_count, count);
	release(asked[first + 1]);
	cr_assert_eq(asked_count, count + 1);
	cr_assert_eq(asked[count], asked[first + 1]);
	/* Its buffer goes from one to the next. */
	for (unsigned i = count; i < asked_count; i++)
		answer(asked[i]);
	cr_assert_eq(asked_count, count + 4);
	for (unsigned i = 0; i < count; i++)
		if (i != first + 1)
			release(asked[i]);
}
