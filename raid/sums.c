/* SPDX-License-Identifier: MIT */
#include "sums.h"

#include <stddef.h>
#include <string.h>

#include "check.h"

static uint32_t
sums_hash_size(uint32_t count)
{
	uint32_t size = 64;

	while (size < count)
		size *= 2;
	return size;
}

void
sums_carve(struct sums *s, struct arena *a, uint32_t count, uint64_t regions)
{
	ARENA_TAKE(a, s, nodes, (size_t)count + 1, 64);
	ARENA_TAKE(a, s, heads, sums_hash_size(count), 64);
	ARENA_TAKE(a, s, per_region, regions, 64);
}

void
sums_init(struct sums *s, uint32_t limit, uint32_t count, uint32_t region_shift)
{
	s->limit = limit;
	s->count = count;
	s->hash_mask = sums_hash_size(count) - 1;
	s->region_shift = region_shift;
	sums_reset(s, 0);
}

void
sums_reset(struct sums *s, uint64_t regions)
{
	memset(s->heads, 0, ((size_t)s->hash_mask + 1) * sizeof(s->heads[0]));
	memset(s->per_region, 0, regions * sizeof(s->per_region[0]));
	CHECK(s->queue_head == NODE_NONE && s->reserved == 0);
	s->used = 0;
	s->high = 0;
	s->free = NODE_NONE;
	for (uint32_t i = s->count; i > 0; i--) {
		s->nodes[i] = (struct node){.older = s->free};
		s->free = i;
	}
}

static uint32_t
sums_bucket(const struct sums *s, uint64_t block)
{
	uint64_t h = block * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 32) & s->hash_mask;
}

static uint32_t
sums_index(const struct sums *s, const struct node *n)
{
	return (uint32_t)(n - s->nodes);
}

struct node *
sums_newest(const struct sums *s, uint64_t block)
{
	if (s->per_region[block >> s->region_shift] == 0)
		return NULL;
	uint32_t i = s->heads[sums_bucket(s, block)];

	while (i != NODE_NONE && s->nodes[i].block != block)
		i = s->nodes[i].hash_next;
	return sums_node(s, i);
}

struct node *
sums_visible(const struct sums *s, uint64_t block)
{
	struct node *n = sums_newest(s, block);

	while (n && (!(n->flags & NODE_DONE) ||
		     ((n->flags & NODE_FIRST) && !(n->flags & NODE_SETTLED))))
		n = sums_node(s, n->older);
	return n;
}

static void
sums_unhash(struct sums *s, struct node *n)
{
	uint32_t *at = &s->heads[sums_bucket(s, n->block)];
	uint32_t index = sums_index(s, n);

	CHECK(n->flags & NODE_HEAD);
	while (*at != index) {
		CHECK(*at != NODE_NONE);
		at = &s->nodes[*at].hash_next;
	}
	*at = n->hash_next;
	n->hash_next = NODE_NONE;
	n->flags &= (uint16_t)~NODE_HEAD;
}

static void
sums_hash(struct sums *s, struct node *n)
{
	uint32_t *head = &s->heads[sums_bucket(s, n->block)];

	n->hash_next = *head;
	n->flags |= NODE_HEAD;
	*head = sums_index(s, n);
}

static void
sums_release(struct sums *s, struct node *n)
{
	uint32_t index = sums_index(s, n);

	*n = (struct node){.older = s->free};
	s->free = index;
	CHECK(s->used > 0);
	s->used--;
}

/* Out of its chain; the memory stays while the queue points at it. */
static void
sums_free(struct sums *s, struct node *n)
{
	CHECK(!(n->flags & NODE_HEAD));
	s->per_region[n->block >> s->region_shift]--;
	if (n->flags & NODE_LISTED)
		n->flags = NODE_USED | NODE_LISTED | NODE_DEAD;
	else
		sums_release(s, n);
}

/* New nodes are taken: they come into a record by themselves, later than any
 * checkpoint that is under way now began. */
struct node *
sums_push(struct sums *s, uint64_t block, uint32_t sum, uint16_t flags)
{
	struct node *old = sums_newest(s, block);

	CHECK(s->free != NODE_NONE);
	struct node *n = &s->nodes[s->free];

	s->free = n->older;
	*n = (struct node){
		.block = block,
		.sum = sum,
		.flags = (uint16_t)(flags | NODE_USED | NODE_TAKEN),
	};
	if (old) {
		sums_unhash(s, old);
		n->older = sums_index(s, old);
	}
	sums_hash(s, n);
	s->per_region[block >> s->region_shift]++;
	s->used++;
	if (sums_index(s, n) > s->high)
		s->high = sums_index(s, n);
	return n;
}

void
sums_trim(struct sums *s, struct node *n)
{
	uint32_t i = n->older;

	n->older = NODE_NONE;
	while (i != NODE_NONE) {
		struct node *dead = &s->nodes[i];

		i = dead->older;
		sums_free(s, dead);
	}
}

void
sums_trim_settled(struct sums *s, uint64_t block, uint32_t done_gen)
{
	struct node *n = sums_newest(s, block);

	/* A base that no record holds yet cannot replace one that stands in
	 * the journal. */
	while (n && !((n->flags & NODE_JOURNALED) &&
		      node_is_settled(n, done_gen)))
		n = sums_node(s, n->older);
	if (n)
		sums_trim(s, n);
}

void
sums_drop(struct sums *s, uint64_t block)
{
	struct node *n = sums_newest(s, block);

	if (!n)
		return;
	sums_trim(s, n);
	sums_unhash(s, n);
	sums_free(s, n);
}

void
sums_pop(struct sums *s, uint64_t block)
{
	struct node *n = sums_newest(s, block);

	CHECK(n);
	struct node *older = sums_node(s, n->older);

	sums_unhash(s, n);
	n->older = NODE_NONE;
	sums_free(s, n);
	if (older)
		sums_hash(s, older);
}

void
sums_unchain(struct sums *s, struct node *n)
{
	struct node *dead = sums_node(s, n->older);

	CHECK(dead);
	n->older = dead->older;
	dead->older = NODE_NONE;
	sums_free(s, dead);
}

void
sums_drop_paged(struct sums *s, uint64_t block)
{
	struct node *n = sums_newest(s, block);

	if (!n)
		return;
	if (n->flags & NODE_PAGED) {
		sums_drop(s, block);
		return;
	}
	for (struct node *older; (older = sums_node(s, n->older)); n = older) {
		if (older->flags & NODE_PAGED) {
			sums_trim(s, n);
			return;
		}
	}
}

void
sums_queue(struct sums *s, struct node *n)
{
	uint32_t index = sums_index(s, n);

	CHECK(!(n->flags & NODE_LISTED));
	n->flags |= NODE_LISTED;
	n->queue_next = NODE_NONE;
	if (s->queue_tail == NODE_NONE)
		s->queue_head = index;
	else
		s->nodes[s->queue_tail].queue_next = index;
	s->queue_tail = index;
	s->queued++;
}

void
sums_queue_pop(struct sums *s)
{
	struct node *n = sums_node(s, s->queue_head);

	CHECK(n);
	s->queue_head = n->queue_next;
	if (s->queue_head == NODE_NONE)
		s->queue_tail = NODE_NONE;
	n->queue_next = NODE_NONE;
	s->drained++;
	if (n->flags & NODE_DEAD)
		sums_release(s, n);
	else
		n->flags &= (uint16_t)~NODE_LISTED;
}

struct node *
sums_queue_peek(struct sums *s)
{
	struct node *n;

	while ((n = sums_node(s, s->queue_head)) != NULL) {
		if (!(n->flags & (NODE_DEAD | NODE_JOURNALED)))
			return n;
		sums_queue_pop(s);
	}
	return NULL;
}

void
sums_untake(struct sums *s)
{
	for (uint32_t i = 1; i <= s->high; i++)
		s->nodes[i].flags &= (uint16_t)~NODE_TAKEN;
}

/* Nodes in the chains of the hash; most of its buckets are empty. */
static uint32_t
sums_count_hashed(const struct sums *s)
{
	uint32_t hashed = 0;

	for (uint32_t b = 0; b <= s->hash_mask; b += 8) {
		const uint32_t *h = &s->heads[b];

		if ((h[0] | h[1] | h[2] | h[3] | h[4] | h[5] | h[6] | h[7]) ==
		    NODE_NONE)
			continue;
		for (uint32_t k = 0; k < 8; k++)
			/* never: a ring of them; sums_check tells. */
			for (uint32_t i = h[k]; i && hashed <= s->used;
			     i = s->nodes[i].hash_next)
				hashed++;
	}
	return hashed;
}

void
sums_check(const struct sums *s)
{
	uint32_t used = 0;
	uint32_t heads = 0;

	for (uint32_t i = 1; i <= s->high; i++) {
		const struct node *n = &s->nodes[i];

		used += (n->flags & NODE_USED) != 0;
		heads += (n->flags & NODE_HEAD) != 0;
	}
	CHECK(used == s->used);
	CHECK(heads == sums_count_hashed(s));
}
