/* SPDX-License-Identifier: MIT */
#include "notebox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"

int
notebox_init(struct notebox *n)
{
	n->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->eventfd < 0)
		return -errno;
	atomic_init(&n->put, 0);
	atomic_init(&n->taken, 0);
	atomic_init(&n->lost, 0);
	n->rung = false;
	return 0;
}

void
notebox_fini(struct notebox *n)
{
	close(n->eventfd);
}

void
notebox_put(struct notebox *n, const struct raid_note *note)
{
	uint32_t put = atomic_load_explicit(&n->put, memory_order_relaxed);
	uint32_t taken = atomic_load_explicit(&n->taken, memory_order_acquire);

	n->rung = true;
	if (put - taken == NOTEBOX_NOTES) {
		atomic_fetch_add(&n->lost, 1);
		return;
	}
	n->notes[put % NOTEBOX_NOTES] = *note;
	atomic_store_explicit(&n->put, put + 1, memory_order_release);
}

void
notebox_ring(struct notebox *n)
{
	uint64_t one = 1;

	if (!n->rung)
		return;
	n->rung = false;
	/* EAGAIN: it has been ringing for ever so long already. */
	ssize_t put = write(n->eventfd, &one, sizeof(one));

	CHECK(put == (ssize_t)sizeof(one) || errno == EAGAIN);
}

void
notebox_silence(struct notebox *n)
{
	uint64_t count;
	ssize_t got = read(n->eventfd, &count, sizeof(count));

	CHECK(got == (ssize_t)sizeof(count) || errno == EAGAIN);
}

bool
notebox_take(struct notebox *n, struct raid_note *out)
{
	uint32_t taken = atomic_load_explicit(&n->taken, memory_order_relaxed);
	uint32_t put = atomic_load_explicit(&n->put, memory_order_acquire);

	if (taken == put)
		return false;
	*out = n->notes[taken % NOTEBOX_NOTES];
	atomic_store_explicit(&n->taken, taken + 1, memory_order_release);
	return true;
}

uint64_t
notebox_lost(struct notebox *n)
{
	return atomic_exchange(&n->lost, 0);
}
