/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "nbd.h"
#include "nbd_wire.h"

#define SIZE (1ull << 40)
#define BOTH (NBD_WITH_STRUCTURED | NBD_WITH_ALLOCATION)

static struct nbd_header
header(uint16_t type, uint16_t flags, uint64_t offset, uint32_t length)
{
	return (struct nbd_header){
		.type = type,
		.flags = flags,
		.cookie = 0x0102030405060708u,
		.offset = offset,
		.length = length,
	};
}

Test(nbd_wire, a_header_is_decoded_field_by_field)
{
	static const char wire[NBD_REQUEST_BYTES + 1] =
		"\x25\x60\x95\x13\x00\x11\x00\x06\x01\x02\x03\x04\x05\x06\x07"
		"\x08\x11\x12\x13\x14\x15\x16\x17\x18\x21\x22\x23\x24";
	struct nbd_header h;

	cr_assert_eq(nbd_header_decode(wire, &h), 0);
	cr_assert_eq(h.flags, NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_FAST_ZERO);
	cr_assert_eq(h.type, NBD_CMD_WRITE_ZEROES);
	cr_assert_eq(h.cookie, 0x0102030405060708u);
	cr_assert_eq(h.offset, 0x1112131415161718u);
	cr_assert_eq(h.length, 0x21222324u);
	cr_assert_eq(nbd_header_decode(wire + 1, &h), -EBADMSG);
}

Test(nbd_wire, what_may_not_be_carried_out_is_told_so)
{
	static const struct {
		uint16_t type, flags;
		uint64_t offset;
		uint32_t length;
		uint32_t with;
		int rc;
	} cases[] = {
		{NBD_CMD_READ, 0, 0, 1, 0, 0},
		{NBD_CMD_READ, 0, SIZE - 1, 1, 0, 0},
		{NBD_CMD_READ, 0, SIZE, 1, 0, -EINVAL},
		{NBD_CMD_READ, 0, UINT64_MAX, 2, 0, -EINVAL},
		{NBD_CMD_READ, 0, 0, 0, 0, -EINVAL},
		{NBD_CMD_READ, 0, 0, NBD_TRANSFER_MAX, 0, 0},
		{NBD_CMD_READ, 0, 0, NBD_TRANSFER_MAX + 1, 0, -EINVAL},
		{NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 1, 0, -EINVAL},
		{NBD_CMD_READ, NBD_CMD_FLAG_DF, 0, 1, BOTH, 0},
		{NBD_CMD_WRITE, NBD_CMD_FLAG_FUA, 0, 1, 0, 0},
		{NBD_CMD_WRITE, 0, SIZE - 1, 2, 0, -ENOSPC},
		{NBD_CMD_WRITE, 0, 0, NBD_TRANSFER_MAX + 1, 0, -EINVAL},
		{NBD_CMD_WRITE, NBD_CMD_FLAG_DF, 0, 1, BOTH, -EINVAL},
		{NBD_CMD_FLUSH, 0, 0, 0, 0, 0},
		{NBD_CMD_FLUSH, 0, 0, 1, 0, -EINVAL},
		{NBD_CMD_TRIM, NBD_CMD_FLAG_FUA, 0, UINT32_MAX, 0, 0},
		{NBD_CMD_TRIM, 0, SIZE, 1, 0, -EINVAL},
		{NBD_CMD_CACHE, 0, 0, UINT32_MAX, 0, 0},
		{NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE, 0, 1, 0, 0},
		{NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_FAST_ZERO, 0, 1, 0, 0},
		{NBD_CMD_WRITE_ZEROES,
		 NBD_CMD_FLAG_FAST_ZERO | NBD_CMD_FLAG_NO_HOLE, 0, 1, 0,
		 -EOPNOTSUPP},
		{NBD_CMD_WRITE_ZEROES, 0, SIZE - 1, 2, 0, -ENOSPC},
		{NBD_CMD_BLOCK_STATUS, 0, 0, 1, NBD_WITH_STRUCTURED, -EINVAL},
		{NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 0, 1, BOTH, 0},
		{NBD_CMD_BLOCK_STATUS, 0, SIZE, 1, BOTH, -EINVAL},
		{8, 0, 0, 1, BOTH, -EINVAL},
		{UINT16_MAX, 0, 0, 0, BOTH, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nbd_header h = header(cases[i].type, cases[i].flags,
					     cases[i].offset, cases[i].length);

		cr_assert_eq(nbd_header_check(&h, SIZE, cases[i].with),
			     cases[i].rc, "case %zu", i);
	}
}

Test(nbd_wire, only_the_protocols_errors_leave_the_house)
{
	cr_assert_eq(nbd_errno(0), NBD_OK);
	cr_assert_eq(nbd_errno(-EIO), NBD_EIO);
	cr_assert_eq(nbd_errno(-ENOSPC), NBD_ENOSPC);
	cr_assert_eq(nbd_errno(-ESHUTDOWN), NBD_ESHUTDOWN);
	cr_assert_eq(nbd_errno(-EOPNOTSUPP), NBD_ENOTSUP);
	cr_assert_eq(nbd_errno(-EUCLEAN), NBD_EIO);
}

Test(nbd_wire, a_simple_reply_is_sixteen_bytes)
{
	struct nbd_header h = header(NBD_CMD_WRITE, 0, 0, 1);
	char out[NBD_REPLY_HEAD_MAX];

	cr_assert_eq(nbd_reply_encode(out, &h, BOTH, -EIO, 0), 16);
	cr_assert_eq(
		memcmp(out, "\x67\x44\x66\x98\0\0\0\5\1\2\3\4\5\6\7\x08", 16),
		0);
}

Test(nbd_wire, a_read_is_answered_in_a_chunk_where_that_was_agreed)
{
	struct nbd_header h = header(NBD_CMD_READ, 0, 0x1000, 0x200);
	char out[NBD_REPLY_HEAD_MAX];

	cr_assert_eq(nbd_reply_encode(out, &h, 0, 0, 0x200), 16);
	cr_assert_eq(nbd_reply_encode(out, &h, BOTH, 0, 0x200), 28);
	cr_assert_eq(memcmp(out,
			    "\x66\x8e\x33\xef\0\1\0\1\1\2\3\4\5\6\7\x08"
			    "\0\0\2\x08\0\0\0\0\0\0\x10\0",
			    28),
		     0);
	cr_assert_eq(nbd_reply_encode(out, &h, BOTH, -EIO, 0), 26);
	cr_assert_eq(memcmp(out,
			    "\x66\x8e\x33\xef\0\1\x80\1\1\2\3\4\5\6\7\x08"
			    "\0\0\0\6\0\0\0\5\0\0",
			    26),
		     0);
}

static void
extents_are(const uint8_t *map, uint64_t offset, uint32_t length, uint32_t max,
	    const uint32_t *want, uint32_t count)
{
	char out[8 * NBD_EXTENT_BYTES];

	cr_assert_eq(nbd_extents_encode(out, max, map, 4096, offset, length),
		     count * NBD_EXTENT_BYTES);
	for (uint32_t i = 0; i < 2 * count; i++)
		cr_assert_eq(be32_get(out + 4 * i), want[i], "word %u", i);
}

Test(nbd_wire, extents_join_blocks_alike_and_end_with_the_request)
{
	static const uint8_t map[] = {1, 1, 0, 0, 1};

	extents_are(map, 0, 5 * 4096, 8,
		    (uint32_t[]){8192, 0, 8192, 3, 4096, 0}, 3);
	extents_are(map, 0, 5 * 4096, 2, (uint32_t[]){8192, 0, 8192, 3}, 2);
	extents_are(map, 4000, 4096 + 200, 8, (uint32_t[]){4192, 0, 104, 3}, 2);
	extents_are(map + 1, 4096 + 100, 10, 8, (uint32_t[]){10, 0}, 1);
	extents_are(map + 1, 8191, 2, 8, (uint32_t[]){1, 0, 1, 3}, 2);
}
