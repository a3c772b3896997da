/* SPDX-License-Identifier: MIT */
/* Methods about arrays that cannot start: what is read from where, and going
 * on from it. */
#include "arrays.h"
#include "config.h"
#include "rpc.h"
#include "salvage.h"
#include "show.h"
#include "volume.h"

#define NS_PER_S 1000000000ull

int
rpc_salvage(struct arrays *a, const struct rpc_call *call, json_t **result,
	    struct failure *f)
{
	struct array *array;
	int err = arrays_find_serving(a, rpc_text(call, "name"), &array, f);

	if (err)
		return err;
	if (!array->salvage) {
		err = failure_set(f, MSG_NOT_SALVAGED,
				  "'%s' is not served as a salvage",
				  array->name);
		failure_cause(f, "it was started like any other");
		failure_remedy(f, "how it is: raidctl status %s", array->name);
		return err;
	}
	*result = salvage_report(array);
	return 0;
}

/* What serves is whole enough, and who reads a salvage is not cut off. */
static int
refuse_served(const struct array *array, struct failure *f)
{
	uint32_t connections;
	int err;

	if (!array->volume)
		return 0;
	if (!array->salvage) {
		err = failure_set(f, MSG_SERVED_ALREADY,
				  "cannot recover '%s': it is served",
				  array->name);
		failure_remedy(f, "nothing is to be recovered: raidctl status "
				  "%s",
			       array->name);
		return err;
	}
	connections = volume_connections(array->volume);
	if (!connections)
		return 0;
	err = failure_set(f, MSG_ARRAY_IN_USE,
			  "cannot recover '%s': clients read it", array->name);
	failure_cause(f, "%u connections are open", connections);
	failure_remedy(f, "end them first (raidctl detach %s)", array->name);
	return err;
}

int
rpc_recover(struct arrays *a, const struct rpc_call *call, json_t **result,
	    struct failure *f)
{
	uint64_t wait_ns = a->config->start_wait_s * NS_PER_S;
	bool dry_run = rpc_flag(call, "dry_run");
	struct array *array;
	json_t *report;
	int err;

	if (!dry_run && !rpc_flag(call, "accept_loss"))
		return failure_set(f, MSG_PARAMS_INVALID,
				   "recover: accept_loss is not given");
	if (arrays_scan(a, wait_ns))
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	err = arrays_find(a, rpc_text(call, "name"), &array, f);
	if (!err)
		err = refuse_served(array, f);
	if (!err)
		err = array_recover(array, dry_run, wait_ns, &report, f);
	if (!err)
		*result = json_pack("{s:b,s:o}", "dry_run", dry_run, "salvage",
				    report);
	return err;
}
