/* SPDX-License-Identifier: MIT */
/* Methods that change something: for root and our own user. */
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "attach.h"
#include "config.h"
#include "create.h"
#include "log.h"
#include "rpc.h"
#include "salvage.h"
#include "show.h"
#include "volume.h"

#define NS_PER_S 1000000000ull

static int
create_force(const json_t *words, unsigned *force, struct failure *f)
{
	for (size_t i = 0; i < json_array_size(words); i++) {
		const char *word = json_string_value(json_array_get(words, i));
		unsigned bit = create_force_of(word);
		int err;

		*force |= bit;
		if (bit)
			continue;
		err = failure_set(f, MSG_PARAMS_INVALID,
				  "there is no check '%.80s' to override",
				  word);
		failure_remedy(f, "known: foreign-signature, own-superblock, "
				  "mixed-sectors");
		return err;
	}
	return 0;
}

int
rpc_create(struct arrays *a, const struct rpc_call *call, json_t **result,
	   struct failure *f)
{
	const json_t *members = json_object_get(call->params, "members");
	struct create_request req = {
		.name = rpc_text(call, "name"),
		.legs = (uint32_t)rpc_number(call, "legs", 2),
		.chunk_bytes = (uint32_t)rpc_number(call, "chunk_bytes",
						    CHUNK_BYTES_DEFAULT),
		.dry_run = rpc_flag(call, "dry_run"),
		.member_count = (unsigned)json_array_size(members),
	};
	const char **paths;
	int err = create_force(json_object_get(call->params, "force"),
			       &req.force, f);

	if (err)
		return err;
	paths = calloc(req.member_count + 1, sizeof(*paths));
	if (!paths)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	for (unsigned i = 0; i < req.member_count; i++)
		paths[i] = json_string_value(json_array_get(members, i));
	req.members = paths;
	err = create_array(a, &req, result, f);
	free(paths);
	return err;
}

static enum start_mode
start_mode(const struct rpc_call *call)
{
	if (rpc_flag(call, "salvage"))
		return START_SALVAGE;
	return rpc_flag(call, "degraded") ? START_DEGRADED : START_ALONE;
}

/* It is served, but not as it is asked for now. */
static int
start_refuse(const struct array *array, enum start_mode mode, struct failure *f)
{
	int err;

	if (!array->volume || array->salvage == (mode == START_SALVAGE))
		return 0;
	err = failure_set(f, MSG_SERVED_ALREADY, "'%s' is served already, %s",
			  array->name,
			  array->salvage ? "read-only, as a salvage"
					 : "and not as a salvage");
	failure_remedy(f, "raidctl stop %s, then start it again", array->name);
	return err;
}

int
rpc_start(struct arrays *a, const struct rpc_call *call, json_t **result,
	  struct failure *f)
{
	struct array *array;
	uint64_t wait_ns = a->config->start_wait_s * NS_PER_S;
	bool already;
	int err = 0;

	if (arrays_scan(a, wait_ns))
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	err = arrays_find(a, rpc_text(call, "name"), &array, f);
	if (err)
		return err;
	already = array->volume != NULL;
	err = start_refuse(array, start_mode(call), f);
	if (!err && !already) {
		err = array_start(array, start_mode(call), wait_ns, f);
		array->state = err ? ARRAY_WAITING : ARRAY_SERVING;
		if (!err && array->salvage)
			salvage_log(array, "salvage");
	}
	if (err)
		return err;
	*result = json_pack("{s:b,s:o,s:o}", "already", already, "array",
			    show_brief(array), "salvage",
			    array->salvage ? salvage_report(array)
					   : json_null());
	return 0;
}

/* Who would be cut off. */
static int
refuse_in_use(const struct arrays *a, const struct array *array,
	      const char *verb, struct failure *f)
{
	struct attachment at;
	uint32_t connections;
	int err;

	if (!array->volume)
		return 0;
	connections = volume_connections(array->volume);
	/* An attachment without a connection is one that was cut off. */
	if (!connections)
		return 0;
	if (attach_read(a->config, array->name, &at)) {
		err = failure_set(f, MSG_ARRAY_IN_USE,
				  "cannot %s '%s': it is attached as %s", verb,
				  array->name,
				  at.device[0] ? at.device : "a block device");
		failure_cause(f, "%u connections are open", connections);
		failure_remedy(f,
			       "unmount it, then: raidctl detach %s && raidctl "
			       "%s %s",
			       array->name, verb, array->name);
		return err;
	}
	err = failure_set(f, MSG_ARRAY_IN_USE,
			  "cannot %s '%s': clients are connected", verb,
			  array->name);
	failure_cause(f, "%u NBD connection%s open on %s", connections,
		      connections == 1 ? " is" : "s are",
		      a->config->nbd_socket);
	failure_remedy(f,
		       "end these clients; see who they are: ss -xp | grep "
		       "%s",
		       a->config->nbd_socket);
	return err;
}

int
rpc_stop(struct arrays *a, const struct rpc_call *call, json_t **result,
	 struct failure *f)
{
	struct array *array;
	bool already;
	int err = arrays_find(a, rpc_text(call, "name"), &array, f);

	if (!err)
		err = refuse_in_use(a, array, "stop", f);
	if (err)
		return err;
	already = !array->volume;
	err = array_stop(array, f);
	if (err)
		return err;
	/* Its members are free again: see what they are. */
	if (arrays_scan(a, 0))
		log_warning(NULL, "no memory to look at the members again");
	*result = json_pack("{s:b}", "already", already);
	return 0;
}

int
rpc_destroy(struct arrays *a, const struct rpc_call *call, json_t **result,
	    struct failure *f)
{
	struct array *array;
	int err = arrays_find(a, rpc_text(call, "name"), &array, f);

	if (!err)
		err = refuse_in_use(a, array, "destroy", f);
	/* What it did not stop clean is no loss now. */
	if (!err && array->volume && array_stop(array, f))
		log_notice(array->name, "is destroyed all the same");
	if (!err)
		err = array_destroy(array, f);
	if (!err)
		*result = json_object();
	return err;
}

int
rpc_member_fail(struct arrays *a, const struct rpc_call *call, json_t **result,
		struct failure *f)
{
	struct array *array;
	int err = arrays_find_serving(a, rpc_text(call, "name"), &array, f);

	if (err)
		return err;
	err = array_member_fail(array, (uint32_t)rpc_number(call, "set", 0),
				(uint32_t)rpc_number(call, "leg", 0), f);
	if (!err)
		*result = json_object();
	return err;
}
