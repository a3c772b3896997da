/* SPDX-License-Identifier: MIT */
/* Opening a member and saying what its superblocks hold. */
#include "member.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define INT(n) json_integer((json_int_t)(n))

int
member_read(const struct member *m, void *buf, uint64_t bytes, uint64_t offset)
{
	uint64_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(m->fd, (char *)buf + done, bytes - done,
				  (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

/* Held: a disk is claimed exclusively, a file locked. */
static int
member_size(struct member *m, const char *path)
{
	struct stat st;
	int probe;

	if (fstat(m->fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		m->bytes = (uint64_t)st.st_size;
		m->held = flock(m->fd, LOCK_SH | LOCK_NB) < 0;
		/* Not to be in the way of one that starts now. */
		flock(m->fd, LOCK_UN);
	} else if (S_ISBLK(st.st_mode)) {
		if (ioctl(m->fd, BLKGETSIZE64, &m->bytes) < 0)
			return -errno;
		probe = open(path, O_RDONLY | O_CLOEXEC | O_EXCL);
		m->held = probe < 0 && errno == EBUSY;
		if (probe >= 0)
			close(probe);
	} else {
		return -EINVAL;
	}
	m->bytes &= ~(uint64_t)(BLOCK_BYTES - 1);
	return m->bytes < MEMBER_BYTES_MIN ? -ENOSPC : 0;
}

int
member_open(struct member *m, const char *path)
{
	void *buf;
	int err;

	memset(m, 0, sizeof(*m));
	m->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (m->fd < 0)
		return -errno;
	err = member_size(m, path);
	buf = err ? NULL : malloc(SB_BYTES);
	if (!buf) {
		close(m->fd);
		return err ? err : -ENOMEM;
	}
	for (unsigned i = 0; i < 2 * SB_SLOTS; i++) {
		uint64_t at = sb_offset(m->bytes, i / SB_SLOTS, i % SB_SLOTS);

		m->copies[i].res = -EIO;
		if (!member_read(m, buf, SB_BYTES, at))
			m->copies[i].res = sb_decode(buf, at, &m->copies[i].sb);
	}
	free(buf);
	m->chosen = sb_choose(m->copies, &m->res);
	return 0;
}

void
member_close(struct member *m)
{
	close(m->fd);
}

static const char *
copy_word(int res)
{
	switch (res) {
	case 0:
		return "good";
	case -ENOENT:
		return "none";
	case -EBADMSG:
		return "damaged";
	case -EPROTONOSUPPORT:
		return "newer format";
	case -EINVAL:
		return "impossible";
	default:
		return "unreadable";
	}
}

json_t *
member_superblocks(const struct member *m)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < 2 * SB_SLOTS; i++) {
		const struct sb_copy *copy = &m->copies[i];
		bool good = !copy->res;

		json_array_append_new(
			out,
			json_pack("{s:s,s:i,s:I,s:s,s:o,s:o,s:b}", "end",
				  i / SB_SLOTS ? "back" : "front", "slot",
				  (int)(i % SB_SLOTS), "offset",
				  (json_int_t)sb_offset(m->bytes, i / SB_SLOTS,
							i % SB_SLOTS),
				  "state", copy_word(copy->res), "sequence",
				  good ? INT(copy->sb.sequence) : json_null(),
				  "epoch",
				  good ? INT(copy->sb.history[0].number)
				       : json_null(),
				  "chosen", (int)i == m->chosen));
	}
	return out;
}

static json_t *
uuid_json(const uint8_t uuid[16])
{
	char text[37];

	uuid_unparse_lower(uuid, text);
	return json_string(text);
}

static const char *
how_word(enum sb_how how)
{
	switch (how) {
	case HOW_CREATE:
		return "create";
	case HOW_CHANGE:
		return "change";
	case HOW_START:
		return "start";
	case HOW_FORCE:
		break;
	}
	return "force";
}

static json_t *
history_json(const struct sb *sb)
{
	json_t *out = json_array();

	for (unsigned i = 0; i <= SB_HISTORY && sb->history[i].number; i++) {
		const struct sb_epoch *e = &sb->history[i];
		char nonce[20];

		snprintf(nonce, sizeof(nonce), "%016llx",
			 (unsigned long long)e->nonce);
		json_array_append_new(
			out,
			json_pack("{s:I,s:s,s:s,s:I}", "number",
				  (json_int_t)e->number, "nonce", nonce, "how",
				  how_word(e->how), "in_force_when_made",
				  (json_int_t)e->in_force_number));
	}
	return out;
}

static json_t *
places_json(const struct sb *sb)
{
	json_t *out = json_array();

	for (uint32_t set = 0; set < sb->geometry.sets; set++) {
		for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
			const struct sb_place *p = sb_place_const(sb, set, leg);
			char name[32];

			snprintf(name, sizeof(name), "%u.%u", set, leg);
			json_array_append_new(
				out,
				json_pack("{s:s,s:o,s:s,s:b,s:b,s:I}", "leg",
					  name, "member_uuid",
					  uuid_json(p->member_uuid), "state",
					  leg_state_word(p->state), "counted",
					  p->counted, "kept", p->kept,
					  "last_in_sync",
					  (json_int_t)p->last_in_sync));
		}
	}
	return out;
}

static json_t *
layout_json(const struct layout *l)
{
	return json_pack("{s:I,s:I,s:[I,I],s:I,s:I,s:I,s:I,s:I}",
			 "journal_offset", (json_int_t)l->journal_offset,
			 "journal_bytes", (json_int_t)l->journal_bytes,
			 "map_offsets", (json_int_t)l->map_offset[0],
			 (json_int_t)l->map_offset[1], "map_bytes",
			 (json_int_t)l->map_bytes, "sums_offset",
			 (json_int_t)l->sums_offset, "sums_bytes",
			 (json_int_t)l->sums_bytes, "data_offset",
			 (json_int_t)l->data_offset, "data_bytes",
			 (json_int_t)l->data_bytes);
}

json_t *
member_array(const struct member *m)
{
	const struct sb *sb = &m->copies[m->chosen].sb;
	const struct geometry *g = &sb->geometry;
	time_t created = (time_t)sb->created_s;
	json_t *out = json_object();
	char when[32] = "";
	char leg[32];
	struct tm tm;

	if (gmtime_r(&created, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(leg, sizeof(leg), "%u.%u", sb->set, sb->leg);
	json_object_set_new(out, "array", json_string(sb->name));
	json_object_set_new(out, "array_uuid", uuid_json(sb->array_uuid));
	json_object_set_new(out, "created", json_string(when));
	json_object_set_new(out, "member_uuid", uuid_json(sb->member_uuid));
	json_object_set_new(out, "leg", json_string(leg));
	json_object_set_new(out, "sequence", INT(sb->sequence));
	json_object_set_new(out, "sets", INT(g->sets));
	json_object_set_new(out, "legs", INT(g->legs));
	json_object_set_new(out, "chunk_bytes", INT(g->chunk_bytes));
	json_object_set_new(out, "block_bytes", INT(g->block_bytes));
	json_object_set_new(out, "region_blocks", INT(g->region_blocks));
	json_object_set_new(out, "layout", layout_json(&sb->layout));
	json_object_set_new(out, "epoch", INT(sb->history[0].number));
	json_object_set_new(out, "epoch_in_force", INT(sb->in_force_number));
	json_object_set_new(out, "marked_in_force",
			    json_boolean(sb_is_marked(sb)));
	json_object_set_new(out, "history", history_json(sb));
	json_object_set_new(out, "places", places_json(sb));
	return out;
}
