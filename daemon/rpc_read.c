/* SPDX-License-Identifier: MIT */
/* Methods that only look. */
#include <unistd.h>

#include "arrays.h"
#include "poll.h"
#include "rpc.h"
#include "show.h"
#include "volume.h"

int
rpc_ping(struct arrays *a, const struct rpc_call *call, json_t **result,
	 struct failure *f)
{
	(void)a;
	(void)call;
	(void)f;
	*result = json_object();
	return 0;
}

int
rpc_version(struct arrays *a, const struct rpc_call *call, json_t **result,
	    struct failure *f)
{
	(void)a;
	(void)call;
	(void)f;
	*result = json_pack("{s:s,s:i,s:i,s:i}", "raidd", PACKAGE_VERSION,
			    "protocol_major", 1, "protocol_minor", 0, "pid",
			    (int)getpid());
	return 0;
}

/* Arrays that are not served are looked for again: what was found may have
 * been pulled, or come back. */
static int
rpc_look_again(struct arrays *a, struct failure *f)
{
	bool all_serve = a->first != NULL;

	/* Somebody does already, and a disk lets them wait. */
	if (poll_is_awaiting())
		return 0;
	for (struct array *array = a->first; array; array = array->next)
		if (array->state != ARRAY_SERVING)
			all_serve = false;
	if (!all_serve && arrays_scan(a, 0))
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	return 0;
}

static int
rpc_one(struct arrays *a, const char *name, json_t **result, struct failure *f)
{
	struct array *array;
	int err = arrays_find(a, name, &array, f);

	if (err)
		return err;
	*result = json_pack("{s:s,s:[o],s:o}", "raidd", PACKAGE_VERSION,
			    "arrays", show_array(array), "unreadable_disks",
			    show_strays(a));
	return 0;
}

int
rpc_status(struct arrays *a, const struct rpc_call *call, json_t **result,
	   struct failure *f)
{
	const char *name = rpc_text(call, "name");
	json_t *list;
	int err = rpc_look_again(a, f);

	if (err || name)
		return err ? err : rpc_one(a, name, result, f);
	list = json_array();
	for (struct array *array = a->first; array; array = array->next)
		json_array_append_new(list, show_array(array));
	*result = json_pack("{s:s,s:o,s:o}", "raidd", PACKAGE_VERSION, "arrays",
			    list, "unreadable_disks", show_strays(a));
	return 0;
}

int
rpc_list(struct arrays *a, const struct rpc_call *call, json_t **result,
	 struct failure *f)
{
	json_t *list;
	int err = rpc_look_again(a, f);

	(void)call;
	if (err)
		return err;
	list = json_array();
	for (struct array *array = a->first; array; array = array->next)
		json_array_append_new(list, show_brief(array));
	*result = json_pack("{s:s,s:o}", "raidd", PACKAGE_VERSION, "arrays",
			    list);
	return 0;
}

int
rpc_show(struct arrays *a, const struct rpc_call *call, json_t **result,
	 struct failure *f)
{
	int err = rpc_look_again(a, f);

	return err ? err : rpc_one(a, rpc_text(call, "name"), result, f);
}

int
rpc_lost(struct arrays *a, const struct rpc_call *call, json_t **result,
	 struct failure *f)
{
	struct array *array;
	int err = arrays_find_serving(a, rpc_text(call, "name"), &array, f);
	json_t *lost;

	if (err)
		return err;
	lost = show_lost(array);
	if (!lost)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	*result =
		json_pack("{s:s,s:o}", "raidd", PACKAGE_VERSION, "lost", lost);
	return 0;
}

int
rpc_faults(struct arrays *a, const struct rpc_call *call, json_t **result,
	   struct failure *f)
{
	struct array *array;
	int err = arrays_find(a, rpc_text(call, "name"), &array, f);

	if (!err)
		*result = show_faults(array);
	return err;
}

int
rpc_attach_info(struct arrays *a, const struct rpc_call *call, json_t **result,
		struct failure *f)
{
	struct array *array;
	int err = arrays_find_serving(a, rpc_text(call, "name"), &array, f);

	if (err)
		return err;
	*result = json_pack(
		"{s:o,s:I,s:i,s:i}", "export", show_export(array), "size_bytes",
		(json_int_t)volume_bytes(array->volume), "block_bytes",
		(int)volume_block_bytes(array->volume), "connections",
		(int)volume_connections(array->volume));
	return 0;
}
