/* SPDX-License-Identifier: MIT */
/* From a line to the method that answers it. */
#include "rpc.h"

#include "arrays.h"
#include "check.h"
#include "log.h"
#include "poll.h"

static rpc_f *const handlers[] = {
	[RPC_PING] = rpc_ping,
	[RPC_VERSION] = rpc_version,
	[RPC_STATUS] = rpc_status,
	[RPC_LIST] = rpc_list,
	[RPC_SHOW] = rpc_show,
	[RPC_LOST] = rpc_lost,
	[RPC_FAULTS] = rpc_faults,
	[RPC_ATTACH_INFO] = rpc_attach_info,
	[RPC_CREATE] = rpc_create,
	[RPC_START] = rpc_start,
	[RPC_STOP] = rpc_stop,
	[RPC_DESTROY] = rpc_destroy,
	[RPC_SALVAGE] = rpc_salvage,
	[RPC_RECOVER] = rpc_recover,
	[RPC_MEMBER_FAIL] = rpc_member_fail,
};

_Static_assert(ARRAY_SIZE(handlers) == RPC_METHOD_COUNT, "one for each");

static json_t *
rpc_refuse(const struct rpc_call *call, const struct rpc_client *client)
{
	struct failure f;

	failure_set(&f, MSG_NOT_PERMITTED, "%s is not permitted to uid %u",
		    rpc_method_word(call->method), client->uid);
	failure_cause(&f, "only root and raidd's own user may change "
			  "anything; others may read");
	failure_remedy(&f, "run it as root: sudo raidctl ...");
	return rpc_error(call->id, RPC_FAILED, &f);
}

static json_t *
rpc_run(struct arrays *a, const struct rpc_call *call,
	const struct rpc_client *client)
{
	struct failure f;
	json_t *result = NULL;

	if (!rpc_method_changes(call->method)) {
		if (handlers[call->method](a, call, &result, &f))
			return rpc_error(call->id, RPC_FAILED, &f);
		return rpc_result(call->id, result);
	}
	if (!client->may_change)
		return rpc_refuse(call, client);
	if (handlers[call->method](a, call, &result, &f)) {
		log_info(NULL, "%s by uid %u: RD-%u %s",
			 rpc_method_word(call->method), client->uid,
			 message_number(f.message), f.what);
		return rpc_error(call->id, RPC_FAILED, &f);
	}
	if (!rpc_flag(call, "dry_run"))
		log_info(NULL, "%s by uid %u: done",
			 rpc_method_word(call->method), client->uid);
	return rpc_result(call->id, result);
}

json_t *
rpc_handle(struct arrays *a, const struct rpc_client *client, const char *line,
	   size_t length, bool *later)
{
	struct rpc_call call;
	struct failure f;
	json_t *answer = NULL;
	int code = rpc_decode(line, length, &call, &f);

	*later = !code && poll_is_awaiting() &&
		 (rpc_method_changes(call.method) ||
		  poll_clock_ns() < a->quiet_until_ns);
	if (code)
		answer = rpc_error(call.id, code, &f);
	else if (!*later)
		answer = rpc_run(a, &call, client);
	rpc_call_free(&call);
	return answer;
}
