/* SPDX-License-Identifier: MIT */
/*
 * Random streams.  Each purpose draws from its own, named, stream, and what
 * can be left out by itself (a run, a request, a fault) has one by its number,
 * so that leaving it out does not reshuffle all the others.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

/* A bijection that scatters; also makes the contents of written blocks. */
static inline uint64_t
rng_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline void
rng_init(struct rng *r, uint64_t seed, const char *name, uint64_t index)
{
	uint64_t x = rng_mix(seed) + index * 0x9e3779b97f4a7c15ull;

	while (*name != '\0')
		x = rng_mix(x ^ (uint8_t)*name++);
	for (unsigned i = 0; i < 4; i++)
		r->s[i] = rng_mix(x += 0x9e3779b97f4a7c15ull);
}

/* The stream of one numbered thing of a run. */
static inline uint64_t
rng_index(unsigned run, uint64_t count)
{
	return (uint64_t)run << 40 | count;
}

/* A single decision, by its number: nothing is drawn before it. */
static inline uint64_t
rng_once(uint64_t key, uint64_t index)
{
	return rng_mix(key ^ rng_mix(index + 0x9e3779b97f4a7c15ull));
}

static inline uint64_t
rng_rotate(uint64_t x, unsigned k)
{
	return (x << k) | (x >> (64 - k));
}

/* xoshiro256++ */
static inline uint64_t
rng_u64(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t out = rng_rotate(s[0] + s[3], 23) + s[0];
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rng_rotate(s[3], 45);
	return out;
}

/* 0 to n - 1; n is not 0.  The bias is of no interest here. */
static inline uint64_t
rng_below(struct rng *r, uint64_t n)
{
	return rng_u64(r) % n;
}

static inline uint64_t
rng_between(struct rng *r, uint64_t low, uint64_t high)
{
	return low + rng_below(r, high - low + 1);
}

static inline bool
rng_percent(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

static inline bool
rng_ppm(struct rng *r, unsigned parts_per_million)
{
	return parts_per_million != 0 &&
	       rng_below(r, 1000000) < parts_per_million;
}

/* One of the values given. */
#define RNG_PICK(r, ...)                                                       \
	(((const uint64_t[]){__VA_ARGS__})[rng_below(                          \
		r, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)])

#endif
